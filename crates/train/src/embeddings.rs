//! The frozen layers' one pass: each recording, and each augmented view of a training recording, goes through them once
//! and is kept on disk, so that a trial costs no more than what it trains. With a frozen backbone that gives embeddings,
//! with a backbone that is trained from `layer4` on, feature maps; training all of it starts from the images.

use dataset::{Corpus, FloatCache, ImageStore, Split, hex};
use model::Engine;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::progress::Progress;
use crate::seed;
use crate::{Error, interrupt, parts};

/// Recordings that are loaded and embedded together: enough to fill batches, few enough to stay small in memory.
const CHUNK: usize = 16;

/// Embeddings of one split.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Indices into the corpus' recordings.
    pub recordings: Vec<usize>,
    /// Class of each.
    pub labels: Vec<usize>,
    /// `[n, n_features]`, for training `[n, n_views, n_features]`, row-major.
    pub rows: Vec<f32>,
}

/// What the heads, and the trained part of the backbone, are trained and scored on. It is held in memory: at full size
/// 2 kB for an embedding, 200 kB for a feature map or an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Classes of the task.
    pub n_classes: usize,
    /// Length of an embedding, or of flattened feature maps.
    pub n_features: usize,
    /// Views of each training recording, at least 1.
    pub n_views: usize,
    /// Training, with views.
    pub train: Rows,
    /// Validation, plain images.
    pub val: Rows,
    /// Test, plain images.
    pub test: Rows,
}

impl Embeddings {
    /// Embedding of view `view` of the `index`-th training recording, `[n_features]`.
    pub fn train_view(&self, index: usize, view: usize) -> &[f32] {
        let start = (index * self.n_views + view) * self.n_features;
        &self.train.rows[start..start + self.n_features]
    }
}

/// What the pass needs to know.
pub struct Pass<'a> {
    /// The recordings.
    pub corpus: &'a Corpus,
    /// Images of recordings, cached.
    pub images: &'a ImageStore,
    /// The frozen layers, for images of the shape that `images` gives.
    pub frozen: &'a dyn Engine,
    /// What made their outputs: engine, device, hash of the weights, and which layers they are.
    pub frozen_key: &'a str,
    /// Where the outputs are kept; `None` if there are no layers.
    pub cache: Option<&'a FloatCache>,
    /// Seed of the augmentation.
    pub seed: u64,
    /// SpecAugment views of each training recording; 0 for the plain image alone.
    pub augmented_views: usize,
}

impl Pass<'_> {
    /// Embeds every recording that `split` places.
    ///
    /// # Errors
    /// [`Error::Data`] if a recording has become unreadable, [`Error::Failed`] if the device gives no result or the
    /// cache cannot be written.
    pub fn run(&self, split: &[Option<Split>]) -> Result<Embeddings, Error> {
        let mut embeddings = Embeddings {
            n_classes: self.corpus.labels.len(),
            n_features: self.frozen.n_outputs(),
            n_views: self.augmented_views.max(1),
            train: Rows::default(),
            val: Rows::default(),
            test: Rows::default(),
        };
        let placed: Vec<(usize, Split)> = split.iter().enumerate().filter_map(|(i, s)| s.map(|s| (i, s))).collect();
        let progress = Progress::new("embedding", "recordings");
        for (chunk_index, chunk) in placed.chunks(CHUNK).enumerate() {
            interrupt::check()?;
            let rows = self.embed_chunk(chunk)?;
            for ((recording, split), row) in chunk.iter().zip(rows) {
                let part = match split {
                    Split::Train => &mut embeddings.train,
                    Split::Val => &mut embeddings.val,
                    Split::Test => &mut embeddings.test,
                };
                part.recordings.push(*recording);
                part.labels.push(self.corpus.recordings[*recording].label);
                part.rows.extend_from_slice(&row);
            }
            progress.set((chunk_index * CHUNK + chunk.len()).min(placed.len()), placed.len());
        }
        Ok(embeddings)
    }

    /// The rows of a few recordings, `[n_views or 1, n_features]` each, from the cache or from the backbone.
    fn embed_chunk(&self, chunk: &[(usize, Split)]) -> Result<Vec<Vec<f32>>, Error> {
        let n_features = self.frozen.n_outputs();
        let keys: Vec<String> = chunk.iter().map(|(recording, split)| self.key(*recording, *split)).collect();
        let mut found: Vec<Option<Vec<f32>>> = chunk
            .iter()
            .zip(&keys)
            .map(|((_, split), key)| self.cache?.get(key, self.views(*split).max(1) * n_features))
            .collect();
        let missing: Vec<usize> = (0..chunk.len()).filter(|i| found[*i].is_none()).collect();
        let views: Vec<Views> =
            missing.par_iter().map(|i| self.views_of(chunk[*i].0, chunk[*i].1)).collect::<Result<_, _>>()?;
        let pixels: Vec<f32> = views.iter().flat_map(|v| v.images.iter().flatten().copied()).collect();
        let embedded =
            self.frozen.embed(&pixels).map_err(|e| Error::Failed(format!("the backbone gave no embedding: {e}")))?;
        let mut first = 0;
        for (i, views) in missing.into_iter().zip(views) {
            let row: Vec<f32> = views
                .image_of_view
                .iter()
                .flat_map(|image| &embedded[(first + image) * n_features..(first + image + 1) * n_features])
                .copied()
                .collect();
            first += views.images.len();
            if let Some(cache) = self.cache {
                cache.put(&keys[i], &row)?;
            }
            found[i] = Some(row);
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn views(&self, split: Split) -> usize {
        if split == Split::Train { self.augmented_views } else { 0 }
    }

    /// The distinct images of a recording, and which of them each view shows: SpecAugment leaves many as they are.
    fn views_of(&self, recording: usize, split: Split) -> Result<Views, Error> {
        let entry = &self.corpus.recordings[recording];
        let plain = self.images.image(self.corpus, entry)?;
        let n_views = self.views(split);
        if n_views == 0 {
            return Ok(Views { images: vec![plain], image_of_view: vec![0] });
        }
        let config = self.images.config();
        let mut images: Vec<Vec<f32>> = Vec::new();
        let image_of_view = (0..n_views)
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
        Ok(Views { images, image_of_view })
    }

    fn key(&self, recording: usize, split: Split) -> String {
        let n_views = self.views(split);
        let config = self.images.config();
        let mut hasher = Sha256::new();
        let image_key = config.record_key();
        parts::add(&mut hasher, [self.frozen_key, &self.corpus.recordings[recording].sha256, &image_key]);
        if n_views > 0 {
            let views = format!("{n_views} views, {}, seed {}", config.augment_key(), self.seed);
            parts::add(&mut hasher, [views.as_str()]);
        }
        hex(&hasher.finalize())
    }
}

struct Views {
    images: Vec<Vec<f32>>,
    image_of_view: Vec<usize>,
}
