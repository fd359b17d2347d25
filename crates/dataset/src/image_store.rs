//! The image of each recording, computed once and kept.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use features::{Extractor, FeatureConfig};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{Corpus, Error, FloatCache, Recording};

/// Images of recordings under one feature configuration, cached by content.
pub struct ImageStore {
    extractor: Extractor,
    image_key: String,
    cache: FloatCache,
}

/// What [`ImageStore::prepare`] found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Recordings without an image, in path order.
    pub unreadable: Vec<Unreadable>,
    /// Path and what is odd about it, in path order; only of recordings read now, not of those cached before.
    pub warnings: Vec<(String, String)>,
}

/// A recording without an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its index in the corpus.
    pub index: usize,
    /// Its path below the corpus' root.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl ImageStore {
    /// A store that keeps its images below `cache`.
    ///
    /// # Errors
    /// [`Error::Features`] if the configuration makes no sense.
    pub fn new(cache: &Path, config: &FeatureConfig) -> Result<Self, Error> {
        let extractor = Extractor::new(config).map_err(|e| Error::Features(e.to_string()))?;
        Ok(Self { image_key: config.image_key(), extractor, cache: FloatCache::new(&cache.join("images")) })
    }

    /// The feature configuration.
    pub fn config(&self) -> &FeatureConfig {
        self.extractor.config()
    }

    /// Height and width of an image in pixels.
    pub fn image_size(&self) -> usize {
        self.config().image_size
    }

    /// The image of a recording, `[image_size, image_size]` row-major in 0..1, from the cache or from its file.
    ///
    /// # Errors
    /// [`Error::Recording`] if it cannot be read, [`Error::Io`] if the cache cannot be written.
    pub fn image(&self, corpus: &Corpus, recording: &Recording) -> Result<Vec<f32>, Error> {
        match self.cache.get(&self.key(recording), self.image_size().pow(2)) {
            Some(image) => Ok(image),
            None => Ok(self.compute(corpus, recording)?.0),
        }
    }

    /// Sees to it that each recording has its image in the cache. `progress` gets (done, total), from several threads.
    ///
    /// # Errors
    /// [`Error::Io`] if the cache cannot be written.
    pub fn prepare(&self, corpus: &Corpus, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Checked, Error> {
        let checked = Mutex::new(Checked::default());
        let done = AtomicUsize::new(0);
        corpus.recordings.par_iter().enumerate().try_for_each(|(index, recording)| {
            if !self.cache.contains(&self.key(recording)) {
                let result = self.compute(corpus, recording);
                let mut checked = checked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                match result {
                    Ok((_, warnings)) => {
                        checked.warnings.extend(warnings.into_iter().map(|warning| (recording.path.clone(), warning)));
                    }
                    Err(Error::Recording { reason, .. }) => {
                        checked.unreadable.push(Unreadable { index, path: recording.path.clone(), reason });
                    }
                    Err(other) => return Err(other),
                }
            }
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, corpus.recordings.len());
            Ok(())
        })?;
        let mut checked = checked.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        checked.unreadable.sort_by_key(|unreadable| unreadable.index);
        checked.warnings.sort();
        Ok(checked)
    }

    fn compute(&self, corpus: &Corpus, recording: &Recording) -> Result<(Vec<f32>, Vec<String>), Error> {
        let path = corpus.root.join(&recording.path);
        let fail = |reason: String| Error::Recording { path: path.clone(), reason };
        let (image, warnings) = self.extractor.image_from_file(&path).map_err(|e| fail(e.to_string()))?;
        self.cache.put(&self.key(recording), &image)?;
        Ok((image, warnings.iter().map(ToString::to_string).collect()))
    }

    fn key(&self, recording: &Recording) -> String {
        let mut hasher = Sha256::new_with_prefix(&recording.sha256);
        hasher.update(&self.image_key);
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
