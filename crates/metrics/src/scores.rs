//! The scores of a classifier, and the one function that computes them for the examples and for any resample of
//! them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::average_precision::Ranking;
use crate::confusion::mean;
use crate::reliability::Reliability;
use crate::{ConfusionMatrix, Predictions};

/// Increased whenever the same predictions give other scores, intervals, tests or calibrations. Run identities hash it.
pub const SCORES_VERSION: u32 = 2;

/// A value of type `T` for each score of a classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scores<T> {
    /// Mean F1 over all classes, 0 to 1.
    pub macro_f1: T,
    /// Mean recall over the classes with an example, 0 to 1.
    pub balanced_accuracy: T,
    /// Share of correct predictions, 0 to 1.
    pub accuracy: T,
    /// Mean average precision over the classes with an example, 0 to 1.
    pub macro_average_precision: T,
    /// Share of examples whose class is among the two most probable, 0 to 1.
    pub top_2_accuracy: T,
    /// Share of examples whose class is among the three most probable, 0 to 1.
    pub top_3_accuracy: T,
    /// Mean `-ln p` of the true class, nats per example; p is clipped to `[e, 1 - e]` with e = 2^-52, as in
    /// scikit-learn.
    pub log_loss: T,
    /// Mean over the examples of `sum_c (p_c - [c is true])^2`, 0 to 2 (Brier 1950).
    pub brier: T,
    /// Expected calibration error, 0 to 1; see [`ReliabilityBin`](crate::ReliabilityBin).
    pub calibration_error: T,
}

/// Number of scores.
const N: usize = 9;

impl<T> Scores<T> {
    /// Applies `f` to each score.
    pub fn map<U>(&self, f: impl FnMut(&T) -> U) -> Scores<U> {
        Scores::from_array(self.each().map(f))
    }

    /// Each score with its display name and whether a higher value is better.
    pub fn named(&self) -> [(&'static str, bool, &T); N] {
        const NAMES: [(&str, bool); N] = [
            ("macro-F1", true),
            ("balanced accuracy", true),
            ("accuracy", true),
            ("macro average precision", true),
            ("top-2 accuracy", true),
            ("top-3 accuracy", true),
            ("log loss", false),
            ("Brier score", false),
            ("calibration error (ECE)", false),
        ];
        let each = self.each();
        std::array::from_fn(|i| (NAMES[i].0, NAMES[i].1, each[i]))
    }

    /// The scores in the order of the fields.
    pub(crate) fn each(&self) -> [&T; N] {
        [
            &self.macro_f1,
            &self.balanced_accuracy,
            &self.accuracy,
            &self.macro_average_precision,
            &self.top_2_accuracy,
            &self.top_3_accuracy,
            &self.log_loss,
            &self.brier,
            &self.calibration_error,
        ]
    }

    /// The inverse of [`Scores::each`].
    pub(crate) fn from_array(each: [T; N]) -> Self {
        let [
            macro_f1,
            balanced_accuracy,
            accuracy,
            macro_average_precision,
            top_2_accuracy,
            top_3_accuracy,
            log_loss,
            brier,
            calibration_error,
        ] = each;
        Self {
            macro_f1,
            balanced_accuracy,
            accuracy,
            macro_average_precision,
            top_2_accuracy,
            top_3_accuracy,
            log_loss,
            brier,
            calibration_error,
        }
    }
}

/// Scores of one class; `None` where undefined.
pub(crate) struct ClassScores {
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: f64,
    pub average_precision: Option<f64>,
}

/// Facts about each example from which the scores follow, computed once.
pub(crate) struct Scorer<'a> {
    labels: &'a [usize],
    n_classes: usize,
    predicted: Vec<usize>,
    /// Number of classes ranked before the true one.
    rank: Vec<usize>,
    neg_log: Vec<f64>,
    squared_error: Vec<f64>,
    rankings: Vec<Ranking>,
    reliability: Reliability,
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(predictions: &'a Predictions) -> Self {
        let (labels, n_classes) = (predictions.labels(), predictions.n_classes());
        let predicted = predictions.predicted();
        let examples = || predictions.rows().zip(labels.iter().copied());
        let ranking = |class: usize| Ranking::new(examples().map(move |(row, label)| (row[class], label == class)));
        Self {
            labels,
            n_classes,
            rank: examples().map(|(row, label)| rank(row, label)).collect(),
            neg_log: examples().map(|(row, label)| neg_log(row[label])).collect(),
            squared_error: examples().map(|(row, label)| squared_error(row, label)).collect(),
            rankings: (0..n_classes).map(ranking).collect(),
            reliability: Reliability::new(predictions, &predicted),
            predicted,
        }
    }

    /// All scores, with example `i` counted `weights[i]` times; at least one weight is above 0.
    pub(crate) fn scores(&self, weights: &[u32]) -> (Scores<f64>, Vec<ClassScores>) {
        let confusion = self.confusion(weights);
        let classes: Vec<ClassScores> = (0..self.n_classes)
            .map(|class| ClassScores {
                precision: confusion.precision(class),
                recall: confusion.recall(class),
                f1: confusion.f1(class),
                average_precision: self.rankings[class].average_precision(weights),
            })
            .collect();
        let total = confusion.total() as f64;
        let weighted_mean = |value: &dyn Fn(usize) -> f64| {
            weights.iter().enumerate().map(|(i, weight)| f64::from(*weight) * value(i)).sum::<f64>() / total
        };
        let top = |k: usize| weighted_mean(&|i| f64::from(u8::from(self.rank[i] < k)));
        let scores = Scores {
            macro_f1: confusion.macro_f1(),
            balanced_accuracy: confusion.balanced_accuracy(),
            accuracy: confusion.accuracy(),
            macro_average_precision: mean(classes.iter().filter_map(|c| c.average_precision)).unwrap_or(0.0),
            top_2_accuracy: top(2),
            top_3_accuracy: top(3),
            log_loss: weighted_mean(&|i| self.neg_log[i]),
            brier: weighted_mean(&|i| self.squared_error[i]),
            calibration_error: self.reliability.error(weights),
        };
        (scores, classes)
    }

    pub(crate) fn confusion(&self, weights: &[u32]) -> ConfusionMatrix {
        let pairs = self.labels.iter().zip(&self.predicted).zip(weights);
        ConfusionMatrix::weighted(
            self.n_classes,
            pairs.map(|((label, predicted), weight)| (*label, *predicted, *weight)),
        )
    }

    pub(crate) fn rankings(&self) -> &[Ranking] {
        &self.rankings
    }

    pub(crate) fn reliability(&self) -> &Reliability {
        &self.reliability
    }
}

/// Number of classes before `label` in order of decreasing probability. On ties the lower index comes first, so that
/// rank 0 is the prediction and top-1 accuracy equals accuracy. (scikit-learn puts the higher index first.)
fn rank(row: &[f64], label: usize) -> usize {
    let own = row[label];
    row.iter().enumerate().filter(|(class, p)| **p > own || (**p == own && *class < label)).count()
}

fn neg_log(probability: f64) -> f64 {
    -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

fn squared_error(row: &[f64], label: usize) -> f64 {
    row.iter().enumerate().map(|(class, p)| (p - f64::from(u8::from(class == label))).powi(2)).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fields_have_the_same_order() {
        let json = r#"{"macro_f1":0,"balanced_accuracy":1,"accuracy":2,"macro_average_precision":3,"top_2_accuracy":4,
            "top_3_accuracy":5,"log_loss":6,"brier":7,"calibration_error":8}"#;
        let scores: Scores<usize> = serde_json::from_str(json).unwrap();
        assert_eq!(scores.map(|i| 2 * i).each(), [&0, &2, &4, &6, &8, &10, &12, &14, &16]);
        assert_eq!(scores.named()[7], ("Brier score", false, &7));
        assert_eq!(Scores::from_array(scores.each().map(|i| *i)), scores);
    }

    #[test]
    fn certainty_costs_what_scikit_learn_says() {
        // log_loss([1], [[0, 1]], labels=[0, 1]) = 2.220446049250313e-16; ([1], [[1, 0]]) = 36.04365338911715 = 52 ln 2
        assert!((neg_log(1.0) / f64::EPSILON - 1.0).abs() < 1e-12);
        assert!((neg_log(0.0) - 52.0 * 2.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn the_lower_class_comes_first_on_ties() {
        let ranks = |row: [f64; 4]| [0, 1, 2, 3].map(|label| rank(&row, label));
        assert_eq!(ranks([0.3, 0.2, 0.3, 0.2]), [0, 2, 1, 3]);
        assert_eq!(ranks([0.25; 4]), [0, 1, 2, 3]);
    }
}
