//! Scores of classifiers that ignore the recording and know only how often each class occurred in training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Predictions;
use crate::confusion::mean;
use crate::scores::{Scorer, Scores};

/// Expected scores of random answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChanceScores {
    /// Expected macro-F1, 0 to 1.
    pub macro_f1: f64,
    /// Expected balanced accuracy, 0 to 1.
    pub balanced_accuracy: f64,
    /// Expected accuracy, 0 to 1.
    pub accuracy: f64,
}

/// Scores of a classifier whose probabilities are always the classes' shares in training, so that it always predicts
/// the largest class: scikit-learn's `DummyClassifier(strategy="prior")`. `training_counts` is `[n_classes]`.
pub fn majority_scores(examples: &Predictions, training_counts: &[usize]) -> Scores<f64> {
    let shares = shares(training_counts);
    let n = examples.labels().len();
    let constant = examples.with_probabilities(shares.repeat(n));
    Scorer::new(&constant).scores(&vec![1; n]).0
}

/// Expected scores of answers drawn independently with the classes' shares in training: scikit-learn's
/// `DummyClassifier(strategy="stratified")`, averaged exactly over all its draws. `training_counts` is `[n_classes]`.
///
/// A class with share p is predicted M times, where M is binomial(n, p). Whatever M is, a share n_c / n of these
/// predictions is correct on average. The expected F1 of the class is therefore `E[2 M (n_c / n) / (n_c + M)]`.
pub fn stratified_random(examples: &Predictions, training_counts: &[usize]) -> ChanceScores {
    let shares = shares(training_counts);
    let n = examples.labels().len();
    let mut support = vec![0; shares.len()];
    for label in examples.labels() {
        support[*label] += 1;
    }
    let f1 = |(share, support): (&f64, &usize)| {
        let (support, n) = (*support as f64, n as f64);
        binomial(n as usize, *share).map(|(m, p)| p * 2.0 * m * (support / n) / (support + m).max(1.0)).sum::<f64>()
    };
    let present = shares.iter().zip(&support).filter(|(_, support)| **support > 0);
    ChanceScores {
        macro_f1: shares.iter().zip(&support).map(f1).sum::<f64>() / shares.len() as f64,
        balanced_accuracy: mean(present.map(|(share, _)| *share)).unwrap_or(0.0),
        accuracy: shares.iter().zip(&support).map(|(share, support)| share * *support as f64 / n as f64).sum(),
    }
}

/// The share of each class; equal shares if all counts are 0.
fn shares(counts: &[usize]) -> Vec<f64> {
    let total: usize = counts.iter().sum();
    let share = |count: &usize| if total == 0 { 1.0 / counts.len() as f64 } else { *count as f64 / total as f64 };
    counts.iter().map(share).collect()
}

/// The outcomes m = 0, 1, ..., n of a binomial variable with their probabilities. Computed from logarithms, so that no
/// probability underflows on the way to the likely outcomes.
fn binomial(n: usize, p: f64) -> impl Iterator<Item = (f64, f64)> {
    let (ln_p, ln_q) = (p.ln(), (-p).ln_1p());
    let mut ln_choose = 0.0;
    (0..=n).map(move |m| {
        if m > 0 {
            ln_choose += (((n - m + 1) as f64) / m as f64).ln();
        }
        let ln_power = |times: usize, ln: f64| if times == 0 { 0.0 } else { times as f64 * ln };
        (m as f64, (ln_choose + ln_power(m, ln_p) + ln_power(n - m, ln_q)).exp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_training_example_the_classes_have_equal_shares() {
        assert_eq!(shares(&[0; 4]), [0.25; 4]);
        assert_eq!(shares(&[3, 0, 1]), [0.75, 0.0, 0.25]);
    }

    proptest! {
        #[test]
        fn binomial_probabilities_sum_to_one_and_have_mean_np(n in 1_usize..3000, p in 0.0..=1.0_f64) {
            let (sum, mean) = binomial(n, p).fold((0.0, 0.0), |(sum, mean), (m, q)| (sum + q, mean + m * q));
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            prop_assert!((mean - n as f64 * p).abs() < 1e-9 * n as f64, "{mean}");
        }
    }
}
