//! The search on one split: embed, train every trial of the grid, choose one by validation, score it on the test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Device;
use dataset::{Corpus, FloatCache, ImageStore, split_to_csv};
use metrics::{Calibration, Predictions};
use model::{BackboneWeights, Engine, Head, HeadConfig, Trainable};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::config::Config;
use crate::embeddings::{Embeddings, Pass, Rows};
use crate::journal::{Journal, Outcome, Record};
use crate::plan::Places;
use crate::progress::Progress;
use crate::report::TrialSummary;
use crate::results::{Trial, TrialResult, checkpoint_path, read_checkpoint, write_leaderboard};
use crate::run_folder::RunFolder;
use crate::states::States;
use crate::tail::{Start, Tail};
use crate::trial::{self, Epoch, Trained, TrialConfig};
use crate::whitening::Whitening;

/// What all searches of a run share.
pub struct Search<'a> {
    /// The run's configuration.
    pub config: &'a Config,
    /// Where heads are trained.
    pub device: &'a Device,
    /// The recordings.
    pub corpus: &'a Corpus,
    /// Their groups, `[n recordings]`.
    pub groups: &'a [usize],
    /// Whether training knows any recording of validation or test in another form: the mark of every score.
    pub leaky: bool,
    /// The run's journal, and what it holds already, by search and trial.
    pub journal: &'a Journal,
    /// See `journal`.
    pub done: &'a BTreeMap<(String, String), Outcome>,
    /// Their images.
    pub images: &'a ImageStore,
    /// The backbone's weights, and what tells them and their engine from others.
    pub weights: &'a BackboneWeights,
    /// See `weights`.
    pub weights_key: &'a str,
    /// The layers that stay as they are.
    pub frozen: &'a dyn Engine,
    /// The whole backbone before training; `frozen` itself where nothing of it is trained.
    pub whole: &'a dyn Engine,
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
    /// What became of each trial, in the grid's order.
    pub records: Vec<Record>,
}

/// Recordings and what a classifier says of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Searches with one split; writes the split, the trials and the leaderboard into the folder `name` of `run`. What the
    /// journal holds is not done again; a trial that fails is written down there and the others go on. Every random draw derives from `seed`, but for
    /// the views of the recordings, which derive from the run's, so that all searches share them.
    ///
    /// # Errors
    /// The [`Error`] of the step that failed, also if every trial does. What was written stays.
    pub fn run(&self, places: &Places, run: &RunFolder, name: &str, seed: u64) -> Result<Found, Error> {
        let folder = &run.inside(name);
        for (name, text) in split_to_csv(self.corpus, places) {
            folder.write(&format!("split/{name}"), text.as_bytes())?;
        }
        let device = self.device;
        let trainable = self.config.backbone.train;
        let rows = self.rows(self.frozen, trainable, places)?;
        let whitening = match (self.config.train.whiten, trainable) {
            (false, _) => Whitening::none(device),
            (true, Trainable::None) => Whitening::fit(&rows, device)?,
            (true, _) => Whitening::fit(&self.rows(self.whole, Trainable::None, places)?, device)?,
        };
        let inputs = match trainable {
            Trainable::None => &whitening.apply(&rows)?,
            _ => &rows,
        };
        let start = Start {
            weights: self.weights,
            backbone: &self.config.backbone,
            input: self.weights.trainable_input(trainable, &self.config.features.inputs()),
            whitening: &whitening,
        };
        let states = States::new(&self.config.data.cache.join("training").join(&run.name).join(name));
        let trials = grid(self.config);
        let progress = Progress::new("training", "trials");
        let done = AtomicUsize::new(0);
        // Each trial draws from generators of its own, so that the order in which they finish changes nothing. Heads are
        // small and trained side by side; a backbone takes all cores and much memory.
        let together = if trainable == Trainable::None { 1 } else { trials.len() };
        let outcomes: Vec<Outcome> = trials
            .par_iter()
            .with_min_len(together)
            .map(|trial| {
                let (search, id) = (name.to_owned(), trial.id());
                let whole = |outcome: &&Outcome| match outcome {
                    Outcome::Trained(_) => checkpoint_path(folder, &id).is_file(),
                    Outcome::Failed(_) => true,
                };
                let known = self.done.get(&(search.clone(), id.clone())).filter(whole);
                let outcome = match known {
                    Some(known) => known.clone(),
                    None => match trial::train(inputs, &start, trial, &self.config.train, seed, device, &states) {
                        Ok(trained) => Outcome::Trained(self.keep(trial, trained, &start, &rows, folder)?),
                        Err(Error::Failed(why)) => Outcome::Failed(why),
                        Err(other) => return Err(other),
                    },
                };
                if known.is_none() {
                    self.journal.append(&Record::Trial { search, id: id.clone(), outcome: outcome.clone() })?;
                }
                progress.line(&match &outcome {
                    Outcome::Trained(TrialResult { epochs, best, .. }) => {
                        let Epoch { epoch, val_macro_f1, val_loss, .. } = epochs[*best];
                        format!("{id:<32} epoch {epoch:>3}  val macro-F1 {val_macro_f1:.4}  loss {val_loss:.4}")
                    }
                    Outcome::Failed(why) => format!("FAILED     {why}"),
                });
                progress.set(done.fetch_add(1, Ordering::Relaxed) + 1, trials.len());
                Ok(outcome)
            })
            .collect::<Result<_, Error>>()?;
        let mut ranked: Vec<Trial> = trials
            .iter()
            .zip(&outcomes)
            .filter_map(|(config, outcome)| match outcome {
                Outcome::Trained(result) => Some(Trial { config: config.clone(), result: result.clone() }),
                Outcome::Failed(_) => None,
            })
            .collect();
        ranked.sort_by(Trial::rank);
        let leaderboard: Vec<TrialSummary> = ranked.iter().map(Trial::summary).collect();
        write_leaderboard(folder, &leaderboard, self.leaky)?;

        let Some(best) = ranked.into_iter().next() else {
            let first = outcomes.iter().find_map(|outcome| match outcome {
                Outcome::Failed(why) => Some(why.as_str()),
                Outcome::Trained(_) => None,
            });
            return Err(Error::Failed(format!(
                "every trial failed, the first so: {}",
                first.unwrap_or("there is none")
            )));
        };
        let (weights, head) = read_checkpoint(folder, &best.config.id(), &start, device)?;
        let test = match rows.test.recordings.is_empty() {
            true => Vec::new(),
            false => Tail::new(&start, &weights, head.clone()).probabilities(&start, &rows.test.rows)?,
        };
        let records = trials.iter().zip(outcomes).map(|(trial, outcome)| Record::Trial {
            search: name.to_owned(),
            id: trial.id(),
            outcome,
        });
        let TrialResult { epochs, val, calibration, .. } = best.result;
        Ok(Found {
            leaderboard,
            epochs,
            weights,
            head,
            val,
            test: Scored::new(&rows.test, test),
            calibration,
            records: records.collect(),
        })
    }

    /// Writes the folder of a trial that was just trained.
    fn keep(
        &self,
        config: &TrialConfig,
        trained: Trained,
        start: &Start,
        rows: &Embeddings,
        folder: &RunFolder,
    ) -> Result<TrialResult, Error> {
        let Trained { tail, best, epochs } = trained;
        let tail = Tail { head: start.whitening.absorbed_by(&tail.head), ..tail };
        let val = Scored::new(&rows.val, tail.probabilities(start, &rows.val.rows)?);
        let calibration = Calibration::fit(&val.predictions(self.corpus, self.groups)?);
        let trial = Trial { config: config.clone(), result: TrialResult { epochs, best, val, calibration } };
        trial.write(folder, self.corpus, start, &tail)?;
        Ok(trial.result)
    }

    /// What `frozen`, the layers before those that `trainable` names, makes of the recordings.
    fn rows(&self, frozen: &dyn Engine, trainable: Trainable, places: &Places) -> Result<Embeddings, Error> {
        let cache = FloatCache::new(&self.config.data.cache.join("embeddings"));
        let pass = Pass {
            corpus: self.corpus,
            images: self.images,
            frozen,
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
