//! The search on one split: embed, train every trial, choose one by validation, score it on test.

use std::sync::atomic::{AtomicUsize, Ordering};

use dataset::split_to_csv;
use experiment::journal::{Outcome, Record};
use experiment::tables::write_leaderboard;
use experiment::{Epoch, RunFolder, Scored, TrialConfig, TrialResult, TrialSummary};
use metrics::Calibration;
use model::{BackboneWeights, Engine, Head, Trainable};
use rayon::prelude::*;

use super::engines::Engines;
use super::open::OpenRun;
use super::prepare::Prepared;
use super::trial_folder;
use crate::Error;
use crate::corpus::plan::Places;
use crate::embed::embeddings::{EmbeddingPass, Embeddings};
use crate::embed::whitening::Whitening;
use crate::terminal::progress::Progress;
use crate::terminal::stderr;
use crate::trial::resume::ResumeFolder;
use crate::trial::trainable_part::{Start, TrainablePart};
use crate::trial::{self, Setup, Trained};

/// What all searches of a run share.
pub(super) struct Search<'a> {
    pub prepared: &'a Prepared<'a>,
    pub engines: &'a Engines,
    pub run: &'a OpenRun,
}

/// What a search found.
pub(super) struct SearchResult {
    /// All trained trials, best first.
    pub leaderboard: Vec<TrialSummary>,
    /// Learning curves of the best trial.
    pub epochs: Vec<Epoch>,
    /// The backbone's weights after the best trial.
    pub weights: BackboneWeights,
    /// Head of the best trial.
    pub head: Head,
    /// Validation, which chose the trial, with its probabilities.
    pub val: Scored,
    /// Test with the best trial's probabilities; empty if the split has no test.
    pub test: Scored,
    /// Calibration of the best trial, fitted on validation.
    pub calibration: Calibration,
    /// How each trial ended, in the order of the run's trials.
    pub records: Vec<Record>,
}

/// A trained trial with its settings.
struct RankedTrial {
    config: TrialConfig,
    result: TrialResult,
}

impl Search<'_> {
    /// Searches with one split. Writes the split, the trials and the leaderboard into the folder `name` of the run. Trials that
    /// the journal holds are skipped; a trial that diverges is recorded and the others continue. Every random draw derives from
    /// `seed`, except the augmented views, which derive from the run's seed, so that all searches share them.
    ///
    /// # Errors
    /// The [`Error`] of the step that failed, [`Error::NoTrial`] if every trial diverged. What was written stays.
    pub fn run(&self, places: &Places, name: &str, seed: u64) -> Result<SearchResult, Error> {
        let Prepared { config, backbone, data: corpus, compute, .. } = self.prepared;
        let folder = self.run.folder.inside(name);
        for (name, text) in split_to_csv(&corpus.corpus, places) {
            folder.write(&format!("split/{name}"), text.as_bytes())?;
        }
        let trained = config.backbone.train;
        let data = self.embed(self.engines.frozen(), trained, places)?;
        let whitening = self.whitening(&data, places)?;
        let whitened = (trained == Trainable::None).then(|| whitening.apply(&data)).transpose()?;
        let start = Start {
            weights: &backbone.weights,
            backbone: &config.backbone,
            input: backbone.weights.trainable_input(trained, &config.features.inputs()),
            whitening: &whitening,
        };
        let setup = Setup {
            data: whitened.as_ref().unwrap_or(&data),
            start: &start,
            config: &config.train,
            seed,
            device: compute.device(),
        };
        let trials = &self.run.trials;
        let outcomes = self.train_all(&setup, &data, name)?;
        let ranked = rank(trials, &outcomes);
        let leaderboard: Vec<TrialSummary> = ranked.iter().map(RankedTrial::summary).collect();
        write_leaderboard(&folder, &leaderboard, self.prepared.leaks.any(), self.prepared.data.known_recorders())?;

        let Some(best) = ranked.into_iter().next() else { return Err(no_trial(&outcomes)) };
        let (weights, head) = trial_folder::read_checkpoint(&folder, &best.config.id(), &start, setup.device)?;
        let test = match data.test.recordings.is_empty() {
            true => Vec::new(),
            false => TrainablePart::new(&start, &weights, head.clone()).probabilities(&start, &data.test.rows)?,
        };
        let test = Scored { recordings: data.test.recordings, probabilities: test };
        let TrialResult { epochs, val, calibration, .. } = best.result;
        let records = records(name, trials, outcomes);
        Ok(SearchResult { leaderboard, epochs, weights, head, val, test, calibration, records })
    }

    /// Trains every trial that the journal does not hold, and journals how it ended.
    fn train_all(&self, setup: &Setup, data: &Embeddings, name: &str) -> Result<Vec<Outcome>, Error> {
        let trials = &self.run.trials;
        let folder = self.run.folder.inside(name);
        let resume = ResumeFolder::new(&self.run.resume.join(name));
        let progress = Progress::new("training", "trials");
        let done = AtomicUsize::new(0);
        // Each trial has its own random generators, so the order in which trials finish does not matter. Heads are small and
        // are trained in parallel; a backbone uses all cores and much memory.
        let in_sequence = if self.prepared.config.backbone.train == Trainable::None { 1 } else { trials.len() };
        let train = |config: &TrialConfig| {
            let id = config.id();
            let outcome = match self.known_outcome(&folder, name, &id, setup) {
                Some(known) => known.clone(),
                None => {
                    let trained = trial::train(setup, config, &resume);
                    let result = trained.and_then(|trained| self.keep(config, trained, setup.start, data, &folder));
                    let outcome = outcome_of(result)?;
                    let record = Record::Trial { search: name.into(), trial: config.clone(), outcome: outcome.clone() };
                    self.run.journal.append(&record)?;
                    outcome
                }
            };
            progress.line(&describe(&id, &outcome));
            progress.set(done.fetch_add(1, Ordering::Relaxed) + 1, trials.len());
            Ok(outcome)
        };
        trials.par_iter().with_min_len(in_sequence).map(train).collect()
    }

    /// The outcome that the journal holds. A trained trial counts only if its checkpoint can be read.
    fn known_outcome(&self, folder: &RunFolder, search: &str, id: &str, setup: &Setup) -> Option<&Outcome> {
        let known = &self.run.done.get(&(search.to_owned(), id.to_owned()))?.outcome;
        if let Outcome::Trained(_) = known
            && let Err(error) = trial_folder::read_checkpoint(folder, id, setup.start, setup.device)
        {
            stderr::line(format_args!("{error}; {id} is trained again"));
            return None;
        }
        Some(known)
    }

    /// Writes the folder of a trial that was just trained.
    fn keep(
        &self,
        config: &TrialConfig,
        trained: Trained,
        start: &Start,
        data: &Embeddings,
        folder: &RunFolder,
    ) -> Result<TrialResult, Error> {
        let Trained { part, best, epochs } = trained;
        let part = TrainablePart { head: start.whitening.absorbed_by(&part.head), ..part };
        let probabilities = part.probabilities(start, &data.val.rows)?;
        let val = Scored { recordings: data.val.recordings.clone(), probabilities };
        let corpus = &self.prepared.data.corpus;
        let calibration = Calibration::fit(&val.predictions(corpus, self.prepared.data.groups())?);
        let result = TrialResult { epochs, best, val, calibration };
        trial_folder::write(folder, corpus, config, &result, start, &part)?;
        Ok(result)
    }

    /// Whitening fitted on the training embeddings of the whole backbone before training; the identity if it is off.
    fn whitening(&self, data: &Embeddings, places: &Places) -> Result<Whitening, Error> {
        let device = self.prepared.compute.device();
        match (self.prepared.config.train.whiten, self.prepared.config.backbone.train) {
            (false, _) => Ok(Whitening::none(device)),
            (true, Trainable::None) => Whitening::fit(data, device),
            (true, _) => Whitening::fit(&self.embed(self.engines.whole(), Trainable::None, places)?, device),
        }
    }

    /// Embeds the recordings with `frozen`, the layers before the part `trained`.
    fn embed(&self, frozen: &dyn Engine, trained: Trainable, places: &Places) -> Result<Embeddings, Error> {
        let Prepared { config, data, images, .. } = self.prepared;
        let cache = config.data.embedding_cache();
        let pass = EmbeddingPass {
            corpus: &data.corpus,
            images,
            frozen,
            frozen_key: &format!("{} before {trained:?}", self.prepared.backbone_key()),
            cache: (trained != Trainable::All).then_some(&cache),
            seed: config.seed,
            augmented_views: config.train.augmented_views,
        };
        pass.run(places)
    }
}

impl RankedTrial {
    fn summary(&self) -> TrialSummary {
        let Epoch { epoch, val_macro_f1, val_loss, .. } = *self.result.chosen();
        TrialSummary { id: self.config.id(), config: self.config.clone(), epoch, val_macro_f1, val_loss }
    }
}

/// The trained trials, best first; equal ones keep their order.
fn rank(trials: &[TrialConfig], outcomes: &[Outcome]) -> Vec<RankedTrial> {
    let trained = trials.iter().zip(outcomes).filter_map(|(config, outcome)| match outcome {
        Outcome::Trained(result) => Some(RankedTrial { config: config.clone(), result: result.clone() }),
        Outcome::Failed(_) => None,
    });
    let mut ranked: Vec<RankedTrial> = trained.collect();
    ranked.sort_by(|a, b| a.result.chosen().rank(b.result.chosen()));
    ranked
}

/// How a trial ended. Only divergence is an outcome; any other error ends the run and is not recorded.
fn outcome_of(result: Result<TrialResult, Error>) -> Result<Outcome, Error> {
    match result {
        Ok(result) => Ok(Outcome::Trained(result)),
        Err(Error::Diverged(message)) => Ok(Outcome::Failed(message)),
        Err(other) => Err(other),
    }
}

fn records(search: &str, trials: &[TrialConfig], outcomes: Vec<Outcome>) -> Vec<Record> {
    let record = |(trial, outcome): (&TrialConfig, Outcome)| Record::Trial {
        search: search.to_owned(),
        trial: trial.clone(),
        outcome,
    };
    trials.iter().zip(outcomes).map(record).collect()
}

fn no_trial(outcomes: &[Outcome]) -> Error {
    let message = |outcome: &Outcome| match outcome {
        Outcome::Failed(message) => Some(message.clone()),
        Outcome::Trained(_) => None,
    };
    Error::NoTrial { first: outcomes.iter().find_map(message).unwrap_or_else(|| "there is none".into()) }
}

/// The line that a person sees when a trial ends.
fn describe(id: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Trained(result) => {
            let Epoch { epoch, val_macro_f1, val_loss, .. } = result.chosen();
            format!("{id:<32} epoch {epoch:>3}  val macro-F1 {val_macro_f1:.4}  loss {val_loss:.4}")
        }
        Outcome::Failed(message) => format!("FAILED     {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_divergence_is_the_outcome_of_a_trial() {
        let diverged = outcome_of(Err(Error::Diverged("the loss is not finite".into())));
        assert!(matches!(diverged, Ok(Outcome::Failed(message)) if message == "the loss is not finite"));
        let full = || std::io::Error::from_raw_os_error(28); // ENOSPC
        for error in [
            Error::Run(experiment::Error::Write { path: "x".into(), source: full() }),
            Error::io("x".as_ref())(full()),
            Error::no_result("the device is lost"),
            Error::Interrupted,
        ] {
            assert!(outcome_of(Err(error)).is_err());
        }
    }
}
