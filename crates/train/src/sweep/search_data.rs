//! The data of a search: the embeddings of its split, and their whitening.

use model::{Engine, FrozenOutput, Trainable};

use super::encoding::Encoding;
use super::engines::Engines;
use super::prepare::Prepared;
use crate::Error;
use crate::config::BackboneConfig;
use crate::corpus::plan::Places;
use crate::embed::embeddings::{EmbeddingPass, Embeddings, Rows};
use crate::embed::whitening::Whitening;
use crate::trial::trainable_part::Start;

/// The embeddings of a search's split.
pub(super) struct EmbeddedSplit {
    /// Outputs of the layers that stay frozen.
    frozen: Embeddings,
    /// Embeddings of the whole backbone before training, unless `frozen` holds them: those of another pass, or pooled frames.
    whole: Option<Embeddings>,
}

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

impl EmbeddedSplit {
    /// Embeds the recordings that have a place.
    pub fn new(prepared: &Prepared, encoding: &Encoding, places: &Places) -> Result<Self, Error> {
        let engines = encoding.engines(prepared.compute)?;
        let frozen = frozen_pass(prepared, encoding, engines).run(places)?;
        let whole = match encoding.config.frozen_output() {
            FrozenOutput::EMBEDDING => None,
            FrozenOutput::Before(_) => Some(whole_pass(prepared, encoding, engines).run(places)?),
            FrozenOutput::Frames => encoding.backbone.weights.frame_pooling().map(|pooling| frozen.pooled(&pooling)),
        };
        Ok(Self { frozen, whole })
    }

    /// Plain embeddings of the whole backbone before training.
    pub fn plain(&self) -> &Embeddings {
        self.whole.as_ref().unwrap_or(&self.frozen)
    }

    /// Fits the whitening, and prepares the rows for the heads.
    pub fn prepare(self, prepared: &Prepared, encoding: &Encoding) -> Result<SearchData, Error> {
        let (device, config) = (prepared.compute.device(), &encoding.config);
        let kind = config.head.kind;
        // What is whitened, each of this length: frames or embeddings.
        let (rows, length) = match kind.takes_frames() {
            true => {
                let frame_len = encoding.backbone.weights.n_head_inputs(kind).map_err(Error::device("the backbone"))?;
                (&self.frozen.train.rows, frame_len)
            }
            false => (&self.plain().train.rows, self.plain().n_features),
        };
        let whitening = match config.train.whiten {
            false => Whitening::none(kind.rectifies(), device),
            true => Whitening::fit(rows, length, kind.rectifies(), device)?,
        };
        let mut embeddings = self.frozen;
        let is_frozen = config.backbone.train == Trainable::None;
        let is_prepared = is_frozen && (kind.rectifies() || config.train.whiten);
        let plain_val = is_prepared.then(|| embeddings.val.rows.clone());
        if is_prepared {
            whitening.apply(&mut embeddings.train.rows, length)?;
            whitening.apply(&mut embeddings.val.rows, length)?;
        }
        Ok(SearchData { trained_on: embeddings, plain_val, whitening })
    }
}

impl SearchData {
    /// The validation rows as heads for plain embeddings expect them, `[n_val, n_features]`.
    pub fn plain_val(&self) -> &[f32] {
        self.plain_val.as_ref().unwrap_or(&self.trained_on.val.rows)
    }

    /// The test recordings; their rows are never whitened.
    pub fn test(&self) -> &Rows {
        &self.trained_on.test
    }

    /// Where the trials of `encoding`, whose data this is, start; `trained` says how a trial trains the backbone.
    pub fn start<'a>(&'a self, encoding: &'a Encoding, trained: &'a BackboneConfig) -> Start<'a> {
        let Encoding { config, backbone, .. } = encoding;
        Start {
            weights: &backbone.weights,
            backbone: trained,
            input: match (config.frozen_output(), backbone.weights.frames(&config.features.inputs())) {
                (FrozenOutput::Frames, Some([n_frames, frame_len])) => [frame_len, 1, n_frames],
                _ => backbone.weights.trainable_input(config.backbone.train, &config.features.inputs()),
            },
            whitening: &self.whitening,
        }
    }
}

/// The passes that fill the cache for every search with `encoding`.
pub(super) fn cached_passes<'a>(
    prepared: &'a Prepared,
    encoding: &'a Encoding,
) -> Result<Vec<EmbeddingPass<'a>>, Error> {
    let (engines, trained) = (encoding.engines(prepared.compute)?, encoding.config.backbone.train);
    let frozen = (trained != Trainable::All).then(|| frozen_pass(prepared, encoding, engines));
    let whole = (trained != Trainable::None).then(|| whole_pass(prepared, encoding, engines));
    Ok(frozen.into_iter().chain(whole).collect())
}

/// The pass through the layers that stay frozen.
fn frozen_pass<'a>(prepared: &'a Prepared, encoding: &'a Encoding, engines: &'a Engines) -> EmbeddingPass<'a> {
    pass(prepared, encoding, engines.frozen(), encoding.config.frozen_output())
}

/// The pass through the whole backbone before training, for the whitening and the baseline.
fn whole_pass<'a>(prepared: &'a Prepared, encoding: &'a Encoding, engines: &'a Engines) -> EmbeddingPass<'a> {
    pass(prepared, encoding, engines.whole(), FrozenOutput::EMBEDDING)
}

/// The pass through `frozen`, the layers up to `output`.
fn pass<'a>(
    prepared: &'a Prepared,
    encoding: &'a Encoding,
    frozen: &'a dyn Engine,
    output: FrozenOutput,
) -> EmbeddingPass<'a> {
    let (Prepared { data, embedding_tables, .. }, Encoding { config, extractor, .. }) = (prepared, encoding);
    EmbeddingPass {
        corpus: &data.corpus,
        extractor,
        frozen,
        frozen_key: match output {
            FrozenOutput::Before(trained) => format!("{} before {trained:?}", encoding.backbone_key()),
            FrozenOutput::Frames => format!("{} frames", encoding.backbone_key()),
        },
        tables: (output != FrozenOutput::Before(Trainable::All)).then_some(embedding_tables.as_path()),
        seed: config.seed,
        augmented_views: config.train.augmented_views,
    }
}
