//! A small report for tests.

use experiment::{
    BackboneSummary, BaselineSummary, CalibrationSummary, ConditionSummary, DataSummary, Environment, Epoch,
    EventSummary, FailedTrial, GateSummary, Leaks, Mistake, REPORT_VERSION, Recorders, Report, Subgroup, SubgroupTable,
    TrialConfig, TrialSummary,
};
use features::{OcclusionGrid, OcclusionMap};
use metrics::{Calibration, Detection, Estimate, Evaluation, Family, PairedComparison, Predictions, Scores};
use model::{Arch, EpisodeSettings, HeadConfig, Trainable};

/// Two times; the fourth of eight bands matters in the first, and speaks for another class in the second.
pub(crate) fn explanation() -> OcclusionMap {
    let mut log_odds_drop = vec![vec![0.0; 2]; 8];
    log_odds_drop[3] = vec![0.5, -0.25];
    OcclusionMap { grid: OcclusionGrid::new(1.0, 4000.0), log_odds_drop, cry_score_drop: None }
}

/// Two classes, two trials, ten scored recordings: six in test, and four in validation, too few for an interval.
#[allow(clippy::unwrap_used)]
pub(crate) fn example() -> Report {
    let labels = ["hungry", "tired"].map(String::from).to_vec();
    let predictions = |pairs: &[(usize, f32)]| {
        let truths: Vec<usize> = pairs.iter().map(|(truth, _)| *truth).collect();
        let rows: Vec<Vec<f32>> = pairs.iter().map(|(_, p)| vec![*p, 1.0 - p]).collect();
        let alone: Vec<usize> = (0..pairs.len()).collect();
        Predictions::new(2, &truths, &rows, &alone).unwrap()
    };
    let validation = predictions(&[(0, 0.75), (0, 0.25), (1, 0.125), (1, 0.0)]);
    let test = predictions(&[(0, 0.75), (0, 1.0), (0, 0.375), (1, 0.5), (1, 0.25), (0, 0.625)]);
    let by_regression = predictions(&[(0, 0.75), (0, 0.25), (0, 0.375), (1, 0.5), (1, 0.75), (0, 0.625)]);
    let family = |name: &str, positives: &[f64], negatives: &[f64]| Family {
        name: name.into(),
        positives: positives.to_vec(),
        negatives: negatives.to_vec(),
    };
    let fitted = Calibration::fit(&validation);
    let evaluate = |predictions| Evaluation::new(predictions, &labels, &[6, 4], 42).unwrap();
    let trial = |learning_rate: f64, val_macro_f1: f64| {
        let config = TrialConfig::new(Some(learning_rate), HeadConfig::mlp(16, 0.5));
        TrialSummary { id: config.id(), config, epoch: 2, val_macro_f1, val_loss: 0.7, inner_macro_f1: None }
    };
    let epoch = |epoch: usize, loss: f64| Epoch {
        epoch,
        learning_rate: 0.01,
        train_loss: loss,
        val_loss: loss + 0.1,
        val_macro_f1: 0.5 - loss / 4.0,
    };
    let subgroup = |value: &str, n_recordings, interval| Subgroup {
        value: value.into(),
        n_recordings,
        n_groups: n_recordings / 3,
        n_classes: 2,
        accuracy: Estimate { value: 0.625, interval },
        balanced_accuracy: Estimate { value: 0.5, interval },
        majority_accuracy: 0.75,
    };
    Report {
        format_version: REPORT_VERSION,
        run: "example-0123456789ab".into(),
        seed: 42,
        device: "rten on cpu".into(),
        warnings: vec!["The recordings are synthetic.".into()],
        validation: evaluate(&validation),
        test: evaluate(&test),
        baseline: Some(BaselineSummary {
            path: vec![0.01, 1.0],
            chosen: vec![0.01],
            test: Scores::estimated(&by_regression, 42),
            trials: PairedComparison::new(&test, &by_regression, 42).unwrap(),
        }),
        subgroups: vec![SubgroupTable {
            column: "sex".into(),
            rows: vec![subgroup("female", 18, Some([0.25, 0.75])), subgroup("unknown", 10, None)],
            others: 1,
            recordings_of_others: 3,
        }],
        folds: vec![],
        failed: vec![FailedTrial { search: String::new(), id: "lr10".into(), error: "the loss is not finite".into() }],
        calibration: CalibrationSummary { test: fitted.check(&test), fitted },
        mistakes: vec![Mistake {
            path: "hungry/one.wav".into(),
            label: "hungry".into(),
            predicted: "tired".into(),
            probability: 0.625,
            probability_of_label: 0.375,
            explanation: Some(explanation()),
        }],
        gate: Some(GateSummary {
            threshold: 0.4,
            n_sounds: 6,
            tested_on: "test".into(),
            recall: 0.75,
            false_alarm_rate: 0.25,
            detection: Detection::new(
                &[
                    family("music", &[0.75, 0.5, 0.5, 1.0], &[0.25, 0.5]),
                    family("noise", &[0.75, 0.75, 0.5, 1.0], &[0.0, 0.125, 0.25]),
                ],
                &[0, 0, 1, 2],
                42,
            )
            .unwrap(),
            known_to_backbone: true,
            is_encoders_own: false,
        }),
        events: Some(EventSummary {
            truth: "nights.csv".into(),
            settings: EpisodeSettings::of_threshold(Some(0.4), 7.0),
            n_recordings: 6,
            seconds: 6.0 * 3600.0,
            n_cries: 29,
            n_missed: 1,
            false_alarms_per_hour: Some(Estimate { value: 3.0, interval: Some([1.25, 4.5]) }),
            median_latency_seconds: Some(Estimate { value: 2.5, interval: None }),
        }),
        robustness: vec![
            ConditionSummary { name: "as recorded".into(), test: Scores::estimated(&test, 42), cries_kept: Some(1.0) },
            ConditionSummary {
                name: "pink noise, 0 dB".into(),
                test: Scores::estimated(&by_regression, 42),
                cries_kept: Some(5.0 / 6.0),
            },
        ],
        config: "name = \"example\"\n".into(),
        environment: Environment { wail: "0.1.0".into(), features_version: 1, target: "x86_64-linux".into() },
        data: DataSummary {
            root: "data/raw".into(),
            synthetic: true,
            licence: None,
            fingerprint: "ab".repeat(32),
            split: "stratified 60/20/20 by class, seed 42".into(),
            labels: labels.clone(),
            n_groups: 15,
            recorders: Recorders { unknown: 3, of: 20 },
            repeats: 1,
            counts: [vec![6, 4], vec![2, 2], vec![4, 2]],
            passed_over: "1 folder (__MACOSX), 2 .txt files (a/notes.txt ...)".into(),
            unused_classes: vec!["c".into()],
            unreadable: vec![],
            dropped: vec![],
            leaks: Leaks { held_out: 10, copies: 1, families: 1, recorders: 2, pretraining: 0 },
        },
        backbone: BackboneSummary {
            arch: Arch::RESNET18,
            trained: Trainable::None,
            requested: "resnet18".into(),
            used: "random weights, seed 42".into(),
            stand_in: false,
            fingerprint: "cd".repeat(32),
        },
        leaderboard: vec![trial(0.01, 0.73), trial(0.001, 0.4)],
        best_epochs: vec![epoch(1, 0.9), epoch(2, 0.6), epoch(3, 0.5)],
    }
}
