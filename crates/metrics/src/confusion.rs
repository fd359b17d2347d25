//! The confusion matrix and the scores that follow from it alone.
//!
//! As in scikit-learn with `labels=range(n_classes), zero_division=0`, macro-F1 is over every class of the task, and a
//! class with neither an example nor a prediction counts as 0.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counts `[true class][predicted class]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfusionMatrix(pub Vec<Vec<usize>>);

impl ConfusionMatrix {
    /// Counts `(truth, prediction)` pairs; both are below `n_classes`.
    pub fn new(n_classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        Self::weighted(n_classes, pairs.into_iter().map(|(truth, prediction)| (truth, prediction, 1)))
    }

    /// [`ConfusionMatrix::new`] of `(truth, prediction, count)`.
    pub(crate) fn weighted(n_classes: usize, pairs: impl IntoIterator<Item = (usize, usize, u32)>) -> Self {
        let mut counts = vec![vec![0; n_classes]; n_classes];
        for (truth, prediction, weight) in pairs {
            counts[truth][prediction] += weight as usize;
        }
        Self(counts)
    }

    /// Number of classes of the task.
    pub fn n_classes(&self) -> usize {
        self.0.len()
    }

    /// Number of examples.
    pub fn total(&self) -> usize {
        self.0.iter().flatten().sum()
    }

    /// Number of examples of the class.
    pub fn support(&self, class: usize) -> usize {
        self.0[class].iter().sum()
    }

    /// Number of examples predicted as the class.
    pub fn predicted(&self, class: usize) -> usize {
        self.0.iter().map(|row| row[class]).sum()
    }

    /// Share of the examples predicted as the class that belong to it, 0 to 1; `None` if none was predicted.
    pub fn precision(&self, class: usize) -> Option<f64> {
        ratio(self.0[class][class], self.predicted(class))
    }

    /// Share of the examples of the class that were predicted as it, 0 to 1; `None` without an example.
    pub fn recall(&self, class: usize) -> Option<f64> {
        ratio(self.0[class][class], self.support(class))
    }

    /// Harmonic mean of precision and recall, `2 hits / (support + predicted)`, 0 to 1; 0 if both counts are 0.
    pub fn f1(&self, class: usize) -> f64 {
        ratio(2 * self.0[class][class], self.support(class) + self.predicted(class)).unwrap_or(0.0)
    }

    /// Unweighted mean of F1 over all classes, 0 to 1.
    pub fn macro_f1(&self) -> f64 {
        (0..self.n_classes()).map(|class| self.f1(class)).sum::<f64>() / self.n_classes().max(1) as f64
    }

    /// Mean recall over the classes with at least one example, 0 to 1; 0 without an example.
    pub fn balanced_accuracy(&self) -> f64 {
        mean((0..self.n_classes()).filter_map(|class| self.recall(class))).unwrap_or(0.0)
    }

    /// Share of correct predictions, 0 to 1; 0 without an example.
    pub fn accuracy(&self) -> f64 {
        let hits = (0..self.n_classes()).map(|class| self.0[class][class]).sum();
        ratio(hits, self.total()).unwrap_or(0.0)
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean; `None` without a value.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predicting_the_majority_class_has_the_expected_macro_f1() {
        let pairs = (0..103).map(|i| (usize::from(i >= 77) * (1 + i % 7), 0));
        let score = ConfusionMatrix::new(8, pairs).macro_f1();
        assert!((score - 2.0 * 77.0 / (77.0 + 103.0) / 8.0).abs() < 1e-15);
    }

    #[test]
    fn scores_without_an_example_or_a_class_are_zero() {
        for n_classes in [0, 2] {
            let empty = ConfusionMatrix::new(n_classes, []);
            assert_eq!((empty.macro_f1(), empty.balanced_accuracy(), empty.accuracy()), (0.0, 0.0, 0.0), "{n_classes}");
        }
        assert_eq!(mean(std::iter::empty()), None);
    }

    #[test]
    fn recall_without_examples_is_undefined_and_f1_is_zero() {
        let matrix = ConfusionMatrix::new(3, [(0, 0), (0, 1), (0, 0)]);
        assert_eq!((matrix.recall(0), matrix.recall(1), matrix.precision(1)), (Some(2.0 / 3.0), None, Some(0.0)));
        assert_eq!((matrix.precision(2), matrix.f1(2)), (None, 0.0));
        assert_eq!(matrix.balanced_accuracy(), 2.0 / 3.0);
    }
}
