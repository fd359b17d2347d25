//! The embedding pass: each recording, and each augmented view of a training recording, goes through the frozen layers once and
//! is cached, so that a trial computes only the layers that it trains. The result is embeddings if the whole backbone is
//! frozen, feature maps if it is trained from `layer4` on, and images if all of it is trained.

use dataset::{Corpus, FloatCache, ImageStore, Split};
use durable::hex;
use experiment::{hash, seed};
use model::Engine;
use sha2::{Digest, Sha256};

use super::cached::{CachedEngine, Entry, Images};
use crate::Error;
use crate::terminal::interrupt;
use crate::terminal::progress::Progress;

/// Recordings that are loaded and embedded together: enough to fill batches, few enough to fit in memory.
const CHUNK: usize = 16;

/// Embeddings of one split.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Indices into the corpus' recordings, `[n]`.
    pub recordings: Vec<usize>,
    /// Class of each, `[n]`.
    pub labels: Vec<usize>,
    /// Row-major `[n, n_features]`; for training `[n, n_views, n_features]`.
    pub rows: Vec<f32>,
}

/// The data that trials are trained and scored on, held in memory: 2 kB for an embedding, 200 kB for a feature map or an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Number of classes.
    pub n_classes: usize,
    /// Length of an embedding, or of flattened feature maps.
    pub n_features: usize,
    /// Views of each training recording, at least 1.
    pub n_views: usize,
    /// Training recordings, with views.
    pub train: Rows,
    /// Validation recordings, without augmentation.
    pub val: Rows,
    /// Test recordings, without augmentation.
    pub test: Rows,
}

impl Embeddings {
    /// Embedding of view `view` of the `index`-th training recording, `[n_features]`.
    pub fn train_view(&self, index: usize, view: usize) -> &[f32] {
        let start = (index * self.n_views + view) * self.n_features;
        &self.train.rows[start..start + self.n_features]
    }
}

/// Inputs of one embedding pass over the corpus.
pub struct EmbeddingPass<'a> {
    /// The recordings.
    pub corpus: &'a Corpus,
    /// Their images.
    pub images: &'a ImageStore,
    /// The frozen layers, for images of the shape that `images` gives.
    pub frozen: &'a dyn Engine,
    /// Everything that decides their outputs: engine, device, hash of the weights, and which layers they are.
    pub frozen_key: String,
    /// Where the outputs are cached; `None` if there are no frozen layers.
    pub cache: Option<FloatCache>,
    /// Seed of the augmentation.
    pub seed: u64,
    /// SpecAugment views of each training recording; 0 for the plain image only.
    pub augmented_views: usize,
}

impl EmbeddingPass<'_> {
    /// Embeds every recording that has a place in `split`.
    ///
    /// # Errors
    /// [`Error::Dataset`] if a recording can no longer be read or the cache cannot be written, [`Error::Device`] if the device
    /// returns no result, [`Error::Interrupted`] on a signal.
    pub fn run(&self, split: &[Option<Split>]) -> Result<Embeddings, Error> {
        let mut embeddings = Embeddings {
            n_classes: self.corpus.labels.len(),
            n_features: self.frozen.n_outputs(),
            n_views: self.augmented_views.max(1),
            train: Rows::default(),
            val: Rows::default(),
            test: Rows::default(),
        };
        self.each(split, |recording, split, row| {
            let part = match split {
                Split::Train => &mut embeddings.train,
                Split::Val => &mut embeddings.val,
                Split::Test => &mut embeddings.test,
            };
            part.recordings.push(recording);
            part.labels.push(self.corpus.recordings[recording].label);
            part.rows.extend_from_slice(&row);
        })?;
        Ok(embeddings)
    }

    /// Puts every recording that has a place in `split` into the cache, and keeps none in memory.
    ///
    /// # Errors
    /// As [`EmbeddingPass::run`].
    pub fn fill_cache(&self, split: &[Option<Split>]) -> Result<(), Error> {
        self.each(split, |_, _, _| {})
    }

    /// Calls `use_rows` with the index, the split and the rows of every recording that has a place in `split`.
    fn each(&self, split: &[Option<Split>], mut use_rows: impl FnMut(usize, Split, Vec<f32>)) -> Result<(), Error> {
        let placed: Vec<(usize, Split)> = split.iter().enumerate().filter_map(|(i, s)| s.map(|s| (i, s))).collect();
        let progress = Progress::new("embedding", "recordings");
        for (chunk_index, chunk) in placed.chunks(CHUNK).enumerate() {
            interrupt::check()?;
            let rows = self.embed_chunk(chunk)?;
            chunk.iter().zip(rows).for_each(|((recording, split), rows)| use_rows(*recording, *split, rows));
            progress.set((chunk_index * CHUNK + chunk.len()).min(placed.len()), placed.len());
        }
        Ok(())
    }

    /// The rows of a few recordings, `[n_views or 1, n_features]` each.
    fn embed_chunk(&self, chunk: &[(usize, Split)]) -> Result<Vec<Vec<f32>>, Error> {
        let entry = |(recording, split): &(usize, Split)| Entry {
            key: self.key(*recording, *split),
            n_rows: self.views(*split).max(1),
        };
        let entries: Vec<Entry> = chunk.iter().map(entry).collect();
        let engine = CachedEngine { engine: self.frozen, cache: self.cache.as_ref() };
        engine.embed(&entries, |index| self.views_of(chunk[index].0, chunk[index].1))
    }

    fn views(&self, split: Split) -> usize {
        if split == Split::Train { self.augmented_views } else { 0 }
    }

    /// The views of a recording. SpecAugment leaves many images unchanged; these are embedded once.
    fn views_of(&self, recording: usize, split: Split) -> Result<Images, Error> {
        let entry = &self.corpus.recordings[recording];
        let plain = self.images.image(self.corpus, entry)?;
        let n_views = self.views(split);
        if n_views == 0 {
            return Ok(Images::distinct(vec![plain]));
        }
        let config = self.images.config();
        let mut images: Vec<Vec<f32>> = Vec::new();
        let image_of_row = (0..n_views)
            .map(|view| {
                let mut rng = seed::generator(self.seed, &["augment", &entry.sha256, &view.to_string()]);
                let mut image = plain.clone();
                config.augment(&mut image, &mut rng);
                images.iter().position(|known| *known == image).unwrap_or_else(|| {
                    images.push(image);
                    images.len() - 1
                })
            })
            .collect();
        Ok(Images { images, image_of_row })
    }

    fn key(&self, recording: usize, split: Split) -> String {
        let n_views = self.views(split);
        let config = self.images.config();
        let mut hasher = Sha256::new();
        let record_key = config.record_key();
        hash::add_parts(
            &mut hasher,
            [self.frozen_key.as_str(), &self.corpus.recordings[recording].sha256, &record_key],
        );
        if n_views > 0 {
            let views = format!("{n_views} views, {}, seed {}", config.augment_key(), self.seed);
            hash::add_parts(&mut hasher, [views.as_str()]);
        }
        hex(&hasher.finalize())
    }
}
