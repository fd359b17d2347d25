//! The folder, the journal and the resume points that one process writes: those of a run, or those of a shard.

use std::collections::BTreeSet;
use std::path::PathBuf;

use dataset::count;
use experiment::journal::{EndedTrial, Journal, JournalState, Outcome, Record};
use experiment::{RunFolder, TrialConfig, folder};
use rayon::prelude::*;

use super::prepare::Prepared;
use super::{grid, trial_folder};
use crate::Error;
use crate::config::Config;
use crate::terminal::stderr;

/// A folder of trials, locked by this process.
pub(super) struct Writer {
    pub folder: RunFolder,
    journal: Journal,
    /// The record that this process began with.
    begin: Record,
    /// What earlier processes did and what still counts.
    held: JournalState,
    /// Folder of the resume points, removed when everything is finished.
    pub resume: PathBuf,
}

impl Writer {
    /// Opens `folder`, locks its journal and begins. Resume points are in the folder `resume`.
    ///
    /// # Errors
    /// [`Error::Run`] if another process is at work there, or the folder cannot be read or written, [`Error::Config`] as
    /// [`refuse_loss`].
    pub fn open(prepared: &Prepared, folder: RunFolder, resume: PathBuf) -> Result<Self, Error> {
        let epochs = prepared.config.train.epochs;
        folder.create()?;
        let (journal, records) = Journal::open(&folder.path, &prepared.identity)?;
        folder.remove_leftovers()?;
        let before = JournalState::replay(records.iter().cloned());
        refuse_loss(prepared.config, &before, &folder)?;
        if let Some(fewer) = before.epochs.filter(|fewer| *fewer < epochs && !before.trials.is_empty()) {
            stderr::line(format_args!(
                "epochs     {epochs} instead of {fewer}: every trial is trained again, for longer"
            ));
        }
        let begin = Record::Begin { epochs };
        journal.append(&begin)?;
        let held = JournalState::replay(records.into_iter().chain([begin.clone()]));
        Ok(Self { folder, journal, begin, held, resume })
    }

    /// The trials that ended in every one of `searches`, in the order of [`TrialConfig::order`].
    pub fn ended_in_all(&self, searches: &BTreeSet<&str>) -> Vec<TrialConfig> {
        self.held.ended_in_all(searches)
    }

    /// Forgets the trials whose checkpoint cannot be read and, if `retry_failed`, those that failed: they are trained again.
    pub fn keep_usable(&mut self, prepared: &Prepared, retry_failed: bool) {
        let folder = &self.folder;
        let unusable: Vec<(String, String)> = (self.held.trials.par_iter())
            .filter(|((search, id), ended)| match ended.outcome {
                Outcome::Failed(_) => retry_failed,
                Outcome::Trained(_) => match trial_folder::check(folder, search, &ended.trial, prepared) {
                    Ok(()) => false,
                    Err(error) => {
                        stderr::line(format_args!("{error}; {id} is trained again"));
                        true
                    }
                },
            })
            .map(|(key, _)| key.clone())
            .collect();
        self.held.trials.retain(|key, _| !unusable.contains(key));
    }

    /// How the trial `id` of `search` ended, if it did.
    pub fn known(&self, search: &str, id: &str) -> Option<&Outcome> {
        self.held.trials.get(&(search.to_owned(), id.to_owned())).map(|ended| &ended.outcome)
    }

    /// Records that a trial of `search` ended. Its folder must be complete.
    ///
    /// # Errors
    /// [`Error::Run`] if the record cannot be written.
    pub fn record(&self, search: &str, trial: &TrialConfig, outcome: &Outcome) -> Result<(), Error> {
        Ok(self.journal.append(&record(search, trial, outcome))?)
    }

    /// Takes over a trial of `search` that `from` holds: copies its folder, then records it.
    ///
    /// # Errors
    /// [`Error::Run`] if a file cannot be read or written.
    pub fn import(&mut self, search: &str, ended: &EndedTrial, from: &RunFolder) -> Result<(), Error> {
        let id = ended.trial.id();
        if let Outcome::Trained(_) = ended.outcome {
            trial_folder::copy(&from.inside(search), &self.folder.inside(search), &id)?;
        }
        self.record(search, &ended.trial, &ended.outcome)?;
        self.held.trials.insert((search.to_owned(), id), ended.clone());
        Ok(())
    }

    /// Removes the resume points and rewrites the journal: `records`, then the trials of earlier grids that are not among them,
    /// then the record that everything is written.
    ///
    /// # Errors
    /// [`Error::Run`] if the journal cannot be written.
    pub fn finish(self, records: &[Record]) -> Result<(), Error> {
        let others =
            self.held.trials.iter().map(|((search, _), EndedTrial { trial, outcome })| record(search, trial, outcome));
        let is_other = |other: &Record| !records.iter().any(|record| same_trial(record, other));
        let mut all = vec![self.begin.clone()];
        all.extend(records.iter().cloned());
        all.extend(others.filter(is_other));
        all.push(Record::Run);
        folder::remove(&self.resume)?;
        Ok(self.journal.finish(&all)?)
    }
}

/// The record that a trial of `search` ended.
pub(super) fn record(search: &str, trial: &TrialConfig, outcome: &Outcome) -> Record {
    Record::Trial { search: search.to_owned(), trial: trial.clone(), outcome: outcome.clone() }
}

fn same_trial(one: &Record, other: &Record) -> bool {
    match (one, other) {
        (Record::Trial { search: a, trial: b, .. }, Record::Trial { search: c, trial: d, .. }) => a == c && b == d,
        _ => false,
    }
}

/// Fails if the search would lose trials that the folder holds: those with more epochs, and, with more epochs than before, those
/// that it does not train again.
pub(super) fn refuse_loss(config: &Config, state: &JournalState, folder: &RunFolder) -> Result<(), Error> {
    let Some(before) = state.epochs.filter(|before| *before != config.train.epochs) else { return Ok(()) };
    let (epochs, wanted) = (config.train.epochs, grid::trials(config));
    if before < epochs && state.trials.values().all(|ended| wanted.contains(&ended.trial)) || state.trials.is_empty() {
        return Ok(());
    }
    let before = count(before, "epoch");
    let held: BTreeSet<&str> = state.trials.keys().map(|(_, id)| id.as_str()).collect();
    Err(Error::Config(format!(
        "{}: this run holds {} with {before}; a search of {} with {} would replace them, the report and the model\n  \
         Search those trials, too, with at least {before}, or keep both runs: --set name=NAME or \
         --out DIR",
        folder.path.display(),
        count(held.len(), "trial"),
        count(wanted.len(), "trial"),
        count(epochs, "epoch"),
    )))
}
