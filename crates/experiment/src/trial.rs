//! A trial: its settings, its epochs and its result.

use std::cmp::Ordering;
use std::sync::Arc;

use metrics::Calibration;
use model::HeadConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Scored;

/// One point of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialConfig {
    /// Initial learning rate of the head.
    pub learning_rate: f64,
    /// The head's inner size and dropout.
    pub head: HeadConfig,
}

impl TrialConfig {
    /// Name of the trial. It consists of the settings, so that a larger grid reuses the trials of a smaller one.
    pub fn id(&self) -> String {
        format!("lr{}-inner{}-dropout{}", self.learning_rate, self.head.inner, self.head.dropout)
    }

    /// Orders trials by learning rate, inner size and dropout.
    pub fn order(&self, other: &Self) -> Ordering {
        let by_rate = self.learning_rate.total_cmp(&other.learning_rate);
        by_rate.then(self.head.inner.cmp(&other.head.inner)).then(self.head.dropout.total_cmp(&other.head.dropout))
    }
}

/// A row of `epochs.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Learning rate of the epoch.
    pub learning_rate: f64,
    /// Mean weighted cross-entropy per training example.
    pub train_loss: f64,
    /// Weighted cross-entropy on validation.
    pub val_loss: f64,
    /// Macro-F1 on validation.
    pub val_macro_f1: f64,
}

impl Epoch {
    /// Orders epochs, best first: by higher validation macro-F1, then by lower validation loss.
    pub fn rank(&self, other: &Self) -> Ordering {
        other.val_macro_f1.total_cmp(&self.val_macro_f1).then(self.val_loss.total_cmp(&other.val_loss))
    }
}

/// The result of a trained trial. Its checkpoint is in the trial's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// Every epoch.
    pub epochs: Vec<Epoch>,
    /// Index of the chosen epoch.
    pub best: usize,
    /// Validation recordings with the probabilities of the chosen epoch. Shared, since they are the largest part of a result.
    pub val: Arc<Scored>,
    /// Calibration fitted on `val`.
    pub calibration: Calibration,
}

impl TrialResult {
    /// The chosen epoch.
    pub fn chosen(&self) -> &Epoch {
        &self.epochs[self.best]
    }
}
