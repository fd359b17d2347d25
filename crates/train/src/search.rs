//! The search on one split: embed, train every trial of the grid, choose one by validation, score it on the test.

use std::sync::atomic::{AtomicUsize, Ordering};

use dataset::{Corpus, FloatCache, ImageStore, split_to_csv};
use metrics::{Calibration, Predictions};
use model::{BackboneWeights, Compute, Head, HeadConfig, Trainable};
use rayon::prelude::*;

use crate::Error;
use crate::config::Config;
use crate::embeddings::{Embeddings, Pass, Rows};
use crate::plan::Places;
use crate::progress::Progress;
use crate::report::TrialSummary;
use crate::results::{Trial, read_checkpoint, write_leaderboard};
use crate::run_folder::RunFolder;
use crate::tail::{Start, Tail};
use crate::trial::{self, Epoch, Trained, TrialConfig};
use crate::whitening::Whitening;

/// What all searches of a run share.
pub struct Search<'a> {
    /// The run's configuration.
    pub config: &'a Config,
    /// Where and with what to compute.
    pub compute: &'a Compute,
    /// The recordings.
    pub corpus: &'a Corpus,
    /// Their groups, `[n recordings]`.
    pub groups: &'a [usize],
    /// Whether training knows any recording of validation or test in another form: the mark of every score.
    pub leaky: bool,
    /// Their images.
    pub images: &'a ImageStore,
    /// The backbone's weights, and what tells them and their engine from others.
    pub weights: &'a BackboneWeights,
    /// See `weights`.
    pub weights_key: &'a str,
}

/// What a search found.
pub struct Found {
    /// All trials, best first.
    pub leaderboard: Vec<TrialSummary>,
    /// Learning curves of the best.
    pub epochs: Vec<Epoch>,
    /// The backbone's weights after it.
    pub weights: BackboneWeights,
    /// Its head.
    pub head: Head,
    /// What it says of validation, which chose it.
    pub val: Scored,
    /// What it says of the test; no recordings if the split has none.
    pub test: Scored,
    /// What validation teaches about its probabilities.
    pub calibration: Calibration,
}

/// Recordings and what a classifier says of them.
#[derive(Default)]
pub struct Scored {
    /// Indices into the corpus' recordings.
    pub recordings: Vec<usize>,
    /// Probabilities, `[n][n_classes]`.
    pub probabilities: Vec<Vec<f32>>,
}

impl Scored {
    fn new(rows: &Rows, probabilities: Vec<Vec<f32>>) -> Self {
        Self { recordings: rows.recordings.clone(), probabilities }
    }

    /// Adds those of another search.
    pub fn extend(&mut self, other: Self) {
        self.recordings.extend(other.recordings);
        self.probabilities.extend(other.probabilities);
    }

    /// In the form that is evaluated; `groups` is that of each recording of the corpus.
    ///
    /// # Errors
    /// [`metrics::Error`] if there is no recording.
    pub fn predictions(&self, corpus: &Corpus, groups: &[usize]) -> Result<Predictions, metrics::Error> {
        let labels: Vec<usize> = self.recordings.iter().map(|index| corpus.recordings[*index].label).collect();
        let groups: Vec<usize> = self.recordings.iter().map(|index| groups[*index]).collect();
        Predictions::new(corpus.labels.len(), &labels, &self.probabilities, &groups)
    }
}

impl Search<'_> {
    /// Searches with one split; writes the split, the trials and the leaderboard into `folder`. Every random draw derives from `seed`, but for
    /// the views of the recordings, which derive from the run's, so that all searches share them.
    ///
    /// # Errors
    /// The [`Error`] of the step that failed. What was written stays.
    pub fn run(&self, places: &Places, folder: &RunFolder, seed: u64) -> Result<Found, Error> {
        for (name, text) in split_to_csv(self.corpus, places) {
            folder.write(&format!("split/{name}"), text.as_bytes())?;
        }
        let device = self.compute.device();
        let trainable = self.config.backbone.train;
        let rows = self.rows_before(trainable, places)?;
        let whitening = match (self.config.train.whiten, trainable) {
            (false, _) => Whitening::none(device),
            (true, Trainable::None) => Whitening::fit(&rows, device),
            (true, _) => Whitening::fit(&self.rows_before(Trainable::None, places)?, device),
        };
        let inputs = match trainable {
            Trainable::None => &whitening.apply(&rows)?,
            _ => &rows,
        };
        let start = Start {
            weights: self.weights,
            backbone: &self.config.backbone,
            input: self.weights.trainable_input(trainable, self.config.features.image_size),
            whitening: &whitening,
        };
        let trials = grid(self.config);
        let progress = Progress::new("training", "trials");
        let done = AtomicUsize::new(0);
        // Each trial draws from generators of its own, so that the order in which they finish changes nothing. Heads are
        // small and trained side by side; a backbone takes all cores and much memory.
        let together = if trainable == Trainable::None { 1 } else { trials.len() };
        let finished: Vec<Trial> = trials
            .par_iter()
            .with_min_len(together)
            .map(|trial| {
                let trained = trial::train(inputs, &start, trial, &self.config.train, seed, device)?;
                let Trained { tail, best, epochs } = trained;
                let tail = Tail { head: whitening.absorbed_by(&tail.head), ..tail };
                let val = tail.probabilities(&start, &rows.val.rows)?;
                let val = Scored::new(&rows.val, val);
                let calibration = Calibration::fit(&val.predictions(self.corpus, self.groups)?);
                let trial = Trial { config: trial.clone(), epochs, best, val, calibration };
                trial.write(folder, self.corpus, &start, &tail)?;
                let chosen = trial.chosen();
                progress.line(&format!(
                    "{:<32} epoch {:>3}  val macro-F1 {:.4}  loss {:.4}",
                    trial.config.id(),
                    chosen.epoch,
                    chosen.val_macro_f1,
                    chosen.val_loss
                ));
                progress.set(done.fetch_add(1, Ordering::Relaxed) + 1, trials.len());
                Ok(trial)
            })
            .collect::<Result<_, Error>>()?;
        let mut ranked: Vec<Trial> = finished;
        ranked.sort_by(Trial::rank);
        let leaderboard: Vec<TrialSummary> = ranked.iter().map(Trial::summary).collect();
        write_leaderboard(folder, &leaderboard, self.leaky)?;

        let best = ranked.into_iter().next().ok_or_else(|| Error::Failed("the grid has no trial".into()))?;
        let (weights, head) = read_checkpoint(folder, &best.config.id(), &start, device)?;
        let test = match rows.test.recordings.is_empty() {
            true => Vec::new(),
            false => Tail::new(&start, &weights, head.clone()).probabilities(&start, &rows.test.rows)?,
        };
        Ok(Found {
            leaderboard,
            epochs: best.epochs,
            weights,
            head,
            calibration: best.calibration,
            val: best.val,
            test: Scored::new(&rows.test, test),
        })
    }

    /// What the layers before those that `trainable` names make of the recordings.
    fn rows_before(&self, trainable: Trainable, places: &Places) -> Result<Embeddings, Error> {
        let cache = FloatCache::new(&self.config.data.cache.join("embeddings"));
        let frozen = self.compute.engine_before(trainable, self.weights, self.config.features.image_size);
        let frozen = frozen.map_err(|e| Error::Failed(e.to_string()))?;
        let pass = Pass {
            corpus: self.corpus,
            images: self.images,
            frozen: frozen.as_ref(),
            frozen_key: &format!("{} before {trainable:?}", self.weights_key),
            cache: (trainable != Trainable::All).then_some(&cache),
            seed: self.config.seed,
            augmented_views: self.config.train.augmented_views,
        };
        pass.run(places)
    }
}

/// Every combination of the grid, in the order of the configuration's lists.
pub fn grid(config: &Config) -> Vec<TrialConfig> {
    let sweep = &config.sweep;
    let mut trials = Vec::new();
    for learning_rate in &sweep.learning_rate {
        for inner in &sweep.inner {
            for dropout in &sweep.dropout {
                let head = HeadConfig { inner: *inner, dropout: *dropout };
                trials.push(TrialConfig { learning_rate: *learning_rate, head });
            }
        }
    }
    trials
}
