//! Properties that hold for any predictions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use metrics::{Calibration, Evaluation, MIN_GROUPS, PairedComparison, Predictions};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    labels: Vec<usize>,
    rows: Vec<Vec<f32>>,
    groups: Vec<usize>,
}

impl Case {
    fn predictions(&self) -> Predictions {
        Predictions::new(3, &self.labels, &self.rows, &self.groups).unwrap()
    }

    fn evaluation(&self, seed: u64) -> Evaluation {
        Evaluation::new(&self.predictions(), &["a", "b", "c"].map(String::from), &[5, 3, 2], seed).unwrap()
    }
}

/// Three classes with probabilities in quarters, so that ties are common.
fn case() -> impl Strategy<Value = Case> {
    let quarters = (0_u8..=4, 0_u8..=4).prop_filter_map("at most four quarters", |(a, b)| {
        let c = 4_u8.checked_sub(a + b)?;
        Some([a, b, c].map(|quarter| f32::from(quarter) / 4.0).to_vec())
    });
    prop::collection::vec((0_usize..3, quarters, 0_usize..8), 1..25).prop_map(|examples| Case {
        labels: examples.iter().map(|example| example.0).collect(),
        rows: examples.iter().map(|example| example.1.clone()).collect(),
        groups: examples.iter().map(|example| example.2).collect(),
    })
}

proptest! {
    // Each case needs 2,000 resamples and 2,000 permutations.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn scores_and_intervals_stay_in_range_and_are_reproducible(case in case(), seed: u64) {
        let found = case.evaluation(seed);
        prop_assert_eq!(&found, &case.evaluation(seed));
        for (name, _, score) in found.scores.named() {
            let most = match name { "log loss" => 36.1, "Brier score" => 2.0, _ => 1.0 };
            prop_assert!((0.0..=most).contains(&score.value), "{} {}", name, score.value);
            prop_assert_eq!(score.interval.is_some(), found.n_groups >= MIN_GROUPS);
            let [low, high] = score.interval.unwrap_or([0.0, most]);
            prop_assert!(0.0 <= low && low <= high && high <= most, "{} {} {}", name, low, high);
        }
        prop_assert!(found.permutation.p > 0.0 && found.permutation.p <= 1.0);
        prop_assert_eq!(found.reliability.iter().map(|bin| bin.count).sum::<usize>(), case.labels.len());
    }

    #[test]
    fn renaming_groups_changes_nothing(case in case(), seed: u64) {
        let renamed = Case { groups: case.groups.iter().map(|group| 1000 - 7 * group).collect(), ..case.clone() };
        prop_assert_eq!(case.evaluation(seed), renamed.evaluation(seed));
    }

    #[test]
    fn repeating_every_answer_changes_no_score_interval_or_p_value(
        case in case(), repeats in 2_usize..4, order: u64, seed: u64,
    ) {
        let n = case.labels.len();
        // Each repeat has the recordings in another order, as the folds of a cross-validation do.
        let recordings: Vec<usize> =
            (0..repeats).flat_map(|repeat| (0..n).map(move |i| (i + repeat * (order as usize % n)) % n)).collect();
        let pick = |values: &[usize]| recordings.iter().map(|recording| values[*recording]).collect::<Vec<_>>();
        let repeated = Case {
            labels: pick(&case.labels),
            rows: recordings.iter().map(|recording| case.rows[*recording].clone()).collect(),
            groups: pick(&case.groups),
        };
        let names = ["a", "b", "c"].map(String::from);
        let predictions = repeated.predictions().of_recordings(&recordings).unwrap();
        let (once, found) =
            (case.evaluation(seed), Evaluation::new(&predictions, &names, &[5, 3, 2], seed).unwrap());
        prop_assert_eq!(found.permutation, once.permutation);
        for ((name, _, once), (_, _, found)) in once.scores.named().into_iter().zip(found.scores.named()) {
            prop_assert_eq!(once.interval.is_some(), found.interval.is_some());
            let ends = |score: &metrics::Estimate| [&[score.value][..], &score.interval.unwrap_or_default()].concat();
            let differ = ends(once).iter().zip(ends(found)).any(|(a, b)| (a - b).abs() > 1e-9);
            prop_assert!(!differ, "{} {:?} {:?}", name, once, found);
        }
        let itself = PairedComparison::new(&predictions, &predictions, seed).unwrap();
        prop_assert_eq!((itself.difference.value, itself.p), (0.0, 1.0));
    }

    #[test]
    fn a_saved_evaluation_reads_back(case in case(), seed: u64) {
        // JSON has no NaN: it would be written as null, which is refused in place of a number.
        let json = serde_json::to_string(&case.evaluation(seed)).unwrap();
        prop_assert!(serde_json::from_str::<Evaluation>(&json).is_ok(), "{}", json);
    }

    #[test]
    fn a_saved_calibration_gives_the_same_sets(case in case()) {
        let saved = Calibration::fit(&case.predictions());
        let read: Calibration = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
        prop_assert_eq!(&read.sets, &saved.sets);
        prop_assert!((read.temperature / saved.temperature - 1.0).abs() < 1e-15);
    }

    #[test]
    fn sets_cover_their_own_examples_and_grow_with_coverage(case in case()) {
        let calibration = Calibration::fit(&case.predictions());
        let check = calibration.check(&case.predictions());
        for set in &check.sets {
            prop_assert!(set.covered >= set.coverage - 1e-12, "{:?}", set);
        }
        for row in &case.rows {
            let sets = [0.8, 0.9, 0.95].map(|coverage| calibration.prediction_set(row, coverage).unwrap());
            prop_assert!(sets.windows(2).all(|pair| pair[0].iter().all(|class| pair[1].contains(class))));
        }
    }
}
