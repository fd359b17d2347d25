//! The embedding pass: each recording, and each augmented view of a training recording, goes through the frozen layers once and
//! is cached, so that a trial computes only the layers that it trains. The result is embeddings if the whole backbone is
//! frozen, or frames for a head that takes them, feature maps if it is trained from `layer4` on, and images if all of it is
//! trained. Each of them has a table of its own; heads of every kind over frames share theirs.

use std::path::Path;

use dataset::{Corpus, Split, Table};
use experiment::seed;
use features::Extractor;
use model::{Engine, FramePooling};

use super::cached::{CachedEngine, Entry, Images};
use crate::Error;
use crate::logistic::Examples;
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

/// The data that trials are trained and scored on, held in memory: 2 kB for an embedding, 57 kB for the frames of YAMNet, 200 kB for
/// a feature map or an image.
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
    /// The training views, for a logistic regression with the weight of each class, `[n_classes]`.
    pub(crate) fn examples(&self, class_weights: Vec<f64>) -> Examples<'_> {
        let Rows { rows, labels, .. } = &self.train;
        Examples { rows, labels, n_features: self.n_features, class_weights }
    }

    /// The embeddings that belong to these frames.
    pub(crate) fn pooled(&self, pooling: &FramePooling) -> Self {
        let pool = |rows: &Rows| Rows {
            recordings: rows.recordings.clone(),
            labels: rows.labels.clone(),
            rows: rows.rows.chunks_exact(self.n_features).flat_map(|frames| pooling.pool(frames)).collect(),
        };
        let [train, val, test] = [&self.train, &self.val, &self.test].map(pool);
        let n_features = train.rows.len() / (train.recordings.len() * self.n_views).max(1);
        Self { n_features, train, val, test, ..*self }
    }

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
    /// Makes their images.
    pub extractor: &'a Extractor,
    /// The frozen layers, for images of the shape that `extractor` gives.
    pub frozen: &'a dyn Engine,
    /// Everything that decides their outputs: engine, device, hash of the weights, and which layers they are.
    pub frozen_key: String,
    /// Folder of the tables in which the outputs are cached; `None` if there are no frozen layers.
    pub tables: Option<&'a Path>,
    /// Seed of the augmentation.
    pub seed: u64,
    /// SpecAugment views of each training recording; 0 for the plain image only.
    pub augmented_views: usize,
}

impl EmbeddingPass<'_> {
    /// Embeds every recording that has a place.
    ///
    /// # Errors
    /// [`Error::Recording`] if a recording can no longer be read, [`Error::Dataset`] if the cache cannot be read or written,
    /// [`Error::Device`] if the device returns no result, [`Error::Interrupted`] on a signal.
    pub fn run(&self, places: &[Option<Split>]) -> Result<Embeddings, Error> {
        let mut embeddings = Embeddings {
            n_classes: self.corpus.labels.len(),
            n_features: self.frozen.n_outputs(),
            n_views: self.augmented_views.max(1),
            train: Rows::default(),
            val: Rows::default(),
            test: Rows::default(),
        };
        for (split, part) in [
            (Split::Train, &mut embeddings.train),
            (Split::Val, &mut embeddings.val),
            (Split::Test, &mut embeddings.test),
        ] {
            let n = places.iter().filter(|place| **place == Some(split)).count();
            // Growing lists would need twice the memory.
            part.rows.reserve_exact(n * self.views(split).max(1) * embeddings.n_features);
        }
        self.each(places, |recording, split, row| {
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
        let augmented = if self.augmented_views > 0 { self.table(self.augmented_views)? } else { None };
        let tables = Tables { plain: self.table(0)?, augmented };
        let progress = Progress::new("embedding", "recordings");
        for (chunk_index, chunk) in placed.chunks(CHUNK).enumerate() {
            interrupt::check()?;
            let rows = self.embed_chunk(&tables, chunk)?;
            chunk.iter().zip(rows).for_each(|((recording, split), rows)| use_rows(*recording, *split, rows));
            progress.set((chunk_index * CHUNK + chunk.len()).min(placed.len()), placed.len());
        }
        tables.flush()
    }

    /// The table of the outputs for `n_views` augmented views of each recording, or for its plain image if that is 0.
    fn table(&self, n_views: usize) -> Result<Option<Table<f32>>, Error> {
        let Some(tables) = self.tables else { return Ok(None) };
        let config = self.extractor.config();
        let mut kind = format!("{}; {}", self.frozen_key, config.record_key());
        if n_views > 0 {
            kind += &format!("; {n_views} views, {}, seed {}", config.augment_key(), self.seed);
        }
        Ok(Some(Table::open(tables, &kind)?))
    }

    /// The rows of a few recordings, `[n_views or 1, n_features]` each.
    fn embed_chunk(&self, tables: &Tables, chunk: &[(usize, Split)]) -> Result<Vec<Vec<f32>>, Error> {
        let entry = |(recording, split): &(usize, Split)| {
            let n_views = self.views(*split);
            let key = self.corpus.recordings[*recording].key();
            let table = if n_views == 0 { &tables.plain } else { &tables.augmented };
            Entry { table: key.and(table.as_ref()), key: key.unwrap_or_default(), n_rows: n_views.max(1) }
        };
        let entries: Vec<Entry> = chunk.iter().map(entry).collect();
        CachedEngine { engine: self.frozen }.embed(&entries, |index| self.views_of(chunk[index].0, chunk[index].1))
    }

    fn views(&self, split: Split) -> usize {
        if split == Split::Train { self.augmented_views } else { 0 }
    }

    /// The views of a recording. SpecAugment leaves many images unchanged; these are embedded once.
    fn views_of(&self, recording: usize, split: Split) -> Result<Images, Error> {
        let entry = &self.corpus.recordings[recording];
        let audio = self.corpus.decode(entry, self.extractor);
        let audio = audio.map_err(|source| Error::Recording { path: self.corpus.place(entry), source })?;
        let plain = self.extractor.record(&audio);
        let n_views = self.views(split);
        if n_views == 0 {
            return Ok(Images::distinct(vec![plain]));
        }
        let config = self.extractor.config();
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
}

/// The tables of a pass.
struct Tables {
    plain: Option<Table<f32>>,
    /// For training recordings, if they have augmented views.
    augmented: Option<Table<f32>>,
}

impl Tables {
    fn flush(&self) -> Result<(), Error> {
        [&self.plain, &self.augmented].into_iter().flatten().try_for_each(|table| Ok(table.flush()?))
    }
}
