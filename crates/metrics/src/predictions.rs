//! Predicted probabilities, true classes and groups of examples: validated once, so that scoring cannot fail.

use crate::Error;
use crate::groups::{group_ids, group_members};

/// Tolerance for the sum of a row of probabilities; an `f32` softmax over thousands of classes stays well below it.
const SUM_TOLERANCE: f64 = 1e-3;

/// Predicted probabilities of `n` examples with their true classes and groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    n_classes: usize,
    labels: Vec<usize>,
    probabilities: Vec<f64>,
    groups: Vec<Vec<usize>>,
    /// The recording of each example, `[n]`, numbered by first appearance.
    recordings: Vec<usize>,
}

impl Predictions {
    /// Validates the predictions.
    ///
    /// `labels` is `[n]` in `0..n_classes`, `probabilities` is `[n][n_classes]` in 0..=1 with rows that sum to 1, and
    /// `groups` is `[n]` with any numbers. Examples of one group are resampled and permuted together; give each example
    /// its own number if all are independent. Each example is of another recording, unless
    /// [`Predictions::of_recordings`] says otherwise.
    ///
    /// # Errors
    /// [`Error::Empty`] without an example, [`Error::Length`] if the lists differ in length, [`Error::Label`] or
    /// [`Error::Probabilities`] for an invalid example.
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
            // NaN fails both comparisons.
            let distribution = row.iter().all(|p| (0.0..=1.0).contains(p)) && (sum - 1.0).abs() <= SUM_TOLERANCE;
            if !distribution {
                return Err(Error::Probabilities { example });
            }
        }
        let groups = group_members(&group_ids(groups.iter().map(Some)));
        let probabilities = probabilities.iter().flatten().map(|p| f64::from(*p)).collect();
        Ok(Self { n_classes, labels: labels.to_vec(), probabilities, groups, recordings: (0..n).collect() })
    }

    /// The same predictions, some of them for the same recording, as a repeated cross-validation makes them.
    /// `recordings` is `[n]` with any numbers, equal for the answers for one recording, which all have its class and
    /// its group.
    ///
    /// # Errors
    /// [`Error::Length`] if `recordings` has another length, [`Error::Recording`] if the class or the group of a
    /// recording varies.
    pub fn of_recordings(mut self, recordings: &[usize]) -> Result<Self, Error> {
        let n = self.labels.len();
        if recordings.len() != n {
            return Err(Error::Length { what: "recordings", found: recordings.len(), expected: n });
        }
        self.recordings = group_ids(recordings.iter().map(Some));
        let group_of = self.group_of();
        for examples in group_members(&self.recordings) {
            let [first, others @ ..] = examples.as_slice() else { continue };
            let differs = |example: &&usize| {
                self.labels[**example] != self.labels[*first] || group_of[**example] != group_of[*first]
            };
            if let Some(example) = others.iter().find(differs) {
                return Err(Error::Recording { example: *example });
            }
        }
        Ok(self)
    }

    /// The group of each example, `[n]`, numbered by first appearance.
    fn group_of(&self) -> Vec<usize> {
        let mut group_of = vec![0; self.labels.len()];
        for (group, members) in self.groups.iter().enumerate() {
            members.iter().for_each(|example| group_of[*example] = group);
        }
        group_of
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

    /// Probabilities of each example, `[n]` of `[n_classes]`.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.probabilities.chunks_exact(self.n_classes)
    }

    /// The examples of each group, in order of the groups' first appearance.
    pub fn groups(&self) -> &[Vec<usize>] {
        &self.groups
    }

    /// The recording of each example, `[n]`, numbered by first appearance.
    pub(crate) fn recordings(&self) -> &[usize] {
        &self.recordings
    }

    /// The most probable class of each example, `[n]`; see [`argmax`].
    pub fn predicted(&self) -> Vec<usize> {
        self.rows().map(argmax).collect()
    }

    /// Whether `other` has the same examples: equal labels, groups and number of classes.
    pub(crate) fn same_examples(&self, other: &Self) -> bool {
        self.n_classes == other.n_classes && self.labels == other.labels && self.groups == other.groups
    }

    /// The same examples with other probabilities, `[n, n_classes]` row-major, such as recalibrated ones.
    pub(crate) fn with_probabilities(&self, probabilities: Vec<f64>) -> Self {
        Self { probabilities, ..self.clone() }
    }
}

/// Index of the largest value; the first one on ties. 0 for an empty slice.
pub fn argmax<T: PartialOrd>(values: &[T]) -> usize {
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
    fn argmax_takes_the_first_on_ties() {
        assert_eq!(argmax(&[0.1_f32, 0.7, 0.7]), 1);
    }

    #[test]
    fn invalid_predictions_are_refused_with_the_reason() {
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

    #[test]
    #[allow(clippy::unwrap_used)]
    fn examples_are_the_same_if_labels_groups_and_classes_are() {
        let new = |n_classes: usize, labels: &[usize], groups: &[usize]| {
            let row: Vec<f32> = (0..n_classes).map(|class| [0.25, 0.75, 0.0][class]).collect();
            Predictions::new(n_classes, labels, &vec![row; labels.len()], groups).unwrap()
        };
        let first = new(2, &[0, 1], &[0, 1]);
        assert_eq!(new(3, &[0, 1, 0], &[0, 1, 2]).probabilities(1), [0.25, 0.75, 0.0]);
        assert!(first.same_examples(&new(2, &[0, 1], &[7, 3])));
        for other in [new(2, &[0, 0], &[0, 1]), new(2, &[0, 1], &[0, 0]), new(3, &[0, 1], &[0, 1])] {
            assert!(!first.same_examples(&other) && !other.same_examples(&first), "{other:?}");
        }
    }

    #[test]
    #[allow(clippy::unwrap_used)]
    fn answers_for_one_recording_have_its_class_and_group() {
        let predictions = Predictions::new(2, &[0, 1, 0, 0], &vec![vec![0.5, 0.5]; 4], &[5, 5, 5, 6]).unwrap();
        let of = |recordings: &[usize]| predictions.clone().of_recordings(recordings).map(|p| p.recordings);
        assert_eq!(of(&[9, 3, 9, 4]), Ok(vec![0, 1, 0, 2]));
        assert_eq!(of(&[9, 9, 1, 4]), Err(Error::Recording { example: 1 }), "another class");
        assert_eq!(of(&[9, 3, 1, 9]), Err(Error::Recording { example: 3 }), "another group");
        assert_eq!(of(&[9, 3, 1]), Err(Error::Length { what: "recordings", found: 3, expected: 4 }));
    }
}
