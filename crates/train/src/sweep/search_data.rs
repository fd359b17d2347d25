//! The data of a search: the embeddings of its split, and their whitening.

use model::{Engine, Trainable};

use super::engines::Engines;
use super::prepare::Prepared;
use crate::Error;
use crate::corpus::plan::Places;
use crate::embed::embeddings::{EmbeddingPass, Embeddings};
use crate::embed::whitening::Whitening;
use crate::trial::trainable_part::Start;

/// The data of a search.
pub(super) struct SearchData {
    /// Outputs of the frozen layers.
    pub embeddings: Embeddings,
    /// The same, whitened, if no layer of the backbone is trained.
    whitened: Option<Embeddings>,
    /// Fitted on the training embeddings of the whole backbone before training; the identity if it is off.
    whitening: Whitening,
}

impl SearchData {
    /// Embeds the recordings that have a place, and fits the whitening.
    pub fn new(prepared: &Prepared, engines: &Engines, places: &Places) -> Result<Self, Error> {
        let embeddings = frozen_pass(prepared, engines).run(places)?;
        let device = prepared.compute.device();
        let trained = prepared.config.backbone.train;
        let whitening = match (prepared.config.train.whiten, trained) {
            (false, _) => Whitening::none(device),
            (true, Trainable::None) => Whitening::fit(&embeddings, device)?,
            (true, _) => Whitening::fit(&whole_pass(prepared, engines).run(places)?, device)?,
        };
        let whitened = (trained == Trainable::None).then(|| whitening.apply(&embeddings)).transpose()?;
        Ok(Self { embeddings, whitened, whitening })
    }

    /// What trials are trained on.
    pub fn trained_on(&self) -> &Embeddings {
        self.whitened.as_ref().unwrap_or(&self.embeddings)
    }

    /// Where trials start.
    pub fn start<'a>(&'a self, prepared: &'a Prepared) -> Start<'a> {
        let Prepared { config, backbone, .. } = prepared;
        Start {
            weights: &backbone.weights,
            backbone: &config.backbone,
            input: backbone.weights.trainable_input(config.backbone.train, &config.features.inputs()),
            whitening: &self.whitening,
        }
    }
}

/// The passes that fill the cache for every search.
pub(super) fn cached_passes<'a>(prepared: &'a Prepared, engines: &'a Engines) -> Vec<EmbeddingPass<'a>> {
    let trained = prepared.config.backbone.train;
    let frozen = (trained != Trainable::All).then(|| frozen_pass(prepared, engines));
    let whole = (trained != Trainable::None && prepared.config.train.whiten).then(|| whole_pass(prepared, engines));
    frozen.into_iter().chain(whole).collect()
}

/// The pass through the layers that stay frozen.
fn frozen_pass<'a>(prepared: &'a Prepared, engines: &'a Engines) -> EmbeddingPass<'a> {
    pass(prepared, engines.frozen(), prepared.config.backbone.train)
}

/// The pass through the whole backbone before training, for the whitening.
fn whole_pass<'a>(prepared: &'a Prepared, engines: &'a Engines) -> EmbeddingPass<'a> {
    pass(prepared, engines.whole(), Trainable::None)
}

/// The pass through `frozen`, the layers before the part `trained`.
fn pass<'a>(prepared: &'a Prepared, frozen: &'a dyn Engine, trained: Trainable) -> EmbeddingPass<'a> {
    let Prepared { config, data, images, .. } = prepared;
    EmbeddingPass {
        corpus: &data.corpus,
        images,
        frozen,
        frozen_key: format!("{} before {trained:?}", prepared.backbone_key()),
        cache: (trained != Trainable::All).then(|| config.data.embedding_cache()),
        seed: config.seed,
        augmented_views: config.train.augmented_views,
    }
}
