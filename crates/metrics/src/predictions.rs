//! What was predicted, what was true, and which examples belong together: checked once, then scored without errors.

use std::collections::HashMap;
use std::hash::Hash;

use crate::Error;

/// How far the sum of a row may be from 1: `f32` softmax over thousands of classes stays well within.
const SUM_TOLERANCE: f64 = 1e-3;

/// Probabilities of `n` examples with their true classes and groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    n_classes: usize,
    labels: Vec<usize>,
    probabilities: Vec<f64>,
    groups: Vec<Vec<usize>>,
}

impl Predictions {
    /// `labels` `[n]` in `0..n_classes`, `probabilities` `[n][n_classes]`, `groups` `[n]`, any numbers: examples of one
    /// number are resampled and permuted together. Where nothing belongs together, give each its own.
    ///
    /// # Errors
    /// [`Error::Empty`] without an example, [`Error::Length`], [`Error::Label`] or [`Error::Probabilities`] if the lists
    /// do not fit.
    pub fn new(
        n_classes: usize,
        labels: &[usize],
        probabilities: &[Vec<f32>],
        groups: &[usize],
    ) -> Result<Self, Error> {
        let n = labels.len();
        if n == 0 {
            return Err(Error::Empty);
        }
        for (what, found) in [("rows of probabilities", probabilities.len()), ("groups", groups.len())] {
            if found != n {
                return Err(Error::Length { what, found, expected: n });
            }
        }
        for (example, (label, row)) in labels.iter().zip(probabilities).enumerate() {
            if *label >= n_classes {
                return Err(Error::Label { example, label: *label, n_classes });
            }
            if row.len() != n_classes {
                return Err(Error::Length { what: "probabilities of a row", found: row.len(), expected: n_classes });
            }
            let sum: f64 = row.iter().map(|p| f64::from(*p)).sum();
            // A NaN fails both comparisons.
            let distribution = row.iter().all(|p| (0.0..=1.0).contains(p)) && (sum - 1.0).abs() <= SUM_TOLERANCE;
            if !distribution {
                return Err(Error::Probabilities { example });
            }
        }
        let numbers = group_ids(groups.iter().map(Some));
        let mut members = vec![Vec::new(); numbers.iter().max().map_or(0, |last| last + 1)];
        for (example, group) in numbers.into_iter().enumerate() {
            members[group].push(example);
        }
        let probabilities = probabilities.iter().flatten().map(|p| f64::from(*p)).collect();
        Ok(Self { n_classes, labels: labels.to_vec(), probabilities, groups: members })
    }

    /// Classes of the task.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// True classes, `[n]`.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Probabilities of one example, `[n_classes]`.
    pub fn probabilities(&self, example: usize) -> &[f64] {
        &self.probabilities[example * self.n_classes..(example + 1) * self.n_classes]
    }

    /// Rows of probabilities, `[n]` of `[n_classes]`.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.probabilities.chunks_exact(self.n_classes)
    }

    /// The examples of each group, groups in the order in which they first appear.
    pub fn groups(&self) -> &[Vec<usize>] {
        &self.groups
    }

    /// The most probable class of each example, `[n]`; see [`argmax`].
    pub fn predicted(&self) -> Vec<usize> {
        self.rows().map(argmax).collect()
    }

    /// Whether `other` is about the same examples: labels, groups and classes are equal.
    pub(crate) fn same_examples(&self, other: &Self) -> bool {
        self.n_classes == other.n_classes && self.labels == other.labels && self.groups == other.groups
    }

    /// The same examples with other probabilities, `[n][n_classes]` row-major, as they would be after recalibration.
    pub(crate) fn with_probabilities(&self, probabilities: Vec<f64>) -> Self {
        Self { probabilities, ..self.clone() }
    }
}

/// Index of the largest value, the first of equals.
pub fn argmax<T: PartialOrd>(values: &[T]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

/// Numbers groups by their keys in order of first appearance, `[n]`. An example without a key is a group of its own.
pub fn group_ids<K: Eq + Hash>(keys: impl IntoIterator<Item = Option<K>>) -> Vec<usize> {
    let mut known: HashMap<K, usize> = HashMap::new();
    let mut next = 0;
    let mut new_group = || {
        next += 1;
        next - 1
    };
    keys.into_iter()
        .map(|key| match key {
            Some(key) => *known.entry(key).or_insert_with(&mut new_group),
            None => new_group(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(argmax(&[0.1_f32, 0.7, 0.7]), 1);
    }

    #[test]
    fn an_example_without_a_key_stands_alone() {
        assert_eq!(group_ids([Some("b"), None, Some("a"), None, Some("b")]), [0, 1, 2, 3, 0]);
    }

    #[test]
    fn what_cannot_be_scored_is_refused_by_name() {
        let new = |labels: &[usize], rows: &[&[f32]], groups: &[usize]| {
            Predictions::new(2, labels, &rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), groups).err()
        };
        assert_eq!(new(&[1], &[&[0.25, 0.75]], &[9]), None);
        assert_eq!(new(&[], &[], &[]), Some(Error::Empty));
        assert_eq!(new(&[2], &[&[0.5, 0.5]], &[0]), Some(Error::Label { example: 0, label: 2, n_classes: 2 }));
        for (rows, groups) in [(&[][..], &[0][..]), (&[&[0.5, 0.5][..]], &[0, 0]), (&[&[1.0]], &[0])] {
            assert!(matches!(new(&[0], rows, groups), Some(Error::Length { .. })), "{rows:?} {groups:?}");
        }
        for row in [[0.5, f32::NAN], [f32::INFINITY, 0.0], [-0.1, 1.1], [0.5, 0.4], [0.0, 0.0]] {
            assert_eq!(new(&[0], &[&row], &[0]), Some(Error::Probabilities { example: 0 }), "{row:?}");
        }
    }
}
