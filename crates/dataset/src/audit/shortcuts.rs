//! Shortcuts: facts that predict the class without the cry, tested one number or category at a time.
//!
//! The effect of a number is its one-vs-rest AUC, that of a category is Cramér's V. The p-value comes from permuting
//! labels. Recordings of one recorder are not independent, so labels move in *blocks*, the recordings of one group in
//! one class: the labels of the blocks are permuted among the blocks. Two blocks of one recorder differ in label but
//! sound alike, which makes the test conservative. Blocks differ in size, so the class sizes vary slightly between
//! permutations; the statistics are standardised for that.

mod blocks;
mod fact;
pub(super) mod findings;

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::statistics::{intraclass_correlation, q_values};
use blocks::Blocks;
use fact::FactTest;

pub use fact::Effect;
pub(super) use fact::Values;

/// Number of permutations. The smallest p-value is 1 in 10,000, small enough for the correction over 140 tests.
pub const N_PERMUTATIONS: usize = 9_999;

/// The association of one fact with the classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shortcut {
    /// Name of the fact, such as `bandwidth_hz` or `mel_band_17`.
    pub fact: String,
    /// Strength of the association.
    pub effect: Effect,
    /// Share of permutations with at least this effect, 0.0001 to 1.
    pub p_value: f64,
    /// q-value of Benjamini and Hochberg over all facts of the audit, 0 to 1.
    pub q_value: f64,
    /// Share of the variance that lies between groups: the intraclass correlation, 0 to 1. Absent for categories and if
    /// no group has two recordings.
    pub by_group: Option<f64>,
}

/// Tests every fact that varies against the labels, in the given order. Each fact, `labels` (below `n_classes`) and
/// `groups` are `[n_recordings]`.
pub(super) fn shortcuts(
    facts: &[(String, Values)],
    labels: &[usize],
    n_classes: usize,
    groups: &[usize],
    seed: u64,
) -> Vec<Shortcut> {
    let blocks = Blocks::new(labels, groups);
    let tests: Vec<FactTest> = facts.iter().filter_map(|(name, values)| FactTest::new(name, values, &blocks)).collect();
    if tests.is_empty() || labels.iter().all(|label| *label == labels[0]) {
        return Vec::new();
    }
    let observed: Vec<f64> =
        tests.iter().map(|test| test.statistic(&blocks.labels, n_classes, &blocks.sizes)).collect();
    let exceeded = (0..N_PERMUTATIONS)
        .into_par_iter()
        .map(|permutation| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(permutation as u64);
            let mut permuted = blocks.labels.clone();
            permuted.shuffle(&mut rng);
            let at_least = |(test, observed): (&FactTest, &f64)| {
                let statistic = test.statistic(&permuted, n_classes, &blocks.sizes);
                usize::from(statistic >= observed - 1e-9 * observed.abs()) // equal up to rounding
            };
            tests.iter().zip(&observed).map(at_least).collect()
        })
        .reduce(|| vec![0; tests.len()], |a: Vec<usize>, b: Vec<usize>| a.iter().zip(b).map(|(a, b)| a + b).collect());
    let p_values: Vec<f64> = exceeded.iter().map(|count| (1 + count) as f64 / (1 + N_PERMUTATIONS) as f64).collect();
    let q_values = q_values(&p_values);
    tests
        .iter()
        .zip(p_values.into_iter().zip(q_values))
        .map(|(test, (p_value, q_value))| Shortcut {
            fact: test.name.to_owned(),
            effect: test.effect(&blocks.labels, n_classes, &blocks.sizes),
            p_value,
            q_value,
            by_group: group_share(test.values, groups),
        })
        .collect()
}

/// Intraclass correlation of a numeric fact by group.
fn group_share(values: &Values, groups: &[usize]) -> Option<f64> {
    let Values::Numbers(numbers) = values else { return None };
    let mut by_group: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (group, number) in groups.iter().zip(numbers) {
        by_group.entry(*group).or_default().push(*number);
    }
    intraclass_correlation(&by_group.into_values().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    fn numbers(n: usize, value: impl FnMut(usize) -> f64) -> Values {
        Values::Numbers((0..n).map(value).collect())
    }

    #[test]
    fn predictive_facts_are_significant_and_noise_is_not() {
        let labels: Vec<usize> = (0..90).map(|i| i % 3).collect();
        let groups: Vec<usize> = (0..90).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let facts = [
            ("predicts".into(), numbers(90, |i| (i % 3) as f64 + 0.01 * i as f64)),
            ("noise".into(), numbers(90, |_| rng.random())),
            ("constant".into(), numbers(90, |_| 1.0)),
            ("is_class_2".into(), Values::Categories((0..90).map(|i| (i % 3 == 2).to_string()).collect())),
        ];
        let found = shortcuts(&facts, &labels, 3, &groups, 7);
        assert_eq!(found.iter().map(|s| s.fact.as_str()).collect::<Vec<_>>(), ["predicts", "noise", "is_class_2"]);
        assert_eq!(found[0].p_value, 1e-4);
        assert!(found[0].effect.strength() > 0.8 && found[2].effect.strength() > 0.9, "{found:?}");
        assert!(found[1].p_value > 0.05 && found[1].effect.strength() < 0.4, "{found:?}");
        assert_eq!(found, shortcuts(&facts, &labels, 3, &groups, 7));
    }

    #[test]
    fn many_recordings_of_few_recorders_are_weak_evidence() {
        // Four recorders, each with its own level, two per class: 80 recordings, but only four independent
        // observations.
        let groups: Vec<usize> = (0..80).map(|i| i / 20).collect();
        let labels: Vec<usize> = groups.iter().map(|group| group / 2).collect();
        let facts = [("level".into(), numbers(80, |i| (i / 20) as f64 + 0.001 * i as f64))];
        let by_group = &shortcuts(&facts, &labels, 2, &groups, 7)[0];
        // There are 6 ways to give two of four blocks a label; two of them are as extreme.
        assert!((by_group.p_value - 1.0 / 3.0).abs() < 0.02, "{by_group:?}");
        assert!(by_group.by_group.is_some_and(|share| share > 0.99));
        let alone: Vec<usize> = (0..80).collect();
        assert_eq!(shortcuts(&facts, &labels, 2, &alone, 7)[0].p_value, 1e-4);
    }
}
