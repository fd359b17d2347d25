//! Logistic regression with L2 by Newton's method; both classes have equal weight.
//!
//! Minimises half the mean over cries plus half the mean over others of `ln(1 + exp(-y z))`, plus `ridge / 2 · |w|²`, on
//! standardised inputs and with a bias that is not penalised. It is deterministic.

use super::cholesky;

/// Maximum number of Newton steps; ten are usually enough.
const MAX_STEPS: usize = 50;
/// Newton's method stops when a step is expected to lower the loss by less than this.
const LEAST_GAIN: f64 = 1e-9;
/// Standard deviations are clamped from below to this share of their mean, so that nearly constant features do not amplify
/// rounding.
const LEAST_STD: f64 = 0.1;

/// Jitter on the diagonal of the Gram matrix, as a share of its mean.
const LEAST_PRODUCT: f64 = 1e-10;

/// An embedding, and whether it is a cry.
#[derive(Clone, Copy)]
pub(super) struct Example<'a> {
    pub row: &'a [f32],
    pub is_cry: bool,
}

/// Fits weights `[n_features]` and bias of a linear layer on plain embeddings whose sigmoid is the probability of a cry.
pub(super) fn fit(examples: &[Example], ridge: f64) -> (Vec<f32>, f32) {
    let problem = Problem::new(examples, ridge);
    let solution = if problem.signs.len() < problem.mean.len() { problem.minimum_in_span() } else { problem.minimum() };
    problem.on_plain_inputs(&solution)
}

struct Problem {
    /// Standardised inputs, `[n, n_features + 1]`; the last is 1, for the bias.
    inputs: Vec<f64>,
    /// 1 for a cry, -1 for another sound; `[n]`.
    signs: Vec<f64>,
    /// Weights of the examples, `[n]`; they sum to 1 if both classes are present.
    weights: Vec<f64>,
    /// Mean of each feature, and the factor that standardises it.
    mean: Vec<f64>,
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
        let mut inputs = Vec::with_capacity(examples.len() * (n_features + 1));
        for example in examples {
            inputs.extend(example.row.iter().zip(&mean).zip(&scale).map(|((x, m), s)| (f64::from(*x) - m) * s));
            inputs.push(1.0);
        }
        let signs = examples.iter().map(|example| if example.is_cry { 1.0 } else { -1.0 }).collect();
        Self { inputs, signs, weights, mean, scale, ridge }
    }

    fn width(&self) -> usize {
        self.mean.len() + 1
    }

    /// Weights of the inputs, `[width]`, at the minimum of the loss.
    fn minimum(&self) -> Vec<f64> {
        let mut solution = vec![0.0; self.width()];
        let mut loss = self.loss(&solution);
        for _ in 0..MAX_STEPS {
            let (gradient, mut curvature) = self.derivatives(&solution);
            let mut step = gradient.clone();
            cholesky::factor(&mut curvature, self.width());
            cholesky::solve(&curvature, &mut step);
            let promised: f64 = step.iter().zip(&gradient).map(|(s, g)| s * g).sum();
            if promised < LEAST_GAIN {
                break;
            }
            // Far from the minimum a full step can overshoot.
            let halvings = (0..30).map(|halving| {
                let share = 0.5_f64.powi(halving);
                let shorter: Vec<f64> = solution.iter().zip(&step).map(|(x, s)| x - share * s).collect();
                (self.loss(&shorter), shorter)
            });
            let Some((lower, shorter)) = halvings.into_iter().find(|(lower, _)| *lower < loss) else { break };
            (loss, solution) = (lower, shorter);
        }
        solution
    }

    /// [`Problem::minimum`] for fewer examples than features. Apart from the bias, the minimum is a linear combination of the
    /// examples, so the problem is solved in their span: if `L Lᵀ` is their Gram matrix, the rows of L replace the examples and
    /// keep their products.
    fn minimum_in_span(&self) -> Vec<f64> {
        let (n, n_features) = (self.signs.len(), self.mean.len());
        let rows: Vec<&[f64]> = self.inputs.chunks_exact(self.width()).map(|row| &row[..n_features]).collect();
        let mut lower = vec![0.0; n * n];
        for (i, line) in lower.chunks_exact_mut(n).enumerate() {
            line[..=i].iter_mut().zip(&rows).for_each(|(product, other)| *product = cholesky::dot(rows[i], other));
        }
        // The examples are linearly dependent: their mean is 0, and some may be equal.
        let jitter = LEAST_PRODUCT * (0..n).map(|i| lower[i * n + i]).sum::<f64>() / n as f64;
        (0..n).for_each(|i| lower[i * n + i] += jitter.max(f64::MIN_POSITIVE));
        cholesky::factor(&mut lower, n);
        let inputs = lower.chunks_exact(n).enumerate().flat_map(|(i, line)| {
            let row = line.iter().enumerate().map(move |(j, x)| if j <= i { *x } else { 0.0 });
            row.chain([1.0])
        });
        let small = Self {
            inputs: inputs.collect(),
            signs: self.signs.clone(),
            weights: self.weights.clone(),
            mean: vec![0.0; n],
            scale: vec![1.0; n],
            ridge: self.ridge,
        };
        let mut shares = small.minimum();
        let bias = shares.split_off(n);
        cholesky::solve_transposed(&lower, &mut shares);
        let mut solution = vec![0.0; n_features];
        for (row, share) in rows.iter().zip(&shares) {
            solution.iter_mut().zip(*row).for_each(|(w, x)| *w += share * x);
        }
        solution.extend(bias);
        solution
    }

    /// Margin `y z` of each example.
    fn margins<'a>(&'a self, solution: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.inputs
            .chunks_exact(self.width())
            .zip(&self.signs)
            .map(move |(row, sign)| sign * cholesky::dot(row, solution))
    }

    fn loss(&self, solution: &[f64]) -> f64 {
        let of_margin = |margin: f64| (-margin).max(0.0) + (-margin.abs()).exp().ln_1p();
        let examples: f64 = self.margins(solution).zip(&self.weights).map(|(m, weight)| weight * of_margin(m)).sum();
        let size: f64 = solution[..self.mean.len()].iter().map(|w| w * w).sum();
        examples + 0.5 * self.ridge * size
    }

    /// Gradient `[width]` and the lower triangle of the Hessian `[width, width]`.
    fn derivatives(&self, solution: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let width = self.width();
        let (mut gradient, mut hessian) = (vec![0.0; width], vec![0.0; width * width]);
        let margins: Vec<f64> = self.margins(solution).collect();
        for (i, row) in self.inputs.chunks_exact(width).enumerate() {
            let wrong = 1.0 / (1.0 + margins[i].exp());
            let (slope, bend) = (self.weights[i] * self.signs[i] * wrong, self.weights[i] * wrong * (1.0 - wrong));
            gradient.iter_mut().zip(row).for_each(|(g, x)| *g -= slope * x);
            for (j, line) in hessian.chunks_exact_mut(width).enumerate() {
                let factor = bend * row[j];
                line[..=j].iter_mut().zip(row).for_each(|(h, x)| *h += factor * x);
            }
        }
        for j in 0..self.mean.len() {
            gradient[j] += self.ridge * solution[j];
            hessian[j * width + j] += self.ridge;
        }
        hessian[width * width - 1] += f64::EPSILON; // keeps it positive definite if every example is far from the boundary
        (gradient, hessian)
    }

    fn on_plain_inputs(&self, solution: &[f64]) -> (Vec<f32>, f32) {
        let weight: Vec<f64> = solution.iter().zip(&self.scale).map(|(w, scale)| w * scale).collect();
        let shift: f64 = weight.iter().zip(&self.mean).map(|(w, mean)| w * mean).sum();
        let bias = solution[self.mean.len()] - shift;
        (weight.into_iter().map(|w| w as f32).collect(), bias as f32)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::RngExt;

    /// Two overlapping classes with 3 features of different scale, one of them constant.
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
            let (weight, bias) = fit(&examples, ridge);
            // Converted back to standardised inputs, the gradient vanishes.
            let mut solution: Vec<f64> = weight.iter().zip(&problem.scale).map(|(w, s)| f64::from(*w) / s).collect();
            let shift: f64 = weight.iter().zip(&problem.mean).map(|(w, m)| f64::from(*w) * m).sum();
            solution.push(f64::from(bias) + shift);
            let (gradient, _) = problem.derivatives(&solution);
            assert!(gradient.iter().all(|g| g.abs() < 1e-4), "{ridge}: {gradient:?}");
            assert!(problem.loss(&solution) < problem.loss(&[0.0; 4]) - 0.05);
            let (again, bias_again) = fit(&examples, ridge);
            assert_eq!((again, bias_again), (weight, bias));
        }
    }

    #[test]
    fn classes_have_equal_weight_and_a_constant_feature_has_none() {
        let rows = rows();
        let (weight, bias) = fit(&examples(&rows), 1e-3);
        assert!(weight[0] > 0.0 && weight[1] > 0.0 && weight[1] < weight[0] / 2.0, "{weight:?}");
        assert!(weight[2].abs() < 1e-6, "{weight:?}");
        // Midway between the classes the probability is 0.5, although two thirds of the examples are of one class.
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
        let (found, expected) = (problem.minimum_in_span(), problem.minimum());
        assert!(problem.loss(&expected) < problem.loss(&[0.0; 21]) - 0.1);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?} {expected:?}");
    }

    #[test]
    fn separable_classes_have_a_finite_solution() {
        let rows: Vec<(Vec<f32>, bool)> = (0..20).map(|i| (vec![if i < 10 { 1e4 } else { -1e4 }], i < 10)).collect();
        let (weight, bias) = fit(&examples(&rows), 1e-6);
        assert!(weight[0].is_finite() && weight[0] > 0.0 && bias.abs() < 1e-3, "{weight:?} {bias}");
    }
}
