#![allow(clippy::unwrap_used)]

use model::Head;
use rand::RngExt;

use super::*;
use crate::config::ClassWeights;
use crate::trial::class_weights::class_weights;

/// Rows of three classes with `n_features` values, some of another scale, and the classes.
fn rows(n: usize, n_features: usize) -> (Vec<f32>, Vec<usize>) {
    let mut rng = experiment::seed::generator(5, &["multinomial"]);
    let labels: Vec<usize> = (0..n).map(|i| if i % 7 < 4 { 0 } else { i % 3 }).collect();
    let rows = labels.iter().flat_map(|label| {
        let noise: Vec<f32> = (0..n_features).map(|_| rng.random_range(-1.0..1.0)).collect();
        let scale = |i: usize| if i.is_multiple_of(2) { 100.0 } else { 1.0 };
        noise.into_iter().enumerate().map(move |(i, x)| scale(i) * (x + if i % 3 == *label { 0.5 } else { 0.0 }))
    });
    (rows.collect(), labels)
}

fn fit(rows: &[f32], labels: &[usize], n_features: usize, class_weights: &[f64], c: f64) -> Fitted {
    Problem::new(Examples { rows, labels, n_features, class_weights: class_weights.to_vec() }).unwrap().fit(c).unwrap()
}

/// Logits of a row.
fn logits(fitted: &Fitted, row: &[f32]) -> Vec<f64> {
    let n_classes = fitted.bias.len();
    let of = |class: usize| {
        let products = row.iter().enumerate().map(|(i, x)| f64::from(*x) * fitted.weight[i * n_classes + class]);
        fitted.bias[class] + products.sum::<f64>()
    };
    (0..n_classes).map(of).collect()
}

fn largest_difference(one: &Fitted, other: &Fitted, rows: &[f32], n_features: usize) -> f64 {
    let difference = |row: &[f32]| {
        let pairs = logits(one, row).into_iter().zip(logits(other, row));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    rows.chunks(n_features).map(difference).fold(0.0, f64::max)
}

#[test]
fn the_span_of_few_views_gives_the_same_minimum() {
    let (few, labels) = rows(20, 30);
    for c in [1e-3, 1.0, 100.0] {
        let examples = || Examples { rows: &few, labels: &labels, n_features: 30, class_weights: vec![1.0, 2.0, 3.0] };
        assert!(Problem::new(examples()).unwrap().span.is_some());
        let [found, expected] = [true, false].map(|span| Problem::in_span(examples(), span).unwrap().fit(c).unwrap());
        let difference = largest_difference(&found, &expected, &few, 30);
        assert!(difference < 1e-7, "{c}: {difference}");
        assert!((found.loss - expected.loss).abs() < 1e-9);
    }
}

#[test]
fn views_count_as_parts_of_their_recording() {
    let (few, labels) = rows(50, 6);
    let twice: Vec<f32> = few.chunks(6).flat_map(|row| [row, row].concat()).collect();
    let [one, two] = [&few, &twice].map(|rows| fit(rows, &labels, 6, &[1.0, 2.0, 3.0], 0.1));
    assert!(largest_difference(&one, &two, &few, 6) < 1e-9);
}

#[test]
fn a_class_without_a_recording_is_never_the_answer_and_changes_nothing() {
    let (few, labels) = rows(60, 6);
    let with_gap: Vec<usize> = labels.iter().map(|label| [0, 1, 3][*label]).collect();
    let without = fit(&few, &labels, 6, &[1.0, 2.0, 3.0], 1.0);
    let with = fit(&few, &with_gap, 6, &[1.0, 2.0, 9.0, 3.0], 1.0);
    for row in few.chunks(6) {
        let (expected, found) = (logits(&without, row), logits(&with, row));
        assert_eq!([found[0], found[1], found[3]], expected[..]);
        assert_eq!(found[2], ABSENT_LOGIT);
        assert!(found.iter().sum::<f64>() - ABSENT_LOGIT < 1e-9, "the others sum to 0: {found:?}");
    }
}

#[test]
fn one_class_alone_and_separable_classes_have_finite_weights() {
    let (few, labels) = rows(40, 60);
    let alone = fit(&few, &[1; 40], 60, &[1.0; 3], 1.0);
    assert!(alone.weight.iter().all(|weight| *weight == 0.0) && alone.bias == [ABSENT_LOGIT, 0.0, ABSENT_LOGIT]);
    for c in [1e-8, 1e6] {
        let separable = fit(&few, &labels, 60, &[1.0; 3], c);
        assert!(separable.weight.iter().chain(&separable.bias).all(|weight| weight.is_finite()), "{c}");
    }
}

#[test]
fn an_embedding_that_is_not_finite_is_an_error_that_names_its_place() {
    let problem = Problem::new(Examples {
        rows: &[1.0, 2.0, f32::NAN, 3.0],
        labels: &[0, 1],
        n_features: 2,
        class_weights: vec![1.0; 2],
    });
    let message = problem.err().unwrap().to_string();
    assert!(message.contains("value 0 of the embedding of training view 1 is NaN"), "{message}");
}

#[derive(serde::Deserialize)]
struct Golden {
    name: String,
    n_features: usize,
    c: f64,
    balanced: bool,
    labels: Vec<usize>,
    /// A row for each view.
    rows: Vec<f32>,
    probabilities: Vec<Vec<f64>>,
}

/// Against `scripts/goldens/logistic_golden.py`. Both sides converge to gradients below 1e-10.
#[test]
fn probabilities_equal_scikit_learns() {
    let goldens: Vec<Golden> = serde_json::from_str(include_str!("../../tests/goldens/logistic.json")).unwrap();
    assert!(goldens.len() > 5);
    for Golden { name, n_features, c, balanced, labels, rows, probabilities } in goldens {
        let kind = if balanced { ClassWeights::Balanced } else { ClassWeights::None };
        let n_classes = probabilities[0].len();
        let fitted = fit(&rows, &labels, n_features, &class_weights(kind, &labels, n_classes), c);
        let head = Head::Logistic(fitted.head(&model::cpu()));
        let narrow = head.classify(&rows, rows.len() / head.n_inputs()).unwrap();
        for (index, (row, expected)) in rows.chunks(n_features).zip(&probabilities).enumerate() {
            let found = softmax(logits(&fitted, row));
            let of_head = softmax(narrow[index * n_classes..][..n_classes].iter().map(|z| f64::from(*z)).collect());
            for (class, expected) in expected.iter().enumerate() {
                let [exact, saved] = [&found, &of_head].map(|row| (row[class] - expected).abs());
                assert!(exact < 1e-8, "{name}, view {index}: {found:?}, expected {expected:?}");
                assert!(saved < 1e-4, "{name}, view {index}: {of_head:?}, expected {expected:?}");
            }
        }
    }
}

fn softmax(logits: Vec<f64>) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|z| (z - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}
