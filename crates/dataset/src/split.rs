//! Which recordings train, validate and test a model.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Increased whenever the same recordings give other recorders, families or splits. Run identities hash it.
pub const SPLITS_VERSION: u32 = 1;

/// The use of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// Models are trained on it.
    Train,
    /// Epochs and trials are chosen by their score on it.
    Val,
    /// The chosen trial is scored on it, once.
    Test,
}

impl Split {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// A random 60/20/20 split within each class, `[n]`. `labels` is `[n]`.
///
/// Validation and test each get a fifth of the class, rounded, but at least one recording if the class has three or
/// more. The rest is for training.
pub fn stratified_split(labels: &[usize], seed: u64) -> Vec<Split> {
    let mut split = vec![Split::Train; labels.len()];
    for label in 0..count(labels) {
        let mut members: Vec<usize> = (0..split.len()).filter(|index| labels[*index] == label).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(label as u64);
        members.shuffle(&mut rng);
        let fifth = (members.len() + 2) / 5;
        let held_out = if members.len() >= 3 { fifth.max(1) } else { 0 };
        for (place, index) in members.into_iter().enumerate().take(2 * held_out) {
            split[index] = if place < held_out { Split::Val } else { Split::Test };
        }
    }
    split
}

/// The fold of each recording, `[n]` below `n_folds`, with whole groups in one fold and the classes spread as evenly as
/// the groups allow. `labels` and `groups` are `[n]`, numbered from 0.
///
/// The largest groups come first, equal ones in seeded order. Each goes to the fold that has the least of its classes,
/// measured in shares of the class.
pub fn grouped_folds(labels: &[usize], groups: &[usize], n_folds: usize, seed: u64) -> Vec<usize> {
    let n_classes = count(labels);
    let n_groups = count(groups);
    let mut totals = vec![0.0; n_classes];
    let mut sizes = vec![vec![0.0; n_classes]; n_groups];
    for (label, group) in labels.iter().zip(groups) {
        totals[*label] += 1.0;
        sizes[*group][*label] += 1.0;
    }
    let mut order: Vec<usize> = (0..n_groups).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let size = |group: usize| sizes[group].iter().sum::<f64>();
    order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));

    let mut held = vec![vec![0.0; n_classes]; n_folds];
    let mut fold_of_group = vec![0; n_groups];
    for group in order {
        // The cost of adding the group: the growth of the sum over classes of squared shares.
        let cost = |fold: &Vec<f64>| -> f64 {
            let shares = sizes[group].iter().zip(fold).zip(&totals).filter(|(_, total)| **total > 0.0);
            shares.map(|((size, held), total)| size * (size + 2.0 * held) / (total * total)).sum()
        };
        let filled = |fold: &Vec<f64>| fold.iter().sum::<f64>();
        let best = (0..n_folds)
            .min_by(|a, b| {
                let (a, b) = (&held[*a], &held[*b]);
                cost(a).total_cmp(&cost(b)).then(filled(a).total_cmp(&filled(b)))
            })
            .unwrap_or(0);
        held[best].iter_mut().zip(&sizes[group]).for_each(|(held, size)| *held += size);
        fold_of_group[group] = best;
    }
    groups.iter().map(|group| fold_of_group[*group]).collect()
}

/// A 60/20/20 split, `[n]`, that keeps each group on one side: of five [`grouped_folds`], one for test and one for
/// validation.
pub fn grouped_split(labels: &[usize], groups: &[usize], seed: u64) -> Vec<Split> {
    fold_split(&grouped_folds(labels, groups, 5, seed), 5, 0)
}

/// The splits of a grouped cross-validation, `[n_folds][n]`: each fold is the test of one split, and the next fold is
/// its validation. `n_folds` is at least 3.
pub fn cross_validation(labels: &[usize], groups: &[usize], n_folds: usize, seed: u64) -> Vec<Vec<Split>> {
    let folds = grouped_folds(labels, groups, n_folds, seed);
    (0..n_folds).map(|fold| fold_split(&folds, n_folds, fold)).collect()
}

/// One split per group, `[n_groups][n]`: the group alone is the test, a fifth of the other recordings is for
/// validation.
pub fn leave_one_group_out(labels: &[usize], groups: &[usize], seed: u64) -> Vec<Vec<Split>> {
    let folds = grouped_folds(labels, groups, 5, seed);
    let n_groups = count(groups);
    (0..n_groups)
        .map(|left_out| {
            // Validation is the fold after that of the group, so that it varies between the splits.
            let own = groups.iter().position(|group| *group == left_out).map_or(0, |index| folds[index]);
            let place = |(group, fold): (&usize, &usize)| match (*group == left_out, *fold == (own + 1) % 5) {
                (true, _) => Split::Test,
                (false, true) => Split::Val,
                (false, false) => Split::Train,
            };
            groups.iter().zip(&folds).map(place).collect()
        })
        .collect()
}

/// Number of classes or groups that are numbered from 0.
fn count(numbers: &[usize]) -> usize {
    numbers.iter().max().map_or(0, |largest| largest + 1)
}

fn fold_split(folds: &[usize], n_folds: usize, test: usize) -> Vec<Split> {
    let place = |fold: &usize| match (fold + n_folds - test) % n_folds {
        0 => Split::Test,
        1 => Split::Val,
        _ => Split::Train,
    };
    folds.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(sizes: &[usize]) -> Vec<usize> {
        sizes.iter().enumerate().flat_map(|(label, n)| vec![label; *n]).collect()
    }

    fn counts(labels: &[usize], n_classes: usize, split: &[Split], part: Split) -> Vec<usize> {
        let mut counts = vec![0; n_classes];
        for (label, place) in labels.iter().zip(split) {
            counts[*label] += usize::from(*place == part);
        }
        counts
    }

    proptest! {
        #[test]
        fn every_class_is_split_60_20_20(sizes in prop::collection::vec(0_usize..60, 1..6), seed: u64) {
            let labels = labels(&sizes);
            let split = stratified_split(&labels, seed);
            prop_assert_eq!(split.len(), labels.len());
            let [train, val, test] = Split::ALL.map(|part| counts(&labels, sizes.len(), &split, part));
            prop_assert_eq!(&val, &test);
            for (class, n) in sizes.iter().enumerate() {
                prop_assert_eq!(train[class] + val[class] + test[class], *n);
                if *n >= 3 {
                    prop_assert!(val[class] >= 1 && train[class] >= 1);
                    prop_assert!((val[class] as f64 - *n as f64 / 5.0).abs() <= 0.5_f64.max(1.0 - *n as f64 / 5.0));
                }
            }
            prop_assert_eq!(split, stratified_split(&labels, seed));
        }
    }

    /// Labels and groups of recordings; each group has one class or a few.
    fn grouped() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
        prop::collection::vec((0_usize..4, 1_usize..5, any::<bool>()), 1..80).prop_map(|groups| {
            let mut labels = Vec::new();
            let mut ids = Vec::new();
            for (group, (label, size, mixed)) in groups.into_iter().enumerate() {
                for i in 0..size {
                    labels.push(if mixed { (label + i) % 4 } else { label });
                    ids.push(group);
                }
            }
            (labels, ids)
        })
    }

    proptest! {
        #[test]
        fn no_group_is_in_two_splits((labels, groups) in grouped(), n_folds in 3_usize..8, seed: u64) {
            let mut splits = cross_validation(&labels, &groups, n_folds, seed);
            prop_assert_eq!(splits.len(), n_folds);
            for index in 0..labels.len() {
                let tested = splits.iter().filter(|split| split[index] == Split::Test).count();
                prop_assert_eq!(tested, 1, "each recording is tested once");
            }
            splits.push(grouped_split(&labels, &groups, seed));
            splits.extend(leave_one_group_out(&labels, &groups, seed));
            for split in splits {
                for (a, group) in groups.iter().enumerate() {
                    prop_assert!((0..a).all(|b| groups[b] != *group || split[a] == split[b]));
                }
            }
        }

        #[test]
        fn groups_of_one_are_spread_evenly(sizes in prop::collection::vec(0_usize..60, 1..6), seed: u64) {
            let labels = labels(&sizes);
            let groups: Vec<usize> = (0..labels.len()).collect();
            let folds = grouped_folds(&labels, &groups, 5, seed);
            for (label, n) in sizes.iter().enumerate() {
                for fold in 0..5 {
                    let held = (0..labels.len()).filter(|i| labels[*i] == label && folds[*i] == fold).count();
                    prop_assert!(held == n / 5 || held == n.div_ceil(5), "{} of {} in fold {}", held, n, fold);
                }
            }
        }
    }

    #[test]
    fn each_group_is_tested_once() {
        let (labels, groups) = ([0, 0, 1, 1, 0, 1], [0, 0, 1, 2, 2, 3]);
        let splits = leave_one_group_out(&labels, &groups, 1);
        assert_eq!(splits.len(), 4);
        for (group, split) in splits.iter().enumerate() {
            let tested: Vec<usize> = (0..6).filter(|i| split[*i] == Split::Test).collect();
            assert_eq!(tested, (0..6).filter(|i| groups[*i] == group).collect::<Vec<_>>());
        }
    }

    #[test]
    fn another_seed_gives_another_split() {
        let labels = labels(&[30, 30]);
        assert_ne!(stratified_split(&labels, 1), stratified_split(&labels, 2));
    }
}
