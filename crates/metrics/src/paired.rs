//! Two classifiers on the same recordings: is the difference in macro-F1 larger than chance explains?
//!
//! The interval draws the same groups for both classifiers. The p-value swaps the predictions of the two classifiers in
//! whole groups, which changes nothing on average if neither is better: `p = (1 + swaps with at least the observed
//! |difference|) / (1 + swaps)`, two-sided.

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bootstrap::{RESAMPLES, interval, resample};
use crate::permutation::{PERMUTATIONS, ROUNDING};
use crate::random::{Purpose, generator};
use crate::{ConfusionMatrix, Error, Estimate, Predictions};

/// Difference between two classifiers on the same examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairedComparison {
    /// Macro-F1 of the first classifier, 0 to 1.
    pub first: f64,
    /// Macro-F1 of the second classifier, 0 to 1.
    pub second: f64,
    /// First minus second, -1 to 1, with its paired interval.
    pub difference: Estimate,
    /// Probability of at least this difference, in either direction, if neither is better; above 0 and at most 1.
    pub p: f64,
}

impl PairedComparison {
    /// Compares with [`RESAMPLES`] resamples and [`PERMUTATIONS`] swaps, which `seed` determines.
    ///
    /// # Errors
    /// [`Error::NotPaired`] if labels, groups or the number of classes differ.
    pub fn new(first: &Predictions, second: &Predictions, seed: u64) -> Result<Self, Error> {
        if !first.same_examples(second) {
            return Err(Error::NotPaired);
        }
        let predicted = [first.predicted(), second.predicted()];
        let n = first.labels().len();
        // Macro-F1 of both, with example i counted weights[i] times and its predictions swapped if swapped[i].
        let both = |weights: &[u32], swapped: &[bool]| {
            [0, 1].map(|which| {
                let pair =
                    |(i, label): (usize, &usize)| (*label, predicted[which ^ usize::from(swapped[i])][i], weights[i]);
                ConfusionMatrix::weighted(first.n_classes(), first.labels().iter().enumerate().map(pair)).macro_f1()
            })
        };
        let (once, mut swapped) = (vec![1; n], vec![false; n]);
        let [a, b] = both(&once, &swapped);

        let mut rng = generator(seed, Purpose::PairedBootstrap);
        let mut weights = Vec::new();
        let differences = (0..RESAMPLES).map(|_| {
            resample(first, &mut rng, &mut weights);
            let [a, b] = both(&weights, &swapped);
            a - b
        });
        let interval = interval(differences.collect(), first.groups().len());

        let mut rng = generator(seed, Purpose::Swap);
        let as_large = (0..PERMUTATIONS)
            .filter(|_| {
                for group in first.groups() {
                    let swap: bool = rng.random();
                    group.iter().for_each(|example| swapped[*example] = swap);
                }
                let [x, y] = both(&once, &swapped);
                (x - y).abs() >= (a - b).abs() - ROUNDING
            })
            .count();
        Ok(Self {
            first: a,
            second: b,
            difference: Estimate { value: a - b, interval },
            p: (1 + as_large) as f64 / (1 + PERMUTATIONS) as f64,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// 60 examples of three classes in groups of two. Each group is correct with the given probability in percent.
    fn classifier(rng: &mut ChaCha8Rng, percent: u32) -> Predictions {
        let labels: Vec<usize> = (0..60).map(|i| i / 2 % 3).collect();
        let groups: Vec<usize> = (0..60).map(|i| i / 2).collect();
        let mut rows = Vec::new();
        for group in labels.chunks(2) {
            let right = rng.random_range(0..100) < percent;
            let predicted = if right { group[0] } else { rng.random_range(0..3) };
            rows.extend(vec![(0..3).map(|class| f32::from(u8::from(class == predicted))).collect(); 2]);
        }
        Predictions::new(3, &labels, &rows, &groups).unwrap()
    }

    #[test]
    fn equal_classifiers_rarely_differ_and_a_better_one_does() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let n = 300;
        let mut rejected = 0;
        for seed in 0..n {
            let (a, b) = (classifier(&mut rng, 50), classifier(&mut rng, 50));
            rejected += u64::from(PairedComparison::new(&a, &b, seed).unwrap().p <= 0.05);
        }
        // 15 are expected; 29 is 3.7 standard deviations of a binomial above.
        assert!(rejected <= 29, "{rejected} of {n}");
        let (good, bad) = (classifier(&mut rng, 95), classifier(&mut rng, 10));
        let found = PairedComparison::new(&good, &bad, 1).unwrap();
        let [low, high] = found.difference.interval.unwrap();
        assert!(found.p < 0.001 && 0.0 < low && low < found.difference.value && found.difference.value < high);
        let turned = PairedComparison::new(&bad, &good, 1).unwrap();
        assert_eq!((turned.p, turned.difference.value), (found.p, -found.difference.value));
    }

    #[test]
    fn few_groups_have_the_exact_p_and_no_interval() {
        let labels = [0, 1, 0, 1, 0, 1];
        let always = |right: bool| {
            let row = |label: &usize| (0..2).map(|c| f32::from(u8::from((c == *label) == right))).collect();
            let rows: Vec<Vec<f32>> = labels.iter().map(row).collect();
            Predictions::new(2, &labels, &rows, &[0, 0, 1, 1, 2, 2]).unwrap()
        };
        let found = PairedComparison::new(&always(true), &always(false), 2).unwrap();
        assert_eq!((found.first, found.second, found.difference), (1.0, 0.0, Estimate { value: 1.0, interval: None }));
        // Of the 8 ways to swap three groups, two give this difference: none and all. Four standard deviations of a binomial.
        assert!((found.p - 0.25).abs() < 0.039, "{}", found.p);
    }

    #[test]
    fn a_classifier_does_not_differ_from_itself_and_different_examples_are_refused() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let a = classifier(&mut rng, 50);
        let found = PairedComparison::new(&a, &a, 9).unwrap();
        assert_eq!((found.p, found.difference), (1.0, Estimate { value: 0.0, interval: Some([0.0, 0.0]) }));
        let other = Predictions::new(3, &[0], &[vec![1.0, 0.0, 0.0]], &[0]).unwrap();
        assert_eq!(PairedComparison::new(&a, &other, 9), Err(Error::NotPaired));
    }
}
