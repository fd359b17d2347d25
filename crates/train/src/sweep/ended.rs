//! A trial that ended, and how trials are ranked.

use std::cmp::Ordering;

use experiment::journal::Outcome;
use experiment::{TrialConfig, TrialResult, TrialSummary};

/// A trial that ended in a search and in its inner folds.
pub(super) struct Ended {
    pub trial: TrialConfig,
    pub outcome: Outcome,
    /// How it ended in each inner fold.
    pub of_folds: Vec<Outcome>,
    /// Macro-F1 over the inner folds, if there are any and it was trained in all.
    pub inner_macro_f1: Option<f64>,
}

impl Ended {
    /// Its result, if it can be chosen: it failed neither in the search nor in an inner fold.
    pub fn result(&self) -> Option<&TrialResult> {
        match &self.outcome {
            Outcome::Trained(result) if self.of_folds.is_empty() || self.inner_macro_f1.is_some() => Some(result),
            Outcome::Trained(_) | Outcome::Failed(_) => None,
        }
    }

    /// Orders trials that can be chosen, best first: by macro-F1 over inner folds, if there are any, then on validation.
    pub fn rank(&self, other: &Self) -> Ordering {
        let inner = |ended: &Self| ended.inner_macro_f1.unwrap_or_default();
        let on_validation = match (self.result(), other.result()) {
            (Some(one), Some(other)) => one.chosen().rank(other.chosen()),
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        inner(other).total_cmp(&inner(self)).then(on_validation)
    }

    /// Its row of the leaderboard, if it can be chosen.
    pub fn summary(&self) -> Option<TrialSummary> {
        let chosen = self.result()?.chosen();
        Some(TrialSummary {
            id: self.trial.id(),
            config: self.trial.clone(),
            epoch: chosen.epoch,
            val_macro_f1: chosen.val_macro_f1,
            val_loss: chosen.val_loss,
            inner_macro_f1: self.inner_macro_f1,
        })
    }
}

/// A trial of one epoch with this score; one that failed without a score.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) fn with_score(trial: &TrialConfig, val_macro_f1: Option<f64>) -> Ended {
    use std::sync::Arc;

    use experiment::{Epoch, Scored};
    use metrics::{Calibration, Predictions};

    let predictions = Predictions::new(1, &[0], &[vec![1.0]], &[0]).unwrap();
    let outcome = match val_macro_f1 {
        None => Outcome::Failed("diverged".into()),
        Some(val_macro_f1) => Outcome::Trained(TrialResult {
            epochs: vec![Epoch { epoch: 1, learning_rate: 0.1, train_loss: 1.0, val_loss: 1.0, val_macro_f1 }],
            best: 0,
            val: Arc::new(Scored { recordings: vec![0], probabilities: vec![vec![1.0]] }),
            calibration: Calibration::fit(&predictions),
        }),
    };
    Ended { trial: trial.clone(), outcome, of_folds: Vec::new(), inner_macro_f1: None }
}
