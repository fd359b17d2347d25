//! How well the probability of a class ranks its examples above the others: precision-recall curve and average
//! precision.
//!
//! Average precision is `sum_k (R_k - R_{k-1}) P_k` over the distinct probabilities, highest first, with recall `R_k`
//! and precision `P_k`: `sklearn.metrics.average_precision_score`. Examples of equal probability enter together, so
//! their order does not matter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point of the precision-recall curve: one threshold on the probability of the class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Share of the class' examples at or above the threshold, 0 to 1; never decreases along the curve.
    pub recall: f64,
    /// Share of the examples at or above the threshold that belong to the class, 0 to 1.
    pub precision: f64,
    /// The threshold, 0 to 1.
    pub threshold: f64,
}

/// The examples in order of decreasing probability of one class.
pub(crate) struct Ranking {
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    example: usize,
    probability: f64,
    positive: bool,
    /// Whether the next entry has a different probability.
    ends_tie: bool,
}

impl Ranking {
    /// Ranks examples, given as (probability of the class, whether the example belongs to it).
    pub(crate) fn new(examples: impl Iterator<Item = (f64, bool)>) -> Self {
        let mut entries: Vec<Entry> = examples
            .enumerate()
            .map(|(example, (probability, positive))| Entry { example, probability, positive, ends_tie: true })
            .collect();
        entries.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        for i in 1..entries.len() {
            entries[i - 1].ends_tie = entries[i - 1].probability != entries[i].probability;
        }
        Self { entries }
    }

    /// Average precision, 0 to 1, with example `i` counted `weights[i]` times; `None` without an example of the class.
    pub(crate) fn average_precision(&self, weights: &[u32]) -> Option<f64> {
        let (mut positives, mut all, mut new_positives, mut sum) = (0_u64, 0_u64, 0_u64, 0.0);
        for entry in &self.entries {
            let weight = u64::from(weights[entry.example]);
            all += weight;
            if entry.positive {
                new_positives += weight;
            }
            if entry.ends_tie && new_positives > 0 {
                positives += new_positives;
                sum += new_positives as f64 * (positives as f64 / all as f64);
                new_positives = 0;
            }
        }
        (positives > 0).then(|| sum / positives as f64)
    }

    /// The curve, one point per distinct probability, highest first; empty without an example of the class.
    pub(crate) fn curve(&self) -> Vec<CurvePoint> {
        let total = self.entries.iter().filter(|entry| entry.positive).count();
        if total == 0 {
            return Vec::new();
        }
        let mut positives = 0;
        let mut points = Vec::new();
        for (i, entry) in self.entries.iter().enumerate() {
            positives += usize::from(entry.positive);
            if entry.ends_tie {
                points.push(CurvePoint {
                    recall: positives as f64 / total as f64,
                    precision: positives as f64 / (i + 1) as f64,
                    threshold: entry.probability,
                });
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_weight_counts_as_that_many_copies(
            examples in prop::collection::vec((0_u8..5, any::<bool>(), 0_u32..4), 1..30),
        ) {
            let weights: Vec<u32> = examples.iter().map(|(_, _, weight)| *weight).collect();
            let as_pair = |(level, positive, _): &(u8, bool, u32)| (f64::from(*level), *positive);
            let weighted = Ranking::new(examples.iter().map(as_pair)).average_precision(&weights);
            let copies: Vec<(f64, bool)> =
                examples.iter().flat_map(|e| std::iter::repeat_n(as_pair(e), e.2 as usize)).collect();
            let repeated = Ranking::new(copies.iter().copied()).average_precision(&vec![1; copies.len()]);
            prop_assert_eq!(weighted, repeated);
        }
    }
}
