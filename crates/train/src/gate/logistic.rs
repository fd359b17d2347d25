//! Logistic regression with L2 by Newton's method, both classes of equal weight.
//!
//! Minimises half the mean over cries plus half the mean over other sounds of `ln(1 + exp(-y z))`, plus `ridge / 2 · |w|²`, over
//! standardised inputs and a bias that is not shrunk. It draws nothing and runs with one thread: the same examples give the same bits.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use crate::Error;
use crate::logistic::cholesky;

/// Most steps of Newton's method; ten are many.
const MAX_STEPS: usize = 50;

/// Newton's method ends when the next step would lower the loss by less than this.
const LEAST_GAIN: f64 = 1e-9;

/// Standard deviations are clamped from below to this share of their mean: dividing by almost nothing would magnify rounding errors.
const LEAST_STD: f64 = 0.1;

/// Added to each example's product with itself, as a share of the mean of these products.
const LEAST_PRODUCT: f64 = 1e-10;

/// What messages call the gate's matrices, and what they advise.
const WHOSE: &str = "gate";
const ADVICE: &str = "raise gate.ridge";

/// An embedding, `[n_features]`, and whether it is of a cry.
#[derive(Clone, Copy)]
pub(super) struct Example<'a> {
    pub row: &'a [f32],
    pub is_cry: bool,
}

/// Weights `[n_features]` and bias of the layer on plain embeddings whose sigmoid is the probability of a cry.
///
/// # Errors
/// [`Error::Numerical`] if a matrix that Newton's method solves with is not positive definite.
pub(super) fn fit(examples: &[Example], ridge: f64) -> Result<(Vec<f32>, f32), Error> {
    let problem = Problem::new(examples, ridge);
    let few_examples = problem.signs.len() < problem.mean.len();
    let solution = if few_examples { problem.minimum_in_span()? } else { problem.minimum()? };
    Ok(problem.on_plain_inputs(&solution))
}

struct Problem {
    /// Standardised examples, a column each, `[n_features + 1, n]`; the last row is 1, for the bias.
    inputs: DMatrix<f64>,
    /// 1 for a cry, -1 for any other sound; `[n]`.
    signs: Vec<f64>,
    /// They sum to 1 if both classes are present; `[n]`.
    weights: Vec<f64>,
    /// What was subtracted from each feature, `[n_features]`.
    mean: Vec<f64>,
    /// What each feature was then multiplied by, `[n_features]`.
    scale: Vec<f64>,
    ridge: f64,
}

impl Problem {
    fn new(examples: &[Example], ridge: f64) -> Self {
        let n_features = examples.first().map_or(0, |example| example.row.len());
        let n_cries = examples.iter().filter(|example| example.is_cry).count();
        let weight = |is_cry: bool| 0.5 / (if is_cry { n_cries } else { examples.len() - n_cries }) as f64;
        let weights: Vec<f64> = examples.iter().map(|example| weight(example.is_cry)).collect();
        let weighted = || examples.iter().zip(&weights);
        let mut mean = vec![0.0; n_features];
        for (example, weight) in weighted() {
            mean.iter_mut().zip(example.row).for_each(|(m, x)| *m += weight * f64::from(*x));
        }
        let mut variance = vec![0.0; n_features];
        for (example, weight) in weighted() {
            let deviations = example.row.iter().zip(&mean).map(|(x, m)| f64::from(*x) - m);
            variance.iter_mut().zip(deviations).for_each(|(v, d)| *v += weight * d * d);
        }
        let stds: Vec<f64> = variance.iter().map(|v| v.sqrt()).collect();
        let floor = (LEAST_STD * stds.iter().sum::<f64>() / n_features.max(1) as f64).max(f64::MIN_POSITIVE);
        let scale: Vec<f64> = stds.iter().map(|std| 1.0 / std.max(floor)).collect();
        let inputs = DMatrix::from_fn(n_features + 1, examples.len(), |i, example| match i < n_features {
            true => (f64::from(examples[example].row[i]) - mean[i]) * scale[i],
            false => 1.0,
        });
        let signs = examples.iter().map(|example| if example.is_cry { 1.0 } else { -1.0 }).collect();
        Self { inputs, signs, weights, mean, scale, ridge }
    }

    /// Weights of the inputs, `[n_features + 1]`, that minimise the loss.
    fn minimum(&self) -> Result<DVector<f64>, Error> {
        let mut solution = DVector::zeros(self.inputs.nrows());
        let mut loss = self.loss(&solution);
        for _ in 0..MAX_STEPS {
            let (gradient, hessian) = self.derivatives(&solution);
            let step = factor(hessian)?.solve(&gradient);
            if step.dot(&gradient) < LEAST_GAIN {
                break;
            }
            // Far from the minimum a whole step can overshoot it.
            let halvings = (0..30).map(|halving| {
                let shorter = &solution - 0.5_f64.powi(halving) * &step;
                (self.loss(&shorter), shorter)
            });
            let Some((lower, shorter)) = halvings.into_iter().find(|(lower, _)| *lower < loss) else { break };
            (loss, solution) = (lower, shorter);
        }
        Ok(solution)
    }

    /// [`Problem::minimum`] for fewer examples than features. Apart from the bias the solution is then a linear combination of the examples.
    /// With `L Lᵀ` the examples' products with each other, the rows of L replace the examples: this keeps all lengths.
    fn minimum_in_span(&self) -> Result<DVector<f64>, Error> {
        let (n, n_features) = (self.signs.len(), self.mean.len());
        let features = self.inputs.rows(0, n_features);
        let mut products = features.transpose() * features;
        // Examples may be linearly dependent: their mean is 0, and some may be equal.
        let jitter = (LEAST_PRODUCT * products.trace() / n as f64).max(f64::MIN_POSITIVE);
        (0..n).for_each(|i| products[(i, i)] += jitter);
        let lower = factor(products)?.unpack();
        let small = Self {
            inputs: lower.transpose().insert_row(n, 1.0),
            signs: self.signs.clone(),
            weights: self.weights.clone(),
            mean: vec![0.0; n],
            scale: vec![1.0; n],
            ridge: self.ridge,
        };
        let solution = small.minimum()?;
        let mut shares = solution.rows(0, n).into_owned();
        if !lower.tr_solve_lower_triangular_mut(&mut shares) {
            return Err(cholesky::not_positive_definite(n, WHOSE, ADVICE));
        }
        Ok((features * shares).push(solution[n]))
    }

    /// Margin `y z` of each example.
    fn margins(&self, solution: &DVector<f64>) -> Vec<f64> {
        self.inputs.tr_mul(solution).iter().zip(&self.signs).map(|(z, sign)| sign * z).collect()
    }

    fn loss(&self, solution: &DVector<f64>) -> f64 {
        let of_margin = |margin: f64| (-margin).max(0.0) + (-margin.abs()).exp().ln_1p();
        let margins = self.margins(solution);
        let examples: f64 = margins.iter().zip(&self.weights).map(|(m, weight)| weight * of_margin(*m)).sum();
        examples + 0.5 * self.ridge * solution.rows(0, self.mean.len()).norm_squared()
    }

    /// Gradient `[n_features + 1]` and Hessian `[n_features + 1, n_features + 1]`.
    fn derivatives(&self, solution: &DVector<f64>) -> (DVector<f64>, DMatrix<f64>) {
        let n_features = self.mean.len();
        let wrong = self.margins(solution).into_iter().map(|margin| 1.0 / (1.0 + margin.exp()));
        let wrong: Vec<f64> = wrong.collect();
        let examples = || wrong.iter().zip(&self.weights);
        let slopes = examples().zip(&self.signs).map(|((wrong, weight), sign)| -weight * sign * wrong);
        let mut gradient = &self.inputs * DVector::from_iterator(wrong.len(), slopes);
        let mut bent = self.inputs.clone();
        for (mut example, (wrong, weight)) in bent.column_iter_mut().zip(examples()) {
            example *= weight * wrong * (1.0 - wrong);
        }
        let mut hessian = bent * self.inputs.transpose();
        for i in 0..n_features {
            gradient[i] += self.ridge * solution[i];
            hessian[(i, i)] += self.ridge;
        }
        hessian[(n_features, n_features)] += f64::EPSILON; // keeps it positive definite where all margins are large
        (gradient, hessian)
    }

    fn on_plain_inputs(&self, solution: &DVector<f64>) -> (Vec<f32>, f32) {
        let weight: Vec<f64> = solution.iter().zip(&self.scale).map(|(w, scale)| w * scale).collect();
        let shift: f64 = weight.iter().zip(&self.mean).map(|(w, mean)| w * mean).sum();
        let bias = solution[self.mean.len()] - shift;
        (weight.into_iter().map(|w| w as f32).collect(), bias as f32)
    }
}

/// The factor `L` of a symmetric positive definite matrix `L Lᵀ`.
fn factor(matrix: DMatrix<f64>) -> Result<Cholesky<f64, Dyn>, Error> {
    cholesky::cholesky(matrix, WHOSE, ADVICE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::RngExt;

    /// Two classes that overlap, as rows of 3 features of different scale; the last is constant.
    fn rows() -> Vec<(Vec<f32>, bool)> {
        let mut rng = experiment::seed::generator(5, &["logistic"]);
        (0..300)
            .map(|i| {
                let is_cry = i % 3 == 0;
                let centre = if is_cry { 0.4 } else { -0.4 };
                let mut noise = || rng.random_range(-1.0..1.0_f32) + rng.random_range(-1.0..1.0_f32);
                (vec![centre + noise(), 5.0 * (centre + noise()), 7.0], is_cry)
            })
            .collect()
    }

    fn examples(rows: &[(Vec<f32>, bool)]) -> Vec<Example<'_>> {
        rows.iter().map(|(row, is_cry)| Example { row, is_cry: *is_cry }).collect()
    }

    #[test]
    fn the_solution_is_the_minimum() {
        let rows = rows();
        let examples = examples(&rows);
        for ridge in [1e-4, 1e-1] {
            let problem = Problem::new(&examples, ridge);
            let (weight, bias) = fit(&examples, ridge).unwrap();
            // On standardised inputs the gradient vanishes.
            let mut solution: Vec<f64> = weight.iter().zip(&problem.scale).map(|(w, s)| f64::from(*w) / s).collect();
            let shift: f64 = weight.iter().zip(&problem.mean).map(|(w, m)| f64::from(*w) * m).sum();
            solution.push(f64::from(bias) + shift);
            let (gradient, _) = problem.derivatives(&DVector::from_vec(solution.clone()));
            assert!(gradient.iter().all(|g| g.abs() < 1e-4), "{ridge}: {gradient:?}");
            assert!(problem.loss(&DVector::from_vec(solution)) < problem.loss(&DVector::zeros(4)) - 0.05);
            let (again, bias_again) = fit(&examples, ridge).unwrap();
            assert_eq!((again, bias_again), (weight, bias));
        }
    }

    #[test]
    fn classes_count_equally_and_a_constant_feature_gets_no_weight() {
        let rows = rows();
        let (weight, bias) = fit(&examples(&rows), 1e-3).unwrap();
        assert!(weight[0] > 0.0 && weight[1] > 0.0 && weight[1] < weight[0] / 2.0, "{weight:?}");
        assert!(weight[2].abs() < 1e-6, "{weight:?}");
        // Halfway between the classes the probability is one half, though two thirds of the examples are of one class.
        let middle = bias + 7.0 * weight[2];
        assert!(middle.abs() < 0.2, "{middle}");
    }

    #[test]
    fn fewer_examples_than_features_have_the_same_minimum() {
        let mut rng = experiment::seed::generator(6, &["logistic"]);
        let mut rows: Vec<(Vec<f32>, bool)> =
            (0..12).map(|i| ((0..20).map(|_| rng.random_range(-1.0..1.0)).collect(), i % 3 == 0)).collect();
        rows.push(rows[0].clone());
        let problem = Problem::new(&examples(&rows), 1e-2);
        let (found, expected) = (problem.minimum_in_span().unwrap(), problem.minimum().unwrap());
        assert!(problem.loss(&expected) < problem.loss(&DVector::zeros(21)) - 0.1);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?} {expected:?}");
    }

    #[test]
    fn separable_classes_have_a_finite_solution() {
        let rows: Vec<(Vec<f32>, bool)> = (0..20).map(|i| (vec![if i < 10 { 1e4 } else { -1e4 }], i < 10)).collect();
        let (weight, bias) = fit(&examples(&rows), 1e-6).unwrap();
        assert!(weight[0].is_finite() && weight[0] > 0.0 && bias.abs() < 1e-3, "{weight:?} {bias}");
    }

    #[test]
    fn an_embedding_that_is_not_finite_is_an_error() {
        let mut rows = rows();
        rows[4].0[1] = f32::NAN;
        assert!(fit(&examples(&rows), 1e-3).is_err());
    }
}
