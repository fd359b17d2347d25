//! What a gate is trained on, and where its embeddings are cached.

use std::path::Path;

use dataset::sounds::SOUNDS_VERSION;
use dataset::{Corpus, Key, Table};
use features::Extractor;
use model::Engine;

use crate::Error;
use crate::config::GateConfig;
use crate::sound::decoy::DECOYS_VERSION;

/// Changes whenever the same recordings and sounds give other excerpts than before: cache keys and run identities contain it.
pub(crate) const EXCERPTS_VERSION: u32 = 3;

/// What a gate is trained on.
pub struct GateInputs<'a> {
    /// Its settings.
    pub config: &'a GateConfig,
    /// The recordings.
    pub corpus: &'a Corpus,
    /// Group of each recording, `[n recordings]`; recordings of one group are not independent.
    pub groups: &'a [usize],
    /// Makes the images of the recordings.
    pub extractor: &'a Extractor,
    /// The backbone as it is saved.
    pub engine: &'a dyn Engine,
    /// Everything that decides its embeddings: engine, device, hash of the weights.
    pub engine_key: &'a str,
    /// Folder of the tables of embeddings.
    pub tables: &'a Path,
    /// Weights of an embedding that give the encoder's own logit for cries, `[n_outputs]`. If it has one, the gate only calibrates it.
    pub cry_logit: Option<Vec<f32>>,
    /// Whether the backbone was pretrained on synthetic sounds of all families.
    pub known_to_backbone: bool,
    /// The run's seed.
    pub seed: u64,
}

impl GateInputs<'_> {
    /// Whether decoys take part. They keep a gate from recognising cries by what surrounds them, so only a gate that learns what a cry
    /// is needs them.
    pub(super) fn has_decoys(&self) -> bool {
        self.config.decoys && self.cry_logit.is_none()
    }

    /// The digest of the recording `index` of the corpus; one that was split has been read.
    pub(super) fn key(&self, index: usize) -> Key {
        self.corpus.recordings[index].key().unwrap_or_default()
    }

    /// The waveform of the recording `index` of the corpus at the rate of the front end, not padded.
    ///
    /// # Errors
    /// [`Error::Recording`] if it can no longer be read.
    pub(super) fn waveform(&self, index: usize) -> Result<Vec<f32>, Error> {
        let recording = &self.corpus.recordings[index];
        let audio = self.corpus.decode(recording, self.extractor);
        let audio = audio.map_err(|source| Error::Recording { path: self.corpus.place(recording), source })?;
        Ok(self.extractor.unpadded_waveform(&audio))
    }

    /// The table of the embeddings of `what`.
    pub(super) fn table(&self, what: &str) -> Result<Table<f32>, Error> {
        let kind = format!("{what}; {}; {}", self.engine_key, self.made());
        Ok(Table::open(self.tables, &kind)?)
    }

    /// Everything but the encoder that decides the embedding of an excerpt or sound.
    pub(super) fn made(&self) -> String {
        let record_key = self.extractor.config().record_key();
        format!("gate {EXCERPTS_VERSION} {DECOYS_VERSION} {SOUNDS_VERSION}, seed {}; {record_key}", self.seed)
    }
}
