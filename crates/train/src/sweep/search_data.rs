//! The data of a search: the embeddings of its split, and their whitening.

use model::{Engine, Trainable};

use super::engines::Engines;
use super::prepare::Prepared;
use crate::Error;
use crate::corpus::plan::Places;
use crate::embed::embeddings::{EmbeddingPass, Embeddings, Rows};
use crate::embed::whitening::Whitening;
use crate::trial::trainable_part::Start;

/// The data of a search. There is one copy of the training rows.
pub(super) struct SearchData {
    /// What trials are trained on: outputs of the frozen layers, rectified and whitened for heads that rectify embeddings, if no
    /// layer of the backbone is trained.
    pub trained_on: Embeddings,
    /// The validation rows before they were rectified and whitened, if they were.
    plain_val: Option<Vec<f32>>,
    /// Fitted on the training embeddings of the whole backbone before training; the identity if it is off.
    whitening: Whitening,
}

impl SearchData {
    /// Embeds the recordings that have a place, and fits the whitening.
    pub fn new(prepared: &Prepared, engines: &Engines, places: &Places) -> Result<Self, Error> {
        let mut embeddings = frozen_pass(prepared, engines).run(places)?;
        let device = prepared.compute.device();
        let trained = prepared.config.backbone.train;
        let whitening = match (prepared.config.train.whiten, trained) {
            (false, _) => Whitening::none(device),
            (true, Trainable::None) => Whitening::fit(&embeddings, device)?,
            (true, _) => Whitening::fit(&whole_pass(prepared, engines).run(places)?, device)?,
        };
        let is_prepared = trained == Trainable::None && prepared.config.head.kind.rectifies();
        let plain_val = is_prepared.then(|| embeddings.val.rows.clone());
        if is_prepared {
            whitening.apply(&mut embeddings.train.rows, embeddings.n_features)?;
            whitening.apply(&mut embeddings.val.rows, embeddings.n_features)?;
        }
        Ok(Self { trained_on: embeddings, plain_val, whitening })
    }

    /// The validation rows as heads for plain embeddings expect them, `[n_val, n_features]`.
    pub fn plain_val(&self) -> &[f32] {
        self.plain_val.as_ref().unwrap_or(&self.trained_on.val.rows)
    }

    /// The test recordings; their rows are never whitened.
    pub fn test(&self) -> &Rows {
        &self.trained_on.test
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
    let Prepared { config, data, extractor, embedding_tables, .. } = prepared;
    EmbeddingPass {
        corpus: &data.corpus,
        extractor,
        frozen,
        frozen_key: format!("{} before {trained:?}", prepared.backbone_key()),
        tables: (trained != Trainable::All).then_some(embedding_tables.as_path()),
        seed: config.seed,
        augmented_views: config.train.augmented_views,
    }
}
