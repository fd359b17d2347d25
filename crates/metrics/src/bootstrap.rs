//! Intervals by the cluster bootstrap (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, sections
//! 3.8 and 5.3).
//!
//! Each resample draws as many whole groups as there are, with replacement, and computes every score again. The
//! interval is the middle 95 % of the resampled scores.
//!
//! A resample may lack a class. Macro-F1 then counts that class as 0, by definition. A score that is undefined in a
//! resample is left out of it. Both widen the intervals of rare classes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Predictions;
use crate::quantile::quantile;
use crate::random::{Purpose, generator};
use crate::scores::{ClassScores, Scorer, Scores};

/// Number of resamples for every interval.
pub const RESAMPLES: usize = 2000;

/// Fewest groups from which an interval is computed: the resamples of fewer groups are too few and too alike to say
/// anything about other groups.
pub const MIN_GROUPS: usize = 5;

/// A score and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The score on all examples.
    pub value: f64,
    /// The 2.5 % and 97.5 % percentiles over the resamples. `None` from fewer than [`MIN_GROUPS`] groups, or if the
    /// score is undefined in more than half of the resamples.
    pub interval: Option<[f64; 2]>,
}

/// Estimates for one class; `None` where the score is undefined on the whole set.
pub(crate) struct ClassEstimates {
    pub precision: Option<Estimate>,
    pub recall: Option<Estimate>,
    pub f1: Estimate,
    pub average_precision: Option<Estimate>,
}

impl Scores<Estimate> {
    /// The scores of `predictions` with their intervals, as in [`Evaluation`](crate::Evaluation) with the same `seed`.
    pub fn estimated(predictions: &Predictions, seed: u64) -> Self {
        estimates(predictions, &Scorer::new(predictions), seed).0
    }
}

/// Every score of the classifier and of each class with its interval.
pub(crate) fn estimates(
    predictions: &Predictions,
    scorer: &Scorer,
    seed: u64,
) -> (Scores<Estimate>, Vec<ClassEstimates>) {
    let (whole, classes) = scorer.scores(&vec![1; predictions.labels().len()]);
    let mut rng = generator(seed, Purpose::Bootstrap);
    let mut weights = Vec::new();
    let resamples: Vec<(Scores<f64>, Vec<ClassScores>)> = (0..RESAMPLES)
        .map(|_| {
            resample(predictions, &mut rng, &mut weights);
            scorer.scores(&weights)
        })
        .collect();

    let n_groups = predictions.groups().len();
    let estimate = |value: f64, resampled: Vec<f64>| Estimate { value, interval: interval(resampled, n_groups) };
    let of_score =
        |i: usize| estimate(*whole.each()[i], resamples.iter().map(|(scores, _)| *scores.each()[i]).collect());
    let scores = Scores::from_array(std::array::from_fn(of_score));
    let of_class = |class: usize, read: fn(&ClassScores) -> Option<f64>| {
        let value = read(&classes[class])?;
        Some(estimate(value, resamples.iter().filter_map(|(_, classes)| read(&classes[class])).collect()))
    };
    let classes = (0..classes.len())
        .map(|class| ClassEstimates {
            precision: of_class(class, |c| c.precision),
            recall: of_class(class, |c| c.recall),
            f1: estimate(classes[class].f1, resamples.iter().map(|(_, classes)| classes[class].f1).collect()),
            average_precision: of_class(class, |c| c.average_precision),
        })
        .collect();
    (scores, classes)
}

/// Draws as many groups as there are, with replacement. `weights`, `[n]`, becomes how often each example was drawn.
pub(crate) fn resample(predictions: &Predictions, rng: &mut ChaCha8Rng, weights: &mut Vec<u32>) {
    let groups = predictions.groups();
    weights.clear();
    weights.resize(predictions.labels().len(), 0);
    for _ in 0..groups.len() {
        for example in &groups[rng.random_range(0..groups.len())] {
            weights[*example] += 1;
        }
    }
}

/// The 2.5 % and 97.5 % percentiles of scores of resamples; `None` from fewer than [`MIN_GROUPS`] groups, and for fewer
/// values than half of [`RESAMPLES`].
pub(crate) fn interval(mut values: Vec<f64>, n_groups: usize) -> Option<[f64; 2]> {
    if n_groups < MIN_GROUPS || 2 * values.len() < RESAMPLES {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some([quantile(&values, 0.025), quantile(&values, 0.975)])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn intervals_match_numpy_percentiles() {
        // numpy.percentile(numpy.arange(2000) ** 2, [2.5, 97.5])
        let [low, high] = interval((0..2000).rev().map(|i| f64::from(i * i)).collect(), 5).unwrap();
        assert!((low - 2497.525).abs() < 1e-6 && (high - 3_798_698.475).abs() < 1e-6, "{low} {high}");
    }

    #[test]
    fn an_interval_needs_five_groups_and_half_of_the_resamples() {
        let half = || vec![0.5; RESAMPLES / 2];
        assert_eq!(interval(half(), 5), Some([0.5, 0.5]));
        assert_eq!(interval(half()[1..].to_vec(), 5), None);
        assert_eq!(interval(half(), 4), None);
    }

    #[test]
    fn resampling_draws_whole_groups() {
        let groups = [0, 0, 0, 1, 1, 2];
        let predictions = Predictions::new(2, &[0; 6], &vec![vec![1.0, 0.0]; 6], &groups).unwrap();
        let mut rng = generator(1, Purpose::Bootstrap);
        let mut weights = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..50 {
            resample(&predictions, &mut rng, &mut weights);
            let of_group = [weights[0], weights[3], weights[5]];
            assert_eq!(of_group.iter().sum::<u32>(), 3);
            assert!(groups.iter().zip(&weights).all(|(group, weight)| *weight == of_group[*group]));
            seen.insert(of_group);
        }
        assert!(seen.len() > 5);
    }
}
