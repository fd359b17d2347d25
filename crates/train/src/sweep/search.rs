//! The search on one split: embed, fit the baseline, train every trial, choose one by validation, score it on test.

use std::sync::Arc;

use dataset::split_to_csv;
use experiment::journal::{Outcome, Record};
use experiment::tables::write_leaderboard;
use experiment::{Epoch, Scored, TrialConfig, TrialResult, TrialSummary};
use metrics::Calibration;
use model::{BackboneWeights, Head, HeadConfig, HeadKind, Trainable};
use rayon::prelude::*;

use super::baseline::{self, Baseline};
use super::engines::Engines;
use super::prepare::Prepared;
use super::search_data::{EmbeddedSplit, SearchData};
use super::searches::SplitSearch;
use super::trial_folder;
use super::writer::{Writer, record};
use crate::Error;
use crate::tracking::watch::{Event, TrialName, TrialOutcome};
use crate::trial::resume::ResumeFolder;
use crate::trial::trainable_part::{Start, TrainablePart};
use crate::trial::{self, Setup, Trained};

/// What all searches of a run share.
pub(super) struct Search<'a> {
    pub prepared: &'a Prepared<'a>,
    pub engines: &'a Engines,
    pub writer: &'a Writer,
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
    pub val: Arc<Scored>,
    /// Test with the best trial's probabilities; empty if the split has no test.
    pub test: Scored,
    /// Calibration of the best trial, fitted on validation.
    pub calibration: Calibration,
    /// What logistic regression gives instead; absent if the head is one.
    pub baseline: Option<Baseline>,
    /// How each trial ended, in the order of the run's trials.
    pub records: Vec<Record>,
}

/// A trained trial with its settings.
struct RankedTrial {
    config: TrialConfig,
    result: TrialResult,
}

impl Search<'_> {
    /// Searches `trials` with one split. Writes the split, the trials and the leaderboard into the search's folder. Trials that
    /// the journal holds are skipped; a trial that diverges is recorded and the others continue. Every random draw derives from
    /// the search's seed, except the augmented views, which derive from the run's seed, so that all searches share them.
    ///
    /// # Errors
    /// The [`Error`] of the step that failed, [`Error::NoTrial`] if every trial diverged. What was written stays.
    pub fn run(&self, search: &SplitSearch, trials: &[TrialConfig]) -> Result<SearchResult, Error> {
        let prepared = self.prepared;
        let folder = self.writer.folder.inside(&search.name);
        for (name, text) in split_to_csv(&prepared.data.corpus, search.places) {
            folder.write(&format!("split/{name}"), text.as_bytes())?;
        }
        let embedded = EmbeddedSplit::new(prepared, self.engines, search.places)?;
        let baseline = baseline::fit(prepared, search, embedded.plain())?;
        let data = embedded.prepare(prepared)?;
        let outcomes = self.train_all(&data, search, trials)?;
        let ranked = rank(trials, &outcomes);
        let leaderboard: Vec<TrialSummary> = ranked.iter().map(RankedTrial::summary).collect();
        let axes: Vec<&str> = trials.iter().take(1).flat_map(TrialConfig::axes).map(|(name, _)| name).collect();
        write_leaderboard(&folder, &axes, &leaderboard, prepared.leaks.any(), prepared.data.known_recorders())?;

        let Some(best) = ranked.into_iter().next() else { return Err(no_trial(&outcomes)) };
        let (first, device) = (&prepared.backbone.weights, prepared.compute.device());
        let (weights, head) = trial_folder::read_checkpoint(&folder, &best.config.id(), first, device)?;
        let (start, test) = (data.start(prepared), data.test());
        let probabilities = match test.recordings.is_empty() {
            true => Vec::new(),
            false => TrainablePart::new(&start, &weights, head.clone()).probabilities(&start, &test.rows)?,
        };
        let test = Scored { recordings: test.recordings.clone(), probabilities };
        let TrialResult { epochs, val, calibration, .. } = best.result;
        let records = trials.iter().zip(&outcomes).map(|(trial, outcome)| record(&search.name, trial, outcome));
        let records = records.collect();
        Ok(SearchResult { leaderboard, epochs, weights, head, val, test, calibration, baseline, records })
    }

    /// Trains those of `trials` that the journal does not hold, and journals how they ended. Returns how each ended.
    ///
    /// # Errors
    /// As [`Search::run`], but it is no error if every trial diverged.
    pub fn train(&self, search: &SplitSearch, trials: &[TrialConfig]) -> Result<Vec<Outcome>, Error> {
        let embedded = EmbeddedSplit::new(self.prepared, self.engines, search.places)?;
        self.train_all(&embedded.prepare(self.prepared)?, search, trials)
    }

    fn train_all(
        &self,
        data: &SearchData,
        search: &SplitSearch,
        trials: &[TrialConfig],
    ) -> Result<Vec<Outcome>, Error> {
        let start = data.start(self.prepared);
        let Prepared { config, compute, watch, .. } = *self.prepared;
        let setup = Setup {
            data: &data.trained_on,
            start: &start,
            config: &config.train,
            seed: search.seed,
            device: compute.device(),
            search: &search.name,
            watch,
        };
        let resume = ResumeFolder::new(&self.writer.resume.join(&search.name));
        watch.tell(&Event::SearchStarted { n_trials: trials.len() });
        // Each trial has its own random generators, so the order in which trials finish does not matter. Heads are small and
        // are trained in parallel; a backbone uses all cores and much memory.
        let in_sequence = if config.backbone.train == Trainable::None { 1 } else { trials.len() };
        let is_missing = |trial: &TrialConfig| self.writer.known(&search.name, &trial.id()).is_none();
        let is_fitted = config.head.kind == HeadKind::Logistic && trials.iter().any(is_missing);
        // Every C has the same inputs.
        let regression = is_fitted.then(|| trial::regression(&setup)).transpose()?;
        let train = |trial: &TrialConfig| {
            let id = trial.id();
            let outcome = match self.writer.known(&search.name, &id) {
                Some(known) => known.clone(),
                None => {
                    let trained = match (&regression, &trial.head) {
                        (Some(regression), HeadConfig::Logistic(head)) => {
                            trial::fitted(&setup, trial, regression, head.c)
                        }
                        _ => trial::train(&setup, trial, &resume),
                    };
                    let outcome =
                        outcome_of(trained.and_then(|trained| self.keep(search, trial, trained, data, &start)))?;
                    self.writer.record(&search.name, trial, &outcome)?;
                    outcome
                }
            };
            let name = TrialName { search: search.name.clone(), id };
            watch.tell(&Event::TrialEnded { trial: name, config: trial.clone(), outcome: told(&outcome) });
            Ok(outcome)
        };
        trials.par_iter().with_min_len(in_sequence).map(train).collect()
    }

    /// Writes the folder of a trial that was just trained.
    fn keep(
        &self,
        search: &SplitSearch,
        trial: &TrialConfig,
        trained: Trained,
        data: &SearchData,
        start: &Start,
    ) -> Result<TrialResult, Error> {
        let Trained { part, best, epochs } = trained;
        let part = TrainablePart { head: start.whitening.absorbed_by(&part.head), ..part };
        let probabilities = part.probabilities(start, data.plain_val())?;
        let val = Arc::new(Scored { recordings: data.trained_on.val.recordings.clone(), probabilities });
        let corpus = &self.prepared.data.corpus;
        let calibration = Calibration::fit(&val.predictions(corpus, self.prepared.data.groups())?);
        let result = TrialResult { epochs, best, val, calibration };
        let folder = self.writer.folder.inside(&search.name);
        trial_folder::write(&folder, corpus, trial, &result, start, &part)?;
        Ok(result)
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

fn no_trial(outcomes: &[Outcome]) -> Error {
    let message = |outcome: &Outcome| match outcome {
        Outcome::Failed(message) => Some(message.clone()),
        Outcome::Trained(_) => None,
    };
    Error::NoTrial { first: outcomes.iter().find_map(message).unwrap_or_else(|| "there is none".into()) }
}

/// What is told of how a trial ended.
fn told(outcome: &Outcome) -> TrialOutcome {
    match outcome {
        Outcome::Trained(result) => {
            TrialOutcome::Trained { epochs: result.epochs.clone(), chosen: result.chosen().clone() }
        }
        Outcome::Failed(message) => TrialOutcome::Failed(message.clone()),
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
