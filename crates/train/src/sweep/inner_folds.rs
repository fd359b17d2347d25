//! The inner folds of a search: every trial is trained on each of them, and its answers on what they hold out are scored together.
//! All recordings of training and validation then have a say in which trial is chosen, not those of validation alone.

use dataset::Corpus;
use experiment::TrialConfig;
use experiment::journal::Outcome;
use metrics::{ConfusionMatrix, argmax};

use super::searches::SplitSearch;
use super::trainer::Trainer;
use crate::Error;
use crate::terminal::stderr;

/// Trains `trials` on each of `folds`, the inner folds of a search. Returns how each trial ended in each fold, `[trial][fold]`.
///
/// # Errors
/// As [`Trainer::train`].
pub(super) fn train(
    trainer: &Trainer,
    folds: &[SplitSearch],
    trials: &[TrialConfig],
) -> Result<Vec<Vec<Outcome>>, Error> {
    let mut of_trials = vec![Vec::new(); trials.len()];
    for (index, fold) in folds.iter().enumerate() {
        stderr::line(format_args!("inner fold {} of {}", index + 1, folds.len()));
        let outcomes = trainer.train(fold, trials)?;
        of_trials.iter_mut().zip(outcomes).for_each(|(of_trial, outcome)| of_trial.push(outcome));
    }
    Ok(of_trials)
}

/// Macro-F1 of a trial over what all inner folds held out; `None` if it failed in one of them.
pub(super) fn macro_f1(corpus: &Corpus, of_folds: &[Outcome]) -> Option<f64> {
    let mut answers: Vec<(usize, usize)> = Vec::new();
    for outcome in of_folds {
        let Outcome::Trained(result) = outcome else { return None };
        let held_out = result.val.recordings.iter().zip(&result.val.probabilities);
        answers.extend(held_out.map(|(index, p)| (corpus.recordings[*index].label, argmax(p))));
    }
    Some(ConfusionMatrix::new(corpus.labels.len(), answers).macro_f1())
}
