//! Calibration of a model's probabilities: a temperature and thresholds for prediction sets, both fitted on validation
//! examples and saved with the model.
//!
//! Prediction sets are split-conformal with the score `1 - p(true class)`, known as LAC (Sadinle, Lei and Wasserman,
//! "Least Ambiguous Set-Valued Classifiers with Bounded Error Levels", 2019). Let `q` be the k-th largest probability
//! that the n validation examples give to their true class, with `k = ceil((n + 1) coverage)`. The set of a new example
//! holds every class with a probability of at least `q`. It holds the true class with probability `coverage` or more,
//! provided that the new example and the validation examples are exchangeable. A new baby or phone is not exchangeable,
//! and validation examples that also chose the model flatter it, so measure the coverage on test examples with
//! [`Calibration::check`].
//!
//! Sets are formed from the probabilities before rescaling: a temperature that was fitted on the same examples would
//! void the guarantee.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Predictions;
use crate::scores::Scorer;
use crate::temperature::{fit, rescale, softmax};

/// Coverages for which thresholds are saved.
pub const COVERAGES: [f64; 3] = [0.8, 0.9, 0.95];

/// Temperature and prediction-set thresholds, fitted on validation examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Number of validation examples.
    pub n_examples: usize,
    /// The logits are divided by this, above 0; 1 changes nothing, larger values make the model less confident.
    pub temperature: f64,
    /// One threshold per entry of [`COVERAGES`].
    pub sets: Vec<SetThreshold>,
}

/// The threshold that decides which classes a prediction set holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetThreshold {
    /// Share of sets that should hold the true class, 0 to 1.
    pub coverage: f64,
    /// A class with at least this probability, before rescaling, is in the set; 0, and so every class, if there were
    /// too few examples.
    pub min_probability: f32,
}

/// Quality of a calibration on examples that it was not fitted on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrationCheck {
    /// Log loss of the rescaled probabilities, nats per example.
    pub log_loss: f64,
    /// Expected calibration error of the rescaled probabilities, 0 to 1.
    pub calibration_error: f64,
    /// The prediction sets, one entry per coverage.
    pub sets: Vec<SetCheck>,
}

/// Quality of the prediction sets of one coverage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCheck {
    /// Share of sets that should hold the true class, 0 to 1.
    pub coverage: f64,
    /// Share of sets that hold the true class, 0 to 1.
    pub covered: f64,
    /// Mean number of classes per set.
    pub mean_size: f64,
    /// Share of sets with exactly one class, 0 to 1.
    pub single: f64,
    /// Share of sets without any class, because none is probable enough, 0 to 1.
    pub empty: f64,
}

impl Calibration {
    /// Fits the temperature and the thresholds on validation examples.
    pub fn fit(validation: &Predictions) -> Self {
        let mut of_true: Vec<f64> =
            validation.rows().zip(validation.labels()).map(|(row, label)| row[*label]).collect();
        of_true.sort_by(|a, b| b.total_cmp(a));
        let threshold = |coverage: f64| {
            // Minus a small margin: 0.55 * 100 is 55.00000000000001, which must not round up to 56.
            let k = ((of_true.len() + 1) as f64 * coverage - 1e-9).ceil() as usize;
            SetThreshold { coverage, min_probability: of_true.get(k.max(1) - 1).map_or(0.0, |p| *p as f32) }
        };
        Self { n_examples: of_true.len(), temperature: fit(validation), sets: COVERAGES.map(threshold).to_vec() }
    }

    /// Rescaled probabilities, `[n_classes]`, from the model's probabilities.
    pub fn rescale(&self, probabilities: &[f32]) -> Vec<f32> {
        to_f32(&rescale(&to_f64(probabilities), self.temperature))
    }

    /// Rescaled probabilities, `[n_classes]`, from the model's logits.
    pub fn rescale_logits(&self, logits: &[f32]) -> Vec<f32> {
        to_f32(&softmax(&to_f64(logits), self.temperature))
    }

    /// Rescaled log odds `ln(p / (1 - p))` of `class` from the model's logits, `[n_classes]`. Unlike those of a rounded
    /// probability they are finite however sure the model is.
    pub fn log_odds(&self, logits: &[f32], class: usize) -> f64 {
        let rescaled: Vec<f64> = logits.iter().map(|logit| f64::from(*logit) / self.temperature).collect();
        let others = || rescaled.iter().enumerate().filter(|(other, _)| *other != class).map(|(_, logit)| *logit);
        let largest = others().fold(f64::NEG_INFINITY, f64::max);
        let rest: f64 = others().map(|logit| (logit - largest).exp()).sum();
        rescaled[class] - largest - rest.ln()
    }

    /// The prediction set for the model's probabilities, `[n_classes]` before rescaling: class indices, ascending,
    /// possibly none. `None` if there is no threshold for `coverage` in `sets`.
    pub fn prediction_set(&self, probabilities: &[f32], coverage: f64) -> Option<Vec<usize>> {
        let threshold = self.sets.iter().find(|set| (set.coverage - coverage).abs() < 1e-9)?;
        Some(threshold.members(&to_f64(probabilities)))
    }

    /// Measures the calibration on `examples` that it was not fitted on, with their probabilities before rescaling.
    pub fn check(&self, examples: &Predictions) -> CalibrationCheck {
        let rescaled = examples.rows().flat_map(|row| rescale(row, self.temperature)).collect();
        let (scores, _) = Scorer::new(&examples.with_probabilities(rescaled)).scores(&vec![1; examples.labels().len()]);
        CalibrationCheck {
            log_loss: scores.log_loss,
            calibration_error: scores.calibration_error,
            sets: self.sets.iter().map(|set| set.check(examples)).collect(),
        }
    }
}

impl CalibrationCheck {
    /// The mean of several checks, each weighted by its number of examples; `None` without an example. The log loss and
    /// the sets equal those of all examples together; the calibration error is the mean of the errors.
    pub fn mean(checks: &[(usize, Self)]) -> Option<Self> {
        let total = checks.iter().map(|(n, _)| *n).sum::<usize>() as f64;
        let (_, first) = checks.first().filter(|_| total > 0.0)?;
        let mean = |value: &dyn Fn(&Self) -> f64| checks.iter().map(|(n, c)| *n as f64 * value(c)).sum::<f64>() / total;
        Some(Self {
            log_loss: mean(&|check| check.log_loss),
            calibration_error: mean(&|check| check.calibration_error),
            sets: (0..first.sets.len())
                .map(|i| SetCheck {
                    coverage: first.sets[i].coverage,
                    covered: mean(&|check| check.sets[i].covered),
                    mean_size: mean(&|check| check.sets[i].mean_size),
                    single: mean(&|check| check.sets[i].single),
                    empty: mean(&|check| check.sets[i].empty),
                })
                .collect(),
        })
    }
}

impl SetThreshold {
    fn members(&self, probabilities: &[f64]) -> Vec<usize> {
        (0..probabilities.len()).filter(|class| probabilities[*class] >= f64::from(self.min_probability)).collect()
    }

    fn check(&self, examples: &Predictions) -> SetCheck {
        let sets: Vec<Vec<usize>> = examples.rows().map(|row| self.members(row)).collect();
        let n = sets.len() as f64;
        let share = |wanted: &dyn Fn(&Vec<usize>) -> bool| sets.iter().filter(|set| wanted(set)).count() as f64 / n;
        SetCheck {
            coverage: self.coverage,
            covered: sets.iter().zip(examples.labels()).filter(|(set, label)| set.contains(label)).count() as f64 / n,
            mean_size: sets.iter().map(Vec::len).sum::<usize>() as f64 / n,
            single: share(&|set| set.len() == 1),
            empty: share(&|set| set.is_empty()),
        }
    }
}

fn to_f64(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::argmax;

    /// Examples whose class is drawn from their true probabilities. The model's probabilities are the true ones raised
    /// to `sharpness` and normalised.
    fn exchangeable(rng: &mut ChaCha8Rng, n: usize, sharpness: f64) -> Predictions {
        let (mut labels, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let logits: Vec<f64> = (0..5).map(|_| 3.0 * rng.random::<f64>()).collect();
            let mut at: f64 = rng.random();
            let truth = softmax(&logits, 1.0);
            let label = truth.iter().position(|p| {
                at -= p;
                at < 0.0
            });
            labels.push(label.unwrap_or(4));
            rows.push(to_f32(&softmax(&logits, 1.0 / sharpness)));
        }
        Predictions::new(5, &labels, &rows, &(0..n).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn sets_hold_the_true_class_as_often_as_guaranteed() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (n, draws, per_draw) = (59, 800, 50);
        let mut covered = [0.0; COVERAGES.len()];
        for _ in 0..draws {
            let calibration = Calibration::fit(&exchangeable(&mut rng, n, 2.5));
            let check = calibration.check(&exchangeable(&mut rng, per_draw, 2.5));
            check.sets.iter().zip(&mut covered).for_each(|(set, sum)| *sum += set.covered / f64::from(draws));
        }
        for (coverage, covered) in COVERAGES.into_iter().zip(covered) {
            // Without ties the expectation is ceil((n + 1) c) / (n + 1), here c itself. One draw's coverage has a
            // variance of about c (1 - c) (1 / (n + 2) + 1 / per_draw); 4 standard deviations of the mean over the
            // draws:
            let variance = coverage * (1.0 - coverage) * (1.0 / (n + 2) as f64 + 1.0 / per_draw as f64);
            let tolerance = 4.0 * (variance / f64::from(draws)).sqrt();
            assert!(tolerance < 0.012 && (covered - coverage).abs() < tolerance, "{coverage}: {covered}");
        }
    }

    #[test]
    fn the_temperature_undoes_sharpening() {
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        let calibration = Calibration::fit(&exchangeable(&mut rng, 4000, 2.5));
        assert!((calibration.temperature - 2.5).abs() < 0.2, "{}", calibration.temperature);
        let fresh = exchangeable(&mut rng, 4000, 2.5);
        let (before, _) = Scorer::new(&fresh).scores(&vec![1; 4000]);
        let after = calibration.check(&fresh);
        assert!(after.log_loss < before.log_loss - 0.1 && after.calibration_error < 0.3 * before.calibration_error);
    }

    #[test]
    fn rescaling_changes_no_answer_and_agrees_between_logits_and_probabilities() {
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        let calibration = Calibration::fit(&exchangeable(&mut rng, 50, 3.0));
        for _ in 0..100 {
            let logits: Vec<f32> = (0..5).map(|_| 8.0 * rng.random::<f32>()).collect();
            let probabilities = to_f32(&softmax(&to_f64(&logits), 1.0));
            let rescaled = calibration.rescale(&probabilities);
            assert_eq!(argmax(&rescaled), argmax(&probabilities));
            let from_logits = calibration.rescale_logits(&logits);
            assert_eq!(from_logits.len(), 5);
            for (class, p) in from_logits.iter().enumerate() {
                let of_probability = f64::from(*p / (1.0 - *p)).ln();
                assert!((calibration.log_odds(&logits, class) - of_probability).abs() < 1e-3, "{p}");
            }
            for (a, b) in rescaled.iter().zip(from_logits) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn log_odds_are_finite_where_the_probability_rounds_to_one() {
        let calibration = Calibration { n_examples: 0, temperature: 2.0, sets: Vec::new() };
        let logits = [100.0, 0.0, 0.0];
        assert_eq!(calibration.rescale_logits(&logits)[0], 1.0);
        // 100 / 2 - ln(e^0 + e^0)
        assert!((calibration.log_odds(&logits, 0) - (50.0 - 2f64.ln())).abs() < 1e-12);
        assert!((calibration.log_odds(&logits, 1) + 50.0).abs() < 1e-12);
    }

    #[test]
    fn sets_are_counted_as_by_hand() {
        let rows = [
            ([0.6, 0.4, 0.0], 0),   // {0}, right
            ([0.5, 0.5, 0.0], 1),   // {0, 1}, right
            ([0.45, 0.35, 0.2], 0), // {}
            ([0.8, 0.1, 0.1], 2),   // {0}, wrong
            ([0.9, 0.1, 0.0], 0),   // {0}, right
            ([0.5, 0.5, 0.0], 0),   // {0, 1}, right
            ([0.2, 0.3, 0.5], 2),   // {2}, right
        ];
        let (rows, labels): (Vec<Vec<f32>>, Vec<usize>) =
            rows.map(|(row, label)| (row.to_vec(), label)).into_iter().unzip();
        let examples = Predictions::new(3, &labels, &rows, &[0, 1, 2, 3, 4, 5, 6]).unwrap();
        let found = SetThreshold { coverage: 0.9, min_probability: 0.5 }.check(&examples);
        let expected =
            SetCheck { coverage: 0.9, covered: 5.0 / 7.0, mean_size: 8.0 / 7.0, single: 4.0 / 7.0, empty: 1.0 / 7.0 };
        assert_eq!(found, expected);
    }

    #[test]
    fn checks_of_folds_are_averaged_by_their_examples() {
        let check = |x: f64| CalibrationCheck {
            log_loss: 4.0 * x,
            calibration_error: x / 4.0,
            sets: vec![SetCheck { coverage: 0.8, covered: x, mean_size: 2.0 * x, single: 1.0 - x, empty: x / 2.0 }],
        };
        // (1 * 0 + 3 * 1) / 4 = 0.75
        assert_eq!(CalibrationCheck::mean(&[(1, check(0.0)), (3, check(1.0))]), Some(check(0.75)));
        assert_eq!(CalibrationCheck::mean(&[]), None);
        assert_eq!(CalibrationCheck::mean(&[(0, check(0.0))]), None);
    }

    #[test]
    fn too_few_examples_exclude_no_class() {
        let mut rng = ChaCha8Rng::seed_from_u64(14);
        let calibration = Calibration::fit(&exchangeable(&mut rng, 9, 1.0));
        let size = |coverage| calibration.prediction_set(&[0.6, 0.4, 0.0, 0.0, 0.0], coverage).map(|set| set.len());
        assert!(calibration.sets[1].min_probability > 0.0, "k = ceil(10 * 0.9) = 9 is the last of 9");
        assert_eq!((size(0.95), size(0.5)), (Some(5), None));
    }
}
