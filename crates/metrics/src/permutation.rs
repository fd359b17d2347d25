//! A permutation test of macro-F1 against chance: how often do permuted labels fit the predictions as well?
//!
//! The examples of a group have similar labels and predictions, so permuting the labels of single examples would make chance
//! look worse than it is. Labels therefore move in whole groups: the groups are permuted, and each takes the labels of the
//! group that lands in its place, truncated or repeated to its own size. All answers for one recording, such as those of a
//! repeated cross-validation, take the same label. The test is exact if every group has a single label or all groups have
//! the same size. Otherwise it is approximate: repetition makes a group more uniform in label than a real
//! one of that size, which errs towards a larger p, and truncation loses labels.
//!
//! `p = (1 + permutations with at least the observed score) / (1 + permutations)`, one-sided, never 0 (Phipson and
//! Smyth, "Permutation P-values Should Never Be Zero", 2010).

use std::collections::HashSet;

use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::confusion::mean;
use crate::groups::n_groups;
use crate::random::{Purpose, generator};
use crate::{ConfusionMatrix, Predictions};

/// Number of permutations for every p-value.
pub const PERMUTATIONS: usize = 2000;

/// Scores that differ by no more than this count as equal: the difference is rounding.
pub(crate) const ROUNDING: f64 = 1e-12;

/// Test of macro-F1 against chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermutationTest {
    /// Mean macro-F1 under permuted labels, 0 to 1.
    pub chance: f64,
    /// Probability that chance reaches the observed macro-F1; above 0 and at most 1.
    pub p: f64,
}

impl PermutationTest {
    /// Tests with [`PERMUTATIONS`] permutations, which `seed` determines. With fewer than two groups nothing can move
    /// and p is 1.
    pub fn new(predictions: &Predictions, seed: u64) -> Self {
        let (labels, groups) = (predictions.labels(), predictions.groups());
        let predicted = predictions.predicted();
        let macro_f1 = |labels: &[usize]| {
            let pairs = labels.iter().copied().zip(predicted.iter().copied());
            ConfusionMatrix::new(predictions.n_classes(), pairs).macro_f1()
        };
        let observed = macro_f1(labels);
        let recordings = predictions.recordings();
        let members: Vec<Vec<usize>> = groups.iter().map(|group| distinct(group, recordings)).collect();
        let mut label_of = vec![0; n_groups(recordings)];
        recordings.iter().zip(labels).for_each(|(recording, label)| label_of[*recording] = *label);
        let mut rng = generator(seed, Purpose::Permutation);
        let mut order: Vec<usize> = (0..groups.len()).collect();
        let scores: Vec<f64> = (0..PERMUTATIONS)
            .map(|_| {
                order.shuffle(&mut rng);
                let permuted = permuted(&label_of, &members, &order);
                macro_f1(&recordings.iter().map(|recording| permuted[*recording]).collect::<Vec<_>>())
            })
            .collect();
        let as_high = scores.iter().filter(|score| **score >= observed - ROUNDING).count();
        Self {
            chance: mean(scores.iter().copied()).unwrap_or(observed),
            p: (1 + as_high) as f64 / (1 + PERMUTATIONS) as f64,
        }
    }
}

/// The recordings of the examples `group`, each once, in the order of their first examples.
fn distinct(group: &[usize], recordings: &[usize]) -> Vec<usize> {
    let mut seen = HashSet::new();
    group.iter().map(|example| recordings[*example]).filter(|recording| seen.insert(*recording)).collect()
}

/// The labels, `[n]`, after each group takes those of the group that `order` puts in its place.
fn permuted(labels: &[usize], groups: &[Vec<usize>], order: &[usize]) -> Vec<usize> {
    let mut permuted = vec![0; labels.len()];
    for (group, giver) in groups.iter().zip(order) {
        for (to, from) in group.iter().zip(groups[*giver].iter().cycle()) {
            permuted[*to] = labels[*from];
        }
    }
    permuted
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn labels_move_in_whole_groups() {
        let groups = vec![vec![0, 2, 3], vec![1], vec![4, 5]];
        assert_eq!(permuted(&[7, 8, 7, 7, 9, 9], &groups, &[2, 0, 1]), [9, 7, 9, 9, 8, 8]);
        assert_eq!(permuted(&[3, 4, 5, 6, 7, 8], &groups, &[2, 0, 1]), [7, 3, 8, 7, 4, 4]);
    }

    #[test]
    fn all_answers_for_a_recording_take_one_label() {
        // Two recorders with two recordings each, in another order in the second repeat; every answer is correct. Half of the
        // permutations exchange the labels of the recorders, and then no answer is correct in either repeat.
        let labels = [0, 1, 1, 0, 1, 0, 1, 0];
        let (recordings, groups) = ([0, 1, 2, 3, 1, 0, 2, 3], [0, 0, 1, 1, 0, 0, 1, 1]);
        let rows = labels.map(|class| (0..2).map(|c| f32::from(u8::from(c == class))).collect()).to_vec();
        let predictions = Predictions::new(2, &labels, &rows, &groups).unwrap().of_recordings(&recordings).unwrap();
        let found = PermutationTest::new(&predictions, 3);
        // Four standard deviations of a binomial share of 2000.
        assert!((found.chance - 0.5).abs() < 0.045, "{}", found.chance);
        let n_correct = found.chance * PERMUTATIONS as f64;
        assert!((found.p * (1 + PERMUTATIONS) as f64 - (1.0 + n_correct)).abs() < 1e-6, "{found:?}");
        assert_eq!(distinct(&[2, 3, 7, 6, 4], &recordings), [2, 3, 1]);
    }

    /// Groups of 1 to 12 examples that share a favourite label and, independently, a favourite prediction.
    fn unrelated(rng: &mut ChaCha8Rng, mixed: bool) -> (Vec<usize>, Vec<Vec<f32>>, Vec<usize>) {
        let (mut labels, mut rows, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for group in 0..20 {
            let favourites = [rng.random_range(0..3), rng.random_range(0..3)];
            for _ in 0..rng.random_range(1..=12) {
                let mut pick = |favourite, stray: bool| {
                    if stray && rng.random_range(0..5) == 0 { rng.random_range(0..3) } else { favourite }
                };
                labels.push(pick(favourites[0], mixed));
                let predicted = pick(favourites[1], true);
                rows.push((0..3).map(|class| f32::from(u8::from(class == predicted))).collect());
                groups.push(group);
            }
        }
        (labels, rows, groups)
    }

    #[test]
    fn chance_is_rarely_significant_unless_groups_are_ignored() {
        for mixed in [false, true] {
            let mut rng = ChaCha8Rng::seed_from_u64(5);
            let n = 400;
            let (mut grouped, mut ungrouped) = (0, 0);
            for seed in 0..n {
                let (labels, rows, groups) = unrelated(&mut rng, mixed);
                let alone: Vec<usize> = (0..labels.len()).collect();
                let p = |groups: &[usize]| {
                    PermutationTest::new(&Predictions::new(3, &labels, &rows, groups).unwrap(), seed).p
                };
                grouped += u64::from(p(&groups) <= 0.05);
                ungrouped += u64::from(p(&alone) <= 0.05);
            }
            // 20 of 400 are expected; 36 is 3.7 standard deviations of a binomial above.
            assert!(grouped <= 36 && ungrouped > 60, "mixed {mixed}: {grouped}, {ungrouped} of {n}");
        }
    }

    #[test]
    fn a_perfect_classifier_is_significant_and_a_single_group_never_is() {
        let labels: Vec<usize> = (0..30).map(|i| i % 3).collect();
        let rows: Vec<Vec<f32>> =
            labels.iter().map(|l| (0..3).map(|c| f32::from(u8::from(c == *l))).collect()).collect();
        let test = |groups: &[usize]| PermutationTest::new(&Predictions::new(3, &labels, &rows, groups).unwrap(), 1);
        let alone: Vec<usize> = (0..30).collect();
        let found = test(&alone);
        assert_eq!(found.p, 1.0 / (1 + PERMUTATIONS) as f64);
        assert!((found.chance - 1.0 / 3.0).abs() < 0.02, "{}", found.chance);
        assert_eq!(test(&[0; 30]).p, 1.0);
    }
}
