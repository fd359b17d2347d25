//! Newton's method for the regression. Each step comes from conjugate gradients (Nocedal and Wright 2006, chapter 7), since the
//! Hessian of several classes is too large to factorise; they are preconditioned with the Hessian of one class of mean curvature.

use nalgebra::{Cholesky, DMatrix, Dyn};

use super::cholesky::cholesky;
use super::inputs::Inputs;
use crate::Error;

/// Most steps of Newton's method; twenty are many.
const MAX_STEPS: usize = 200;

/// The fit ends when no element of the gradient of the mean loss is larger.
const LEAST_GRADIENT: f64 = 1e-13;

/// Rounding may end the fit before; a larger gradient is then an error.
const MOST_GRADIENT: f64 = 1e-9;

/// Conjugate gradients end when what is left of the gradient, in the preconditioner's norm, is this share of it.
const LEAST_LEFT: f64 = 1e-2;

/// Most conjugate gradients for a step. What they found by then is a step downhill in any case.
const MAX_GRADIENTS: usize = 1000;

/// A step that lowers the loss by less than this share of what its slope promises is halved.
const LEAST_GAIN: f64 = 1e-4;

/// Most halvings of a step.
const MAX_HALVINGS: usize = 40;

/// A predicted gain below this cannot be told from rounding.
const ROUNDING: f64 = 1e-14;

/// The mean loss with its penalty, as a function of weights and biases `[n_dimensions + 1, n_targets]`; the biases are the last
/// row.
pub(super) struct Objective<'a> {
    pub inputs: &'a Inputs<'a>,
    /// The weighted sum of the views' products with themselves, `[n_dimensions + 1, n_dimensions + 1]`.
    pub products: &'a DMatrix<f64>,
    /// Target of each view, `[n]`.
    pub targets: &'a [usize],
    /// Weight of each view, `[n]`; they sum to 1.
    pub weights: &'a [f64],
    pub n_targets: usize,
    /// Half of it multiplies the squared weights.
    pub ridge: f64,
}

/// The objective at one point.
struct Point {
    solution: DMatrix<f64>,
    /// Probabilities, `[n_targets, n]`.
    probabilities: DMatrix<f64>,
    /// Mean cross-entropy.
    loss: f64,
    /// Mean cross-entropy and penalty.
    penalised: f64,
    /// `[n_dimensions + 1, n_targets]`.
    gradient: DMatrix<f64>,
}

impl Objective<'_> {
    /// The minimum, and the mean cross-entropy there.
    ///
    /// # Errors
    /// [`Error::Diverged`] if it is not reached.
    pub fn minimum(&self) -> Result<(DMatrix<f64>, f64), Error> {
        let mut point = self.at(DMatrix::zeros(self.inputs.n_dimensions() + 1, self.n_targets));
        for _ in 0..MAX_STEPS {
            if point.gradient.amax() <= LEAST_GRADIENT {
                break;
            }
            let step = self.step(&point, &self.preconditioner(&point)?);
            match self.downhill(&point, &step) {
                Some(lower) => point = lower,
                None => break,
            }
        }
        let left = point.gradient.amax();
        if left.is_nan() || left > MOST_GRADIENT {
            return Err(Error::Diverged(format!(
                "the logistic regression did not converge in {MAX_STEPS} steps: an element of the gradient is {left:e}; a smaller \
                 sweep.c may help"
            )));
        }
        Ok((point.solution, point.loss))
    }

    fn at(&self, solution: DMatrix<f64>) -> Point {
        let n_dimensions = self.inputs.n_dimensions();
        let mut probabilities = DMatrix::zeros(self.n_targets, self.targets.len());
        let mut gradient = DMatrix::zeros(n_dimensions + 1, self.n_targets);
        let mut loss = 0.0;
        let transposed = solution.transpose();
        self.inputs.each(|first, columns| {
            let mut block = &transposed * columns; // logits [n_targets, some], then probabilities, then slopes
            for (index, mut column) in block.column_iter_mut().enumerate() {
                let (target, weight) = (self.targets[first + index], self.weights[first + index]);
                let largest = column.max();
                let logit = column[target] - largest;
                column.apply(|z| *z = (*z - largest).exp());
                let sum = column.sum();
                loss += weight * (sum.ln() - logit);
                column /= sum;
                probabilities.set_column(first + index, &column);
                column[target] -= 1.0;
                column *= weight;
            }
            gradient.gemm(1.0, columns, &block.transpose(), 1.0);
        });
        let weights = solution.rows(0, n_dimensions);
        let penalised = loss + 0.5 * self.ridge * weights.norm_squared();
        self.add_ridge(&solution, &mut gradient);
        Point { solution, probabilities, loss, penalised, gradient }
    }

    /// The Hessian at `point` times `direction`, `[n_dimensions + 1, n_targets]`.
    fn hessian_times(&self, point: &Point, direction: &DMatrix<f64>) -> DMatrix<f64> {
        let mut product = DMatrix::zeros(direction.nrows(), direction.ncols());
        let transposed = direction.transpose();
        self.inputs.each(|first, columns| {
            let mut block = &transposed * columns; // changes of the logits [n_targets, some], then of the slopes
            for (index, mut column) in block.column_iter_mut().enumerate() {
                let p = point.probabilities.column(first + index);
                let mean = p.dot(&column);
                let weight = self.weights[first + index];
                column.zip_apply(&p, |change, p| *change = weight * p * (*change - mean));
            }
            product.gemm(1.0, columns, &block.transpose(), 1.0);
        });
        self.add_ridge(direction, &mut product);
        product
    }

    /// Adds the derivative of the penalty, which leaves out the biases.
    fn add_ridge(&self, weights: &DMatrix<f64>, derivative: &mut DMatrix<f64>) {
        let n_dimensions = self.inputs.n_dimensions();
        let mut penalised = derivative.rows_mut(0, n_dimensions);
        penalised += self.ridge * weights.rows(0, n_dimensions);
    }

    /// The Hessian of one class whose curvature is the mean one at `point`; the bias is penalised as well.
    fn preconditioner(&self, point: &Point) -> Result<Cholesky<f64, Dyn>, Error> {
        let of_view = |p: nalgebra::DVectorView<f64>| p.iter().map(|p| p * (1.0 - p)).sum::<f64>();
        let views = point.probabilities.column_iter().zip(self.weights);
        let curvature: f64 = views.map(|(p, weight)| weight * of_view(p)).sum();
        let mut matrix = self.products * (curvature / (self.n_targets.max(2) - 1) as f64);
        (0..matrix.nrows()).for_each(|i| matrix[(i, i)] += self.ridge);
        cholesky(matrix, "logistic regression", "lower sweep.c")
    }

    /// Newton's step at `point`.
    fn step(&self, point: &Point, preconditioner: &Cholesky<f64, Dyn>) -> DMatrix<f64> {
        let mut step = DMatrix::zeros(point.gradient.nrows(), point.gradient.ncols());
        let mut left = -&point.gradient;
        let mut solved = preconditioner.solve(&left);
        let mut direction = solved.clone();
        let mut size = left.dot(&solved);
        let enough = LEAST_LEFT * LEAST_LEFT * size;
        for _ in 0..MAX_GRADIENTS {
            let product = self.hessian_times(point, &direction);
            let curvature = direction.dot(&product);
            if curvature <= 0.0 || curvature.is_nan() {
                break;
            }
            let length = size / curvature;
            step += length * &direction;
            left -= length * product;
            solved = preconditioner.solve(&left);
            let before = std::mem::replace(&mut size, left.dot(&solved));
            if size <= enough {
                break;
            }
            direction = &solved + (size / before) * direction;
        }
        step
    }

    /// The point after `step`, or after a shorter one where the whole overshoots; `None` if the loss can fall no further.
    fn downhill(&self, point: &Point, step: &DMatrix<f64>) -> Option<Point> {
        let slope = point.gradient.dot(step);
        if -slope <= ROUNDING * point.penalised.max(1.0) {
            let next = self.at(&point.solution + step);
            return (next.gradient.amax() < point.gradient.amax()).then_some(next);
        }
        (0..MAX_HALVINGS).find_map(|halving| {
            let length = 0.5_f64.powi(halving as i32);
            let next = self.at(&point.solution + length * step);
            (next.penalised <= point.penalised + LEAST_GAIN * length * slope).then_some(next)
        })
    }
}
