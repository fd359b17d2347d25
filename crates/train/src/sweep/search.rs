//! The search on one split: embed, fit the baseline, train every trial, choose one by validation, score it on test.

use std::sync::Arc;

use dataset::split_to_csv;
use experiment::journal::{Outcome, Record};
use experiment::tables::write_leaderboard;
use experiment::{Epoch, Scored, TrialConfig, TrialResult, TrialSummary};
use metrics::Calibration;
use model::{BackboneWeights, Head};

use super::baseline::{self, Baseline};
use super::encoding::Encoding;
use super::ended::Ended;
use super::prepare::Prepared;
use super::search_data::{EmbeddedSplit, SearchData};
use super::searches::SplitSearch;
use super::trainer::Trainer;
use super::{rounds, trial_folder};
use crate::Error;
use crate::trial::trainable_part::TrainablePart;

/// What a search found.
pub(super) struct SearchResult {
    /// All trained trials, best first.
    pub leaderboard: Vec<TrialSummary>,
    /// Learning curves of the best trial.
    pub epochs: Vec<Epoch>,
    /// Front end and encoder of the best trial.
    pub encoding: Arc<Encoding>,
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

/// Searches `trials`, and what follows from their results, with one split. Writes the split, the trials and the leaderboard into
/// the search's folder. Trials that the journal holds are skipped; a trial that diverges is recorded and the others continue. Every
/// random draw derives from the search's seed, except the augmented views, which derive from the run's seed, so that all searches
/// share them.
///
/// # Errors
/// The [`Error`] of the step that failed, [`Error::NoTrial`] if every trial diverged. What was written stays.
pub(super) fn run(trainer: &Trainer, search: &SplitSearch, trials: &[TrialConfig]) -> Result<SearchResult, Error> {
    let prepared = trainer.prepared;
    let folder = trainer.writer.folder.inside(&search.name);
    for (name, text) in split_to_csv(&prepared.data.corpus, &search.places) {
        folder.write(&format!("split/{name}"), text.as_bytes())?;
    }
    let only = match &trainer.groups(trials)?[..] {
        [group] => Some(data_and_baseline(prepared, search, &group.encoding)?),
        _ => None,
    };
    let (ended, records) = rounds::train(trainer, search, trials, only.as_ref().map(|(data, _)| data))?;
    let mut ranked: Vec<&Ended> = ended.iter().filter(|ended| ended.result().is_some()).collect();
    ranked.sort_by(|one, other| one.rank(other));
    let leaderboard: Vec<TrialSummary> = ranked.iter().filter_map(|ended| ended.summary()).collect();
    write_leaderboard(&folder, &leaderboard, prepared.leaks.any(), prepared.data.known_recorders())?;

    let best = ranked.first().and_then(|best| Some((&best.trial, best.result()?.clone())));
    let Some((trial, result)) = best else { return Err(no_trial(&ended)) };
    let encoding = prepared.encodings.of(trial)?;
    // The data of one group only is in memory at a time.
    let (data, baseline) = match only {
        Some(only) => only,
        None => data_and_baseline(prepared, search, &encoding)?,
    };
    let (first, device) = (&encoding.backbone.weights, prepared.compute.device());
    let (weights, head) = trial_folder::read_checkpoint(&folder, &trial.id(), first, device)?;
    let (start, test) = (data.start(&encoding, &encoding.config.backbone), data.test());
    let probabilities = match test.recordings.is_empty() {
        true => Vec::new(),
        false => TrainablePart::new(&start, &weights, head.clone()).probabilities(&start, &test.rows)?,
    };
    let test = Scored { recordings: test.recordings.clone(), probabilities };
    let TrialResult { epochs, val, calibration, .. } = result;
    Ok(SearchResult { leaderboard, epochs, encoding, weights, head, val, test, calibration, baseline, records })
}

/// The data of a search, and the baseline on it.
fn data_and_baseline(
    prepared: &Prepared,
    search: &SplitSearch,
    encoding: &Encoding,
) -> Result<(SearchData, Option<Baseline>), Error> {
    let embedded = EmbeddedSplit::new(prepared, encoding, &search.places)?;
    let baseline = baseline::fit(prepared, encoding, search, embedded.plain())?;
    Ok((embedded.prepare(prepared, encoding)?, baseline))
}

fn no_trial(ended: &[Ended]) -> Error {
    let message = |outcome: &Outcome| match outcome {
        Outcome::Failed(message) => Some(message.clone()),
        Outcome::Trained(_) => None,
    };
    let first = ended.iter().flat_map(|ended| [&ended.outcome].into_iter().chain(&ended.of_folds)).find_map(message);
    Error::NoTrial { first: first.unwrap_or_else(|| "there is none".into()) }
}
