//! A trial: its settings, its epochs and its result.

use std::cmp::Ordering;
use std::sync::Arc;

use metrics::Calibration;
use model::{HeadConfig, HeadKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Scored;

/// Name of the learning rate among the axes of a grid.
const LEARNING_RATE: &str = "learning_rate";

/// One point of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialConfig {
    /// Initial learning rate of the head; absent for a head that is fitted in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// The head's hyperparameters.
    pub head: HeadConfig,
}

impl TrialConfig {
    /// Name and value of each axis of its grid: the learning rate, if the head has one, and its hyperparameters.
    pub fn axes(&self) -> Vec<(&'static str, f64)> {
        let learning_rate = self.learning_rate.map(|rate| (LEARNING_RATE, rate));
        learning_rate.into_iter().chain(self.head.values()).collect()
    }

    /// Name of the trial. It consists of the settings, so that a larger grid reuses the trials of a smaller one.
    pub fn id(&self) -> String {
        let short = |name| if name == LEARNING_RATE { "lr" } else { name };
        let axes = self.axes().into_iter().map(|(name, value)| format!("{}{value}", short(name)));
        let kind = Some(self.head.kind()).filter(|kind| *kind != HeadKind::Mlp);
        kind.map(|kind| kind.to_string()).into_iter().chain(axes).collect::<Vec<_>>().join("-")
    }

    /// Orders trials by kind of head, then by each axis.
    pub fn order(&self, other: &Self) -> Ordering {
        let (axes, others) = (self.axes(), other.axes());
        let by_axes = axes.iter().zip(&others).map(|((_, one), (_, other))| one.total_cmp(other));
        self.head.kind().cmp(&other.head.kind()).then(by_axes.fold(Ordering::Equal, Ordering::then))
    }
}

/// A row of `epochs.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Learning rate of the epoch; 0 for a head that is fitted in one step.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_and_axes_follow_the_kind_of_head() {
        let mlp = TrialConfig { learning_rate: Some(1e-3), head: HeadConfig::mlp(16, 0.5) };
        assert_eq!(mlp.id(), "lr0.001-inner16-dropout0.5");
        assert_eq!(mlp.axes(), [("learning_rate", 0.001), ("inner", 16.0), ("dropout", 0.5)]);
        let logistic = TrialConfig { learning_rate: None, head: HeadConfig::logistic(0.01) };
        assert_eq!((logistic.id().as_str(), logistic.axes()), ("logistic-c0.01", vec![("c", 0.01)]));
        for (trial, text) in [
            (mlp, r#"{"learning_rate":0.001,"head":{"inner":16,"dropout":0.5}}"#),
            (logistic, r#"{"head":{"kind":"logistic","c":0.01}}"#),
        ] {
            assert_eq!(serde_json::to_string(&trial).unwrap(), text);
            assert_eq!(serde_json::from_str::<TrialConfig>(text).unwrap(), trial);
        }
    }

    #[test]
    fn trials_are_ordered_by_each_axis_in_turn() {
        let trial =
            |rate, inner, dropout| TrialConfig { learning_rate: Some(rate), head: HeadConfig::mlp(inner, dropout) };
        let ordered = [trial(0.1, 8, 0.0), trial(0.1, 8, 0.5), trial(0.1, 16, 0.0), trial(1.0, 8, 0.0)];
        for (index, one) in ordered.iter().enumerate() {
            for (other_index, other) in ordered.iter().enumerate() {
                assert_eq!(one.order(other), index.cmp(&other_index));
            }
        }
    }
}
