//! Scores against scikit-learn. The goldens come from `scripts/goldens/metrics_golden.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use metrics::{Calibration, ChanceScores, Estimate, Evaluation, Predictions, Scores};
use serde::Deserialize;

/// Both sides sum up to a few hundred `f64` of about 1 in different orders.
const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Golden {
    name: String,
    labels: Vec<usize>,
    probabilities: Vec<Vec<f32>>,
    training_counts: Vec<usize>,
    scores: Scores<f64>,
    classes: Vec<Class>,
    majority: Scores<f64>,
    stratified_random: Option<ChanceScores>,
    rescaled: Rescaled,
    /// Bin, examples, confidence, accuracy.
    bins: Vec<(usize, usize, f64, f64)>,
    /// Recall, precision, threshold, for each class.
    curves: Option<Vec<Vec<[f64; 3]>>>,
}

#[derive(Deserialize)]
struct Class {
    precision: Option<f64>,
    recall: Option<f64>,
    f1: f64,
    support: usize,
    average_precision: Option<f64>,
}

#[derive(Deserialize)]
struct Rescaled {
    temperature: f64,
    log_loss: f64,
}

fn goldens() -> Vec<(Golden, Predictions)> {
    let path = "tests/goldens.json";
    let goldens: Vec<Golden> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let with_predictions = |golden: Golden| {
        let alone: Vec<usize> = (0..golden.labels.len()).collect();
        let n_classes = golden.training_counts.len();
        let predictions = Predictions::new(n_classes, &golden.labels, &golden.probabilities, &alone).unwrap();
        (golden, predictions)
    };
    goldens.into_iter().map(with_predictions).collect()
}

#[track_caller]
fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= TOLERANCE * expected.abs().max(1.0), "{what}: {found}, expected {expected}");
}

#[track_caller]
fn both(found: Option<Estimate>, expected: Option<f64>, what: &str) {
    assert_eq!(found.is_some(), expected.is_some(), "{what}");
    if let (Some(found), Some(expected)) = (found, expected) {
        close(found.value, expected, what);
    }
}

#[test]
fn scores_agree_with_scikit_learn() {
    let mut exact_baselines = 0;
    for (golden, predictions) in goldens() {
        let names: Vec<String> = (0..predictions.n_classes()).map(|class| format!("class {class}")).collect();
        let found = Evaluation::new(&predictions, &names, &golden.training_counts, 1).unwrap();
        let case = |what: &str| format!("{}, {what}", golden.name);
        for ((name, _, score), (_, _, expected)) in found.scores.named().iter().zip(golden.scores.named()) {
            close(score.value, *expected, &case(name));
        }
        for ((name, _, score), (_, _, expected)) in found.majority.named().iter().zip(golden.majority.named()) {
            close(**score, *expected, &case(&format!("majority {name}")));
        }
        for (class, expected) in found.classes.iter().zip(&golden.classes) {
            let case = |what: &str| format!("{}, {}, {what}", golden.name, class.label);
            assert_eq!(class.support, expected.support, "{}", case("support"));
            both(class.precision, expected.precision, &case("precision"));
            both(class.recall, expected.recall, &case("recall"));
            close(class.f1.value, expected.f1, &case("F1"));
            both(class.average_precision, expected.average_precision, &case("average precision"));
        }
        if let Some(expected) = golden.stratified_random {
            let found = found.stratified_random;
            close(found.macro_f1, expected.macro_f1, &case("random macro-F1"));
            close(found.balanced_accuracy, expected.balanced_accuracy, &case("random balanced accuracy"));
            close(found.accuracy, expected.accuracy, &case("random accuracy"));
            exact_baselines += 1;
        }
    }
    assert!(exact_baselines >= 4, "cases small enough to enumerate every answer: {exact_baselines}");
}

#[test]
fn curves_and_reliability_diagrams_agree_with_scikit_learn_and_numpy() {
    let mut n_curves = 0;
    for (golden, predictions) in goldens() {
        let names: Vec<String> = (0..predictions.n_classes()).map(|class| format!("class {class}")).collect();
        let found = Evaluation::new(&predictions, &names, &golden.training_counts, 1).unwrap();
        assert_eq!(found.reliability.len(), 15);
        let mut expected = golden.bins.iter().peekable();
        for (number, bin) in found.reliability.iter().enumerate() {
            let case = format!("{}, bin {number}", golden.name);
            close(bin.above, number as f64 / 15.0, &case);
            close(bin.up_to, (number + 1) as f64 / 15.0, &case);
            match expected.next_if(|expected| expected.0 == number) {
                Some((_, count, confidence, accuracy)) => {
                    assert_eq!(bin.count, *count, "{case}");
                    close(bin.confidence.unwrap(), *confidence, &case);
                    close(bin.accuracy.unwrap(), *accuracy, &case);
                }
                None => assert_eq!((bin.count, bin.confidence, bin.accuracy), (0, None, None), "{case}"),
            }
        }
        for (class, expected) in found.classes.iter().zip(golden.curves.iter().flatten()) {
            assert_eq!(class.curve.len(), expected.len(), "{}, {}", golden.name, class.label);
            for (point, [recall, precision, threshold]) in class.curve.iter().zip(expected) {
                let case = format!("{}, {}, above {threshold}", golden.name, class.label);
                close(point.recall, *recall, &case);
                close(point.precision, *precision, &case);
                close(point.threshold, *threshold, &case);
                n_curves += usize::from(*recall > 0.0 && *recall < 1.0);
            }
        }
    }
    assert!(n_curves > 50, "points inside of curves: {n_curves}");
}

#[test]
fn temperatures_agree_with_the_minimiser_of_scipy() {
    for (golden, predictions) in goldens() {
        let calibration = Calibration::fit(&predictions);
        let loss = calibration.check(&predictions).log_loss;
        assert!(loss <= golden.rescaled.log_loss + TOLERANCE, "{}: {loss}", golden.name);
        let at_a_bound = golden.rescaled.temperature < 0.0501 || golden.rescaled.temperature > 99.9;
        // The loss is flat around the minimum, so scipy finds it only to the square root of its precision.
        if !at_a_bound && golden.name != "no opinion" {
            let ratio = calibration.temperature / golden.rescaled.temperature;
            assert!((ratio - 1.0).abs() < 1e-5, "{}: {}", golden.name, calibration.temperature);
        }
    }
}
