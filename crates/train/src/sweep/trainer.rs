//! Trains the trials of a search: those of one encoding after another, each on its data.

use std::sync::Arc;

use experiment::journal::Outcome;
use experiment::{Scored, TrialConfig, TrialResult, TrialSettings};
use metrics::Calibration;
use model::{HeadConfig, HeadKind, Trainable};
use rayon::prelude::*;

use super::encoding::{self, Encoding};
use super::prepare::Prepared;
use super::search_data::{EmbeddedSplit, SearchData};
use super::searches::SplitSearch;
use super::trial_folder;
use super::writer::Writer;
use crate::Error;
use crate::config::{ClassWeights, Config};
use crate::logistic::Problem;
use crate::tracking::watch::{Event, NOBODY, TrialName, TrialOutcome, Watch};
use crate::trial::resume::ResumeFolder;
use crate::trial::trainable_part::{Start, TrainablePart};
use crate::trial::{self, Setup, Trained};

/// What trains all trials of a run.
pub(super) struct Trainer<'a> {
    pub prepared: &'a Prepared<'a>,
    pub writer: &'a Writer,
}

/// Trials that are trained on the same data.
pub(super) struct Group {
    pub encoding: Arc<Encoding>,
    /// Their places in the list of trials.
    members: Vec<usize>,
}

impl Trainer<'_> {
    /// Trains those of `trials` that the journal does not hold, and journals how they ended. Returns how each ended.
    ///
    /// # Errors
    /// The [`Error`] of the step that failed; it is no error if every trial diverged. What was written stays.
    pub fn train(&self, search: &SplitSearch, trials: &[TrialConfig]) -> Result<Vec<Outcome>, Error> {
        self.train_on(search, trials, None)
    }

    /// As [`Trainer::train`]; with `only`, the data of the only group if it is at hand.
    pub fn train_on(
        &self,
        search: &SplitSearch,
        trials: &[TrialConfig],
        only: Option<&SearchData>,
    ) -> Result<Vec<Outcome>, Error> {
        self.watch(search).tell(&Event::SearchStarted { n_trials: trials.len() });
        let mut outcomes = vec![None; trials.len()];
        for group in self.groups(trials)? {
            let members: Vec<&TrialConfig> = group.members.iter().map(|index| &trials[*index]).collect();
            let known: Option<Vec<Outcome>> = members.iter().map(|trial| self.known(search, trial)).collect();
            let ended = match (known, only) {
                (Some(known), _) => {
                    members.iter().zip(&known).for_each(|(trial, outcome)| self.tell_ended(search, trial, outcome));
                    known
                }
                (None, Some(data)) => self.train_group(search, &group.encoding, &members, data)?,
                (None, None) => {
                    let embedded = EmbeddedSplit::new(self.prepared, &group.encoding, &search.places)?;
                    let data = embedded.prepare(self.prepared, &group.encoding)?;
                    self.train_group(search, &group.encoding, &members, &data)?
                }
            };
            group.members.iter().zip(ended).for_each(|(index, outcome)| outcomes[*index] = Some(outcome));
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// The trials by what they are trained on, in the order of their first members.
    pub fn groups(&self, trials: &[TrialConfig]) -> Result<Vec<Group>, Error> {
        let mut groups: Vec<(TrialSettings, Group)> = Vec::new();
        for (index, trial) in trials.iter().enumerate() {
            let settings = encoding::settings(trial);
            match groups.iter_mut().find(|(known, _)| *known == settings) {
                Some((_, group)) => group.members.push(index),
                None => {
                    let encoding = self.prepared.encodings.of(trial)?;
                    groups.push((settings, Group { encoding, members: vec![index] }));
                }
            }
        }
        Ok(groups.into_iter().map(|(_, group)| group).collect())
    }

    /// Trains those of `trials`, all of one encoding, that the journal does not hold, on the data of that encoding.
    fn train_group(
        &self,
        search: &SplitSearch,
        encoding: &Encoding,
        trials: &[&TrialConfig],
        data: &SearchData,
    ) -> Result<Vec<Outcome>, Error> {
        let Prepared { config, compute, .. } = *self.prepared;
        let watch = self.watch(search);
        let resume = ResumeFolder::new(&self.writer.resume.join(&search.name));
        let configs: Vec<Config> =
            trials.iter().map(|trial| config.with(&trial.settings)).collect::<Result<_, Error>>()?;
        let starts: Vec<Start> = configs.iter().map(|config| data.start(encoding, &config.backbone)).collect();
        let started = starts.iter().zip(&configs);
        let setups: Vec<Setup> = started
            .map(|(start, config)| Setup {
                data: &data.trained_on,
                start,
                config: &config.train,
                seed: search.seed(config.seed),
                device: compute.device(),
                search: &search.name,
                watch,
            })
            .collect();
        let regressions = self.regressions(search, trials, &setups)?;
        // Each trial has its own random generators, so the order in which trials finish does not matter. Heads are small and
        // are trained in parallel; a backbone uses all cores and much memory.
        let in_sequence = if encoding.config.backbone.train == Trainable::None { 1 } else { trials.len() };
        let train = |(trial, setup): (&&TrialConfig, &Setup)| {
            let outcome = match self.known(search, trial) {
                Some(known) => known,
                None => {
                    let regression = regressions.iter().find(|(weights, _)| *weights == setup.config.class_weights);
                    let trained = match (regression, &trial.head) {
                        (Some((_, regression)), HeadConfig::Logistic(head)) => {
                            trial::fitted(setup, trial, regression, head.c)
                        }
                        _ => trial::train(setup, trial, &resume),
                    };
                    let kept = trained.and_then(|trained| self.keep(search, trial, trained, data, setup.start));
                    let outcome = outcome_of(kept)?;
                    self.writer.record(&search.name, trial, &outcome)?;
                    outcome
                }
            };
            self.tell_ended(search, trial, &outcome);
            Ok(outcome)
        };
        trials.par_iter().zip(&setups).with_min_len(in_sequence).map(train).collect()
    }

    /// The logistic regressions of the trials that the journal does not hold, one for each kind of class weights: every C has the
    /// same inputs.
    fn regressions<'s>(
        &self,
        search: &SplitSearch,
        trials: &[&TrialConfig],
        setups: &[Setup<'s>],
    ) -> Result<Vec<(ClassWeights, Problem<'s>)>, Error> {
        let mut regressions: Vec<(ClassWeights, Problem)> = Vec::new();
        for (trial, setup) in trials.iter().zip(setups) {
            let weights = setup.config.class_weights;
            let is_made = regressions.iter().any(|(made, _)| *made == weights);
            if trial.head.kind() == HeadKind::Logistic && !is_made && self.known(search, trial).is_none() {
                regressions.push((weights, trial::regression(setup)?));
            }
        }
        Ok(regressions)
    }

    /// How a trial ended, if it did.
    fn known(&self, search: &SplitSearch, trial: &TrialConfig) -> Option<Outcome> {
        self.writer.known(&search.name, &trial.id()).cloned()
    }

    /// Who is told of the trials of `search`: nobody of those of inner folds, which only help to choose.
    fn watch(&self, search: &SplitSearch) -> &dyn Watch {
        if search.is_inner() { &NOBODY } else { self.prepared.watch }
    }

    fn tell_ended(&self, search: &SplitSearch, trial: &TrialConfig, outcome: &Outcome) {
        let name = TrialName { search: search.name.clone(), id: trial.id() };
        self.watch(search).tell(&Event::TrialEnded { trial: name, config: trial.clone(), outcome: told(outcome) });
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
        trial_folder::write(&folder, corpus, trial, &result)?;
        if !search.is_inner() {
            trial_folder::write_checkpoint(&folder, trial, &result, start, &part)?;
        }
        Ok(result)
    }
}

/// How a trial ended. Only divergence is an outcome; any other error ends the run and is not recorded.
fn outcome_of(result: Result<TrialResult, Error>) -> Result<Outcome, Error> {
    match result {
        Ok(result) => Ok(Outcome::Trained(result)),
        Err(Error::Diverged(message)) => Ok(Outcome::Failed(message)),
        Err(other) => Err(other),
    }
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
