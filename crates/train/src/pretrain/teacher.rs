//! The teacher of a distillation: YAMNet, which embeds each sound without augmentation, through its own front end.

use dataset::Table;
use durable::from_hex;
use features::{Extractor, FeatureConfig};
use model::{Arch, Compute, Engine, NETWORKS_VERSION, Pooling};
use sha2::{Digest, Sha256};

use super::config::{Objective, PretrainConfig};
use crate::embed::cached::{CachedEngine, Entry, Images};
use crate::terminal::interrupt;
use crate::terminal::progress::Progress;
use crate::{Error, backbone};

/// Waveforms that are embedded together: enough to fill batches, few enough to fit in memory.
const CHUNK: usize = 16;

/// A YAMNet that is ready to run.
pub(super) struct Teacher {
    engine: Box<dyn Engine>,
    extractor: Extractor,
    /// Sample rate of the waveforms, Hz.
    sample_rate_hz: u32,
    /// Everything that decides its embeddings: version, engine, device, hash of the weights, front end, rate.
    key: String,
    table: Table<f32>,
}

impl Teacher {
    /// The teacher of a distillation, with the weights that `config` names (see [`backbone::load_named`]); `None` for other
    /// objectives.
    ///
    /// # Errors
    /// [`Error::Weights`] or [`Error::WeightFile`] if the weights are not available, [`Error::Device`] if the device does not
    /// support the network, [`Error::Dataset`] if the cache cannot be read.
    pub fn find(config: &PretrainConfig, compute: &Compute) -> Result<Option<Self>, Error> {
        let Objective::Distil { teacher, .. } = &config.objective else { return Ok(None) };
        let (weights, _) = backbone::load_named(teacher, Arch::YAMNET)?;
        let weights = weights.with_pooling(Pooling::Cry).map_err(Error::ModelFile)?;
        let features = FeatureConfig { clip_seconds: config.features.clip_seconds, ..FeatureConfig::yamnet() };
        let key = format!(
            "teacher: networks {NETWORKS_VERSION}, {compute} {} {} from {} Hz",
            weights.fingerprint(),
            features.record_key(),
            config.features.waveform_rate_hz()
        );
        Ok(Some(Self {
            engine: compute.engine(&weights, &features.inputs()).map_err(Error::device("the teacher"))?,
            table: Table::open(&config.data.embedding_tables(), &key)?,
            key,
            sample_rate_hz: config.features.waveform_rate_hz(),
            extractor: Extractor::new(&features).map_err(Error::Features)?,
        }))
    }

    /// Everything that decides its embeddings.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Embeddings `[n][2049]` of `waveforms`, at the rate of the configuration; the last number is the logit for crying. `hashes` identify
    /// the waveforms in the cache.
    ///
    /// # Errors
    /// [`Error::Device`] if the device gives no result, [`Error::Dataset`] if the cache cannot be written,
    /// [`Error::Interrupted`] on a signal.
    pub fn embeddings(&self, waveforms: &[Vec<f32>], hashes: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        let progress = Progress::new("embedding (teacher)", "recordings and sounds");
        let mut rows = Vec::new();
        for (chunk, of_chunk) in waveforms.chunks(CHUNK).zip(hashes.chunks(CHUNK)) {
            interrupt::check()?;
            rows.extend(self.embed(chunk, of_chunk)?);
            progress.set(rows.len(), hashes.len());
        }
        self.table.flush()?;
        Ok(rows)
    }

    /// Embeddings `[n_outputs]` of a few waveforms.
    fn embed(&self, waveforms: &[Vec<f32>], hashes: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        let entry = |hash: &String| {
            let key = from_hex(hash).unwrap_or_else(|| Sha256::digest(hash).into());
            Entry { table: Some(&self.table), key, n_rows: 1 }
        };
        let entries: Vec<Entry> = hashes.iter().map(entry).collect();
        CachedEngine { engine: self.engine.as_ref() }.embed(&entries, |index| {
            let waveform = self.extractor.at_own_rate(&waveforms[index], self.sample_rate_hz);
            Ok(Images::distinct(vec![self.extractor.record_from_waveform(&waveform)]))
        })
    }
}
