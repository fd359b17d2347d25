//! Splits by groups do what their documentation says, checked with other formulas than theirs.

#![allow(clippy::unwrap_used)]

use dataset::{Split, cross_validation, grouped_folds, grouped_split, leave_one_group_out};
use proptest::prelude::*;

/// Labels and groups of recordings: group `i` has `sizes[i]` recordings with these labels, some of which no recording has.
fn recordings(labels_of: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>) {
    let each =
        labels_of.iter().enumerate().flat_map(|(group, labels)| labels.iter().map(move |label| (2 * label, group)));
    each.unzip()
}

/// Groups of different sizes, so that only their sizes decide the order in which they are placed.
fn groups_of_different_sizes() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0_usize..4, 30), 2..12).prop_map(|labels| {
        let n = labels.len();
        let cut = |(group, labels): (usize, Vec<usize>)| labels[..1 + (group * 7) % n + group % 2 * n].to_vec();
        let mut groups: Vec<Vec<usize>> = labels.into_iter().enumerate().map(cut).collect();
        groups.sort_by_key(Vec::len);
        groups.dedup_by_key(|group| group.len());
        groups
    })
}

proptest! {
    #[test]
    fn each_group_goes_where_the_squared_shares_of_its_classes_grow_least(
        groups in groups_of_different_sizes(), n_folds in 2_usize..6, seed: u64
    ) {
        let (labels, group_of) = recordings(&groups);
        let folds = grouped_folds(&labels, &group_of, n_folds, seed);
        let fold_of = |group: usize| folds[group_of.iter().position(|of| *of == group).unwrap()];
        let total = |class: usize| labels.iter().filter(|label| **label == class).count() as f64;
        let mut held = vec![[0.0; 7]; n_folds];
        for group in (0..groups.len()).rev() {
            let with = |fold: usize| {
                let mut held = held[fold];
                groups[group].iter().for_each(|label| held[2 * label] += 1.0);
                held
            };
            let squares = |held: &[f64; 7]| (0..7).filter(|c| total(*c) > 0.0).map(|c| (held[c] / total(c)).powi(2)).sum::<f64>();
            let growth = |fold: usize| squares(&with(fold)) - squares(&held[fold]);
            let filled = |fold: usize| held[fold].iter().sum::<f64>();
            let chosen = fold_of(group);
            for other in 0..n_folds {
                prop_assert!(growth(chosen) < growth(other) + 1e-9, "group {}: {} or {}", group, chosen, other);
                let holds_the_same = |label: &usize| held[chosen][2 * label] == held[other][2 * label];
                if groups[group].iter().all(holds_the_same) {
                    prop_assert!(filled(chosen) <= filled(other), "group {}: {} or {}", group, chosen, other);
                }
            }
            held[chosen] = with(chosen);
        }
    }

    #[test]
    fn a_fold_is_tested_in_the_split_of_its_number_and_validates_the_one_before(
        groups in groups_of_different_sizes(), n_folds in 3_usize..6, seed: u64
    ) {
        let (labels, group_of) = recordings(&groups);
        let folds = grouped_folds(&labels, &group_of, n_folds, seed);
        for (number, split) in cross_validation(&labels, &group_of, n_folds, seed).iter().enumerate() {
            for (fold, place) in folds.iter().zip(split) {
                let expected = if *fold == number {
                    Split::Test
                } else if *fold == (number + 1) % n_folds {
                    Split::Val
                } else {
                    Split::Train
                };
                prop_assert_eq!(*place, expected);
            }
        }
        prop_assert_eq!(&grouped_split(&labels, &group_of, seed), &cross_validation(&labels, &group_of, 5, seed)[0]);
    }

    #[test]
    fn the_fold_after_that_of_the_group_left_out_validates(groups in groups_of_different_sizes(), seed: u64) {
        let (labels, group_of) = recordings(&groups);
        let folds = grouped_folds(&labels, &group_of, 5, seed);
        for (left_out, split) in leave_one_group_out(&labels, &group_of, seed).iter().enumerate() {
            let own = folds[group_of.iter().position(|group| *group == left_out).unwrap()];
            for index in 0..labels.len() {
                let expected = match (group_of[index] == left_out, folds[index] == (own + 1) % 5) {
                    (true, _) => Split::Test,
                    (false, true) => Split::Val,
                    (false, false) => Split::Train,
                };
                prop_assert_eq!(split[index], expected);
            }
        }
    }
}

#[test]
fn the_largest_groups_are_placed_first() {
    // Placed by size, 3 and 2 + 1 balance; in the order given, 1 and 2 would be apart before 3 comes.
    let (labels, groups) = recordings(&[vec![0], vec![0; 2], vec![0; 3]]);
    for seed in 0..8 {
        let folds = grouped_folds(&labels, &groups, 2, seed);
        assert!(folds[0] == folds[1] && folds[1] == folds[2] && folds[2] != folds[3], "{folds:?}");
    }
}
