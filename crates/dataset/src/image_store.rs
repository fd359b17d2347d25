//! The encoder input of each recording, computed once and cached.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use durable::hex;
use features::{Extractor, FeatureConfig};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{Corpus, Error, FloatCache, Recording};

/// Images of recordings under one feature configuration, cached by the content of the file.
pub struct ImageStore {
    extractor: Extractor,
    image_key: String,
    cache: FloatCache,
}

/// The result of [`ImageStore::prepare`].
#[derive(Debug, Default)]
pub struct Checked {
    /// Recordings without an image, in path order.
    pub unreadable: Vec<Unreadable>,
    /// Path and warning, in path order. Only for recordings that were read now, not for those in the cache before.
    pub warnings: Vec<(String, String)>,
}

/// A recording without an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Index in the corpus.
    pub index: usize,
    /// Path relative to the root of the corpus.
    pub path: String,
    /// Why it has no image.
    pub reason: String,
}

impl ImageStore {
    /// A store with its images in the folder `images` of `cache`.
    ///
    /// # Errors
    /// [`Error::Features`] if the configuration is invalid.
    pub fn new(cache: &Path, config: &FeatureConfig) -> Result<Self, Error> {
        let extractor = Extractor::new(config).map_err(Error::Features)?;
        Ok(Self { image_key: config.record_key(), extractor, cache: FloatCache::new(&cache.join("images")) })
    }

    /// The feature configuration.
    pub fn config(&self) -> &FeatureConfig {
        self.extractor.config()
    }

    /// The extractor of the images.
    pub fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// The record of a recording, the configuration's inputs one after the other, from the cache or from its file.
    ///
    /// # Errors
    /// [`Error::Recording`] if the file is unreadable, [`Error::Write`] if the cache cannot be written.
    pub fn image(&self, corpus: &Corpus, recording: &Recording) -> Result<Vec<f32>, Error> {
        match self.key(recording).and_then(|key| self.cache.get(&key, self.config().record_len())) {
            Some(image) => Ok(image),
            None => Ok(self.compute(corpus, recording)?.0),
        }
    }

    /// Computes the images that are missing from the cache. `progress` is called with (done, total) from several
    /// threads.
    ///
    /// # Errors
    /// [`Error::Write`] if the cache cannot be written. Unreadable recordings are part of the result.
    pub fn prepare(&self, corpus: &Corpus, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Checked, Error> {
        let checked = Mutex::new(Checked::default());
        let done = AtomicUsize::new(0);
        corpus.recordings.par_iter().enumerate().try_for_each(|(index, recording)| {
            if !self.key(recording).is_some_and(|key| self.cache.contains(&key)) {
                let result = self.compute(corpus, recording);
                let mut checked = checked.lock().unwrap_or_else(PoisonError::into_inner);
                match result {
                    Ok((_, warnings)) => {
                        checked.warnings.extend(warnings.into_iter().map(|warning| (recording.path.clone(), warning)));
                    }
                    Err(Error::Recording { source, .. }) => {
                        let (path, reason) = (recording.path.clone(), source.to_string());
                        checked.unreadable.push(Unreadable { index, path, reason });
                    }
                    Err(other) => return Err(other),
                }
            }
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, corpus.recordings.len());
            Ok(())
        })?;
        let mut checked = checked.into_inner().unwrap_or_else(PoisonError::into_inner);
        checked.unreadable.sort_by_key(|unreadable| unreadable.index);
        checked.warnings.sort();
        Ok(checked)
    }

    fn compute(&self, corpus: &Corpus, recording: &Recording) -> Result<(Vec<f32>, Vec<String>), Error> {
        let path = corpus.root.join(&recording.path);
        let fail = |source: features::Error| Error::Recording { path: path.clone(), source };
        let (image, warnings) = self.extractor.record_from_file(&path).map_err(fail)?;
        let not_hashed = || fail(io::Error::other("it could not be read when the folder was listed").into());
        let key = self.key(recording).ok_or_else(not_hashed)?;
        self.cache.put(&key, &image)?;
        Ok((image, warnings.iter().map(ToString::to_string).collect()))
    }

    /// Cache key. `None` if the recording has no hash, since the content of its file is then unknown.
    fn key(&self, recording: &Recording) -> Option<String> {
        let mut hasher = Sha256::new_with_prefix(Some(&recording.sha256).filter(|hash| !hash.is_empty())?);
        hasher.update(&self.image_key);
        Some(hex(&hasher.finalize()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn recordings_that_vanish_or_appear_after_the_listing_are_reported_and_not_cached() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, sample: i16| {
            let spec = hound::WavSpec {
                channels: 1,
                sample_rate: 8000,
                bits_per_sample: 16,
                sample_format: hound::SampleFormat::Int,
            };
            let mut writer = hound::WavWriter::create(root.path().join(name), spec).unwrap();
            (0..800).for_each(|i| writer.write_sample(sample * (i % 7)).unwrap());
            writer.finalize().unwrap();
        };
        std::fs::create_dir(root.path().join("tired")).unwrap();
        write("tired/appears.wav", 900);
        write("tired/stays.wav", 1000);
        write("tired/vanishes.wav", 1100);
        let mut corpus = Corpus::scan(root.path()).unwrap();
        corpus.recordings[0].sha256 = String::new(); // as if the file had been unreadable
        std::fs::remove_file(root.path().join("tired/vanishes.wav")).unwrap();
        let store = ImageStore::new(&root.path().join("cache"), &FeatureConfig::default()).unwrap();
        for _ in ["cold", "warm"] {
            let checked = store.prepare(&corpus, &|_, _| {}).unwrap();
            let found: Vec<(usize, &str)> = checked.unreadable.iter().map(|u| (u.index, u.path.as_str())).collect();
            assert_eq!(found, [(0, "tired/appears.wav"), (2, "tired/vanishes.wav")]);
            assert!(store.image(&corpus, &corpus.recordings[0]).is_err());
        }
    }
}
