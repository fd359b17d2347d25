//! What validation teaches about a model's probabilities: a temperature, and thresholds for prediction sets. Saved with
//! the model.
//!
//! Prediction sets are split conformal with the score `1 - p(true class)`, called LAC (Sadinle, Lei and Wasserman, "Least
//! Ambiguous Set-Valued Classifiers with Bounded Error Levels", 2019): a set holds every class with at least the k-th
//! largest probability that the n validation examples gave to their true class, `k = ceil((n + 1) coverage)`. It then
//! holds the true class of a new example with probability `coverage` or more, if that example and those of validation
//! are exchangeable. A new baby or phone is not, and validation that also chose the model is flattered by it; so measure
//! the coverage on test with [`Calibration::check`].
//!
//! Sets are cut from the probabilities as the model gives them, not from the rescaled ones: a temperature that was fitted
//! on the same examples would void the guarantee.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Predictions;
use crate::scores::Scorer;
use crate::temperature::{fit, rescale, softmax};

/// Coverages for which thresholds are kept.
pub const COVERAGES: [f64; 3] = [0.8, 0.9, 0.95];

/// What was learnt from validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Examples it was fitted on.
    pub n_examples: usize,
    /// Logits are divided by it, above 0; 1 changes nothing, more makes the model less sure.
    pub temperature: f64,
    /// One threshold for each of [`COVERAGES`].
    pub sets: Vec<SetThreshold>,
}

/// When a class belongs to a prediction set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetThreshold {
    /// The share of sets that should hold the true class.
    pub coverage: f64,
    /// A class with this probability or more is in the set, before rescaling; 0 if there were too few examples to leave
    /// any class out.
    pub min_probability: f32,
}

/// How a calibration did on other examples than its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrationCheck {
    /// Log loss of the rescaled probabilities, nats.
    pub log_loss: f64,
    /// Their expected calibration error, 0 to 1.
    pub calibration_error: f64,
    /// The prediction sets, one entry for each coverage.
    pub sets: Vec<SetCheck>,
}

/// How the prediction sets of one coverage did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCheck {
    /// The share that should hold the true class.
    pub coverage: f64,
    /// The share that does.
    pub covered: f64,
    /// Mean number of classes in a set.
    pub mean_size: f64,
    /// Share of sets with exactly one class: an answer.
    pub single: f64,
    /// Share of sets without any class: no class is likely enough.
    pub empty: f64,
}

impl Calibration {
    /// Fits temperature and thresholds on validation examples.
    pub fn fit(validation: &Predictions) -> Self {
        let mut of_true: Vec<f64> =
            validation.rows().zip(validation.labels()).map(|(row, label)| row[*label]).collect();
        of_true.sort_by(|a, b| b.total_cmp(a));
        let threshold = |coverage: f64| {
            // Less a hair: 0.55 * 100 is 55.00000000000001, but 55 is meant.
            let k = ((of_true.len() + 1) as f64 * coverage - 1e-9).ceil() as usize;
            SetThreshold { coverage, min_probability: of_true.get(k.max(1) - 1).map_or(0.0, |p| *p as f32) }
        };
        Self { n_examples: of_true.len(), temperature: fit(validation), sets: COVERAGES.map(threshold).to_vec() }
    }

    /// Rescaled probabilities, `[n_classes]`, of those that the model gives.
    pub fn rescale(&self, probabilities: &[f32]) -> Vec<f32> {
        to_f32(&rescale(&to_f64(probabilities), self.temperature))
    }

    /// Rescaled probabilities, `[n_classes]`, of the model's logits.
    pub fn rescale_logits(&self, logits: &[f32]) -> Vec<f32> {
        to_f32(&softmax(&to_f64(logits), self.temperature))
    }

    /// The classes, in order of their index, that belong to the prediction set of probabilities as the model gives them;
    /// it may be empty. `None` if `coverage` is none of those in `sets`.
    pub fn prediction_set(&self, probabilities: &[f32], coverage: f64) -> Option<Vec<usize>> {
        let threshold = self.sets.iter().find(|set| (set.coverage - coverage).abs() < 1e-9)?;
        Some(threshold.members(&to_f64(probabilities)))
    }

    /// Measures the calibration on examples that it was not fitted on.
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
    /// The mean of several, each weighted by its number of examples; `None` if there are none. The log loss and the sets
    /// are then as if measured together; the calibration error is the mean of the errors.
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

    /// Examples whose class is drawn from their own probabilities, raised to `sharpness` and scaled as the model sees them.
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
    fn sets_hold_the_true_class_as_often_as_promised() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (n, draws, per_draw) = (59, 800, 50);
        let mut covered = [0.0; COVERAGES.len()];
        for _ in 0..draws {
            let calibration = Calibration::fit(&exchangeable(&mut rng, n, 2.5));
            let check = calibration.check(&exchangeable(&mut rng, per_draw, 2.5));
            check.sets.iter().zip(&mut covered).for_each(|(set, sum)| *sum += set.covered / f64::from(draws));
        }
        for (coverage, covered) in COVERAGES.into_iter().zip(covered) {
            // Without ties the expectation is ceil((n + 1) c) / (n + 1), here c itself. One draw's coverage has a variance
            // of about c (1 - c) (1 / (n + 2) + 1 / per_draw); 4 standard deviations of the mean over the draws:
            let variance = coverage * (1.0 - coverage) * (1.0 / (n + 2) as f64 + 1.0 / per_draw as f64);
            let tolerance = 4.0 * (variance / f64::from(draws)).sqrt();
            assert!(tolerance < 0.012 && (covered - coverage).abs() < tolerance, "{coverage}: {covered}");
        }
    }

    #[test]
    fn a_sharpened_model_is_softened_back() {
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        let calibration = Calibration::fit(&exchangeable(&mut rng, 4000, 2.5));
        assert!((calibration.temperature - 2.5).abs() < 0.2, "{}", calibration.temperature);
        let fresh = exchangeable(&mut rng, 4000, 2.5);
        let (before, _) = Scorer::new(&fresh).scores(&vec![1; 4000]);
        let after = calibration.check(&fresh);
        assert!(after.log_loss < before.log_loss - 0.1 && after.calibration_error < 0.3 * before.calibration_error);
    }

    #[test]
    fn rescaling_changes_no_answer_and_logits_give_the_same() {
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        let calibration = Calibration::fit(&exchangeable(&mut rng, 50, 3.0));
        for _ in 0..100 {
            let logits: Vec<f32> = (0..5).map(|_| 8.0 * rng.random::<f32>()).collect();
            let probabilities = to_f32(&softmax(&to_f64(&logits), 1.0));
            let rescaled = calibration.rescale(&probabilities);
            assert_eq!(argmax(&rescaled), argmax(&probabilities));
            for (a, b) in rescaled.iter().zip(calibration.rescale_logits(&logits)) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn few_examples_leave_no_class_out() {
        let mut rng = ChaCha8Rng::seed_from_u64(14);
        let calibration = Calibration::fit(&exchangeable(&mut rng, 9, 1.0));
        let size = |coverage| calibration.prediction_set(&[0.6, 0.4, 0.0, 0.0, 0.0], coverage).map(|set| set.len());
        assert!(calibration.sets[1].min_probability > 0.0, "k = ceil(10 * 0.9) = 9 is the last of 9");
        assert_eq!((size(0.95), size(0.5)), (Some(5), None));
    }
}
