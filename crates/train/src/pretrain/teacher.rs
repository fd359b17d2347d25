//! The teacher of a distillation: YAMNet, which hears each recording and sound unchanged, through its own front end.

use dataset::{FloatCache, hex};
use features::{Extractor, FeatureConfig};
use model::{Arch, Compute, Engine};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::config::PretrainConfig;
use crate::progress::Progress;
use crate::{Error, backbone, interrupt, parts};

/// Waveforms that are made ready and embedded together: enough to fill batches, few enough to stay small in memory.
const CHUNK: usize = 16;

/// A YAMNet that is ready to run.
struct Teacher {
    engine: Box<dyn Engine>,
    extractor: Extractor,
    /// Of the waveforms that it hears, Hz.
    sample_rate_hz: u32,
    /// What makes its embeddings: engine, device, hash of the weights, front end, rate.
    key: String,
    cache: FloatCache,
}

/// What the YAMNet that `teacher` names (see [`backbone::load_named`]) makes of each of `waveforms`, at the rate of `config`, which
/// `hashes` tell apart: each of its 1024 numbers brought to mean 0 and standard deviation 1 over them; one that never changes becomes 0.
///
/// # Errors
/// [`Error::Weights`] if the weights cannot be had, [`Error::Failed`] if the device gives no result or the cache cannot be written,
/// [`Error::Interrupted`] on a signal.
pub(super) fn targets(
    teacher: &str,
    config: &PretrainConfig,
    compute: &Compute,
    waveforms: &[Vec<f32>],
    hashes: &[String],
) -> Result<Vec<Vec<f32>>, Error> {
    let (weights, _) = backbone::load_named(teacher, Arch::YAMNET)?;
    let features = FeatureConfig { clip_seconds: config.features.clip_seconds, ..FeatureConfig::yamnet() };
    let failed = |e: String| Error::Failed(format!("the teacher: {e}"));
    let teacher = Teacher {
        engine: compute.engine(&weights, &features.inputs()).map_err(|e| failed(e.to_string()))?,
        key: format!(
            "teacher: {} on {} {} {} from {} Hz",
            compute.engine_name(),
            compute.device_name(),
            weights.fingerprint(),
            features.record_key(),
            config.features.waveform_rate_hz()
        ),
        sample_rate_hz: config.features.waveform_rate_hz(),
        extractor: Extractor::new(&features).map_err(|e| failed(e.to_string()))?,
        cache: FloatCache::new(&config.data.cache.join("embeddings")),
    };
    let progress = Progress::new("asking the teacher", "recordings and sounds");
    let mut rows = Vec::new();
    for (chunk, of_chunk) in waveforms.chunks(CHUNK).zip(hashes.chunks(CHUNK)) {
        interrupt::check()?;
        rows.extend(teacher.embed(chunk, of_chunk)?);
        progress.set(rows.len(), hashes.len());
    }
    standardise(&mut rows);
    Ok(rows)
}

impl Teacher {
    /// Embeddings `[n_outputs]` of a few waveforms, from the cache or from the network.
    fn embed(&self, waveforms: &[Vec<f32>], hashes: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        let n = self.engine.n_outputs();
        let key = |hash: &String| {
            let mut hasher = Sha256::new();
            parts::add(&mut hasher, [self.key.as_str(), hash.as_str()]);
            hex(&hasher.finalize())
        };
        let keys: Vec<String> = hashes.iter().map(key).collect();
        let mut rows: Vec<Option<Vec<f32>>> = keys.iter().map(|key| self.cache.get(key, n)).collect();
        let missing: Vec<usize> = (0..rows.len()).filter(|index| rows[*index].is_none()).collect();
        let image = |index: &usize| {
            let waveform = self.extractor.at_own_rate(&waveforms[*index], self.sample_rate_hz);
            self.extractor.record_from_waveform(&waveform)
        };
        let images: Vec<Vec<f32>> = missing.par_iter().map(image).collect();
        let embedded = self.engine.embed(&images.concat());
        let embedded = embedded.map_err(|e| Error::Failed(format!("the teacher gave no embedding: {e}")))?;
        for (index, row) in missing.into_iter().zip(embedded.chunks_exact(n)) {
            self.cache.put(&keys[index], row)?;
            rows[index] = Some(row.to_vec());
        }
        Ok(rows.into_iter().flatten().collect())
    }
}

fn standardise(rows: &mut [Vec<f32>]) {
    for column in 0..rows.first().map_or(0, Vec::len) {
        let n = rows.len() as f64;
        let mean = rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / n;
        let variance = rows.iter().map(|row| (f64::from(row[column]) - mean).powi(2)).sum::<f64>() / n;
        let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
        rows.iter_mut().for_each(|row| row[column] = ((f64::from(row[column]) - mean) * scale) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_standardised_and_one_that_never_changes_is_nothing() {
        let mut rows = vec![vec![3.0, 5.0], vec![1.0, 5.0]];
        standardise(&mut rows);
        assert_eq!(rows, [[1.0, 0.0], [-1.0, 0.0]]);
        standardise(&mut []);
    }
}
