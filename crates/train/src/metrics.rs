//! Scores of a classifier: confusion matrix, per-class precision, recall and F1, macro-F1.
//!
//! All averages are over every class of the task; a class with no true or no predicted example counts as 0, as in
//! scikit-learn with `labels=range(n), zero_division=0`.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::seed;

/// One class's scores on one split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The class.
    pub label: String,
    /// Of those predicted as the class, the share that is; 0 if none was predicted.
    pub precision: f64,
    /// Of those in the class, the share that was found; 0 if there is none.
    pub recall: f64,
    /// Harmonic mean of the two, 0 if both are.
    pub f1: f64,
    /// Examples of the class.
    pub support: usize,
}

/// Counts `[true class][predicted class]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionMatrix(pub Vec<Vec<usize>>);

impl ConfusionMatrix {
    /// Counts `(truth, prediction)` pairs; both are below `n_classes`.
    pub fn new(n_classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![vec![0; n_classes]; n_classes];
        for (truth, prediction) in pairs {
            counts[truth][prediction] += 1;
        }
        Self(counts)
    }

    /// Precision, recall, F1 and support of each class.
    pub fn class_scores(&self, labels: &[String]) -> Vec<ClassScore> {
        let ratio = |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        labels
            .iter()
            .enumerate()
            .map(|(class, label)| {
                let hits = self.0[class][class];
                let support = self.0[class].iter().sum();
                let predicted: usize = self.0.iter().map(|row| row[class]).sum();
                ClassScore {
                    label: label.clone(),
                    precision: ratio(hits, predicted),
                    recall: ratio(hits, support),
                    f1: ratio(2 * hits, support + predicted),
                    support,
                }
            })
            .collect()
    }

    /// Unweighted mean of the classes' F1 scores, 0 to 1.
    pub fn macro_f1(&self) -> f64 {
        let n = self.0.len();
        let sum: f64 = (0..n)
            .map(|class| {
                let support: usize = self.0[class].iter().sum();
                let predicted: usize = self.0.iter().map(|row| row[class]).sum();
                if support + predicted == 0 {
                    0.0
                } else {
                    2.0 * self.0[class][class] as f64 / (support + predicted) as f64
                }
            })
            .sum();
        sum / n.max(1) as f64
    }

    /// Share of all examples that were predicted right, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        let total: usize = self.0.iter().flatten().sum();
        let hits: usize = (0..self.0.len()).map(|class| self.0[class][class]).sum();
        if total == 0 { 0.0 } else { hits as f64 / total as f64 }
    }
}

/// 95 % percentile bootstrap interval of macro-F1: 2,000 seeded resamples of the recordings with replacement.
///
/// Recordings of one baby are not independent, so the true uncertainty is larger than this.
pub fn macro_f1_interval(n_classes: usize, pairs: &[(usize, usize)], seed: u64) -> [f64; 2] {
    const RESAMPLES: usize = 2000;
    let mut rng = seed::generator(seed, &["bootstrap"]);
    let mut scores: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let draw = (0..pairs.len()).map(|_| pairs[rng.random_range(0..pairs.len())]);
            ConfusionMatrix::new(n_classes, draw).macro_f1()
        })
        .collect();
    scores.sort_by(f64::total_cmp);
    [scores[RESAMPLES / 40], scores[RESAMPLES - 1 - RESAMPLES / 40]]
}

/// Index of the largest value, the first of equals.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_agree_with_scikit_learn() {
        // sklearn 1.7: f1_score([0,0,0,1,1,3], [0,0,1,1,3,3], labels=range(4), average=None/"macro", zero_division=0)
        let pairs = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 3), (3, 3)];
        let matrix = ConfusionMatrix::new(4, pairs);
        let labels = ["a", "b", "c", "d"].map(String::from);
        let scores = matrix.class_scores(&labels);
        let f1: Vec<f64> = scores.iter().map(|s| s.f1).collect();
        assert_eq!(f1, [0.8, 0.5, 0.0, 2.0 / 3.0]);
        assert_eq!(scores[0].precision, 1.0);
        assert_eq!(scores[0].recall, 2.0 / 3.0);
        assert_eq!(scores[2].support, 0);
        assert!((matrix.macro_f1() - (0.8 + 0.5 + 2.0 / 3.0) / 4.0).abs() < 1e-15);
        assert_eq!(matrix.accuracy(), 4.0 / 6.0);
    }

    #[test]
    fn the_majority_class_alone_scores_what_arithmetic_says() {
        let pairs = (0..103).map(|i| (usize::from(i >= 77) * (1 + i % 7), 0));
        let score = ConfusionMatrix::new(8, pairs).macro_f1();
        assert!((score - 2.0 * 77.0 / (77.0 + 103.0) / 8.0).abs() < 1e-15);
    }

    #[test]
    fn the_interval_holds_the_score_and_repeats() {
        let pairs: Vec<(usize, usize)> = (0..60).map(|i| (i % 3, if i % 5 == 0 { 0 } else { i % 3 })).collect();
        let score = ConfusionMatrix::new(3, pairs.iter().copied()).macro_f1();
        let [low, high] = macro_f1_interval(3, &pairs, 7);
        assert!(low < score && score < high && high <= 1.0, "{low} {score} {high}");
        assert_eq!([low, high], macro_f1_interval(3, &pairs, 7));
        assert_ne!([low, high], macro_f1_interval(3, &pairs, 8));
    }

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(argmax(&[0.1, 0.7, 0.7]), 1);
    }
}
