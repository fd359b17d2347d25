//! Whitening: a linear map from embeddings to the inputs that heads are trained on.
//!
//! The features of an embedding differ in scale and are correlated. With a random backbone, whose 512 features hardly differ
//! between recordings, a few hundred steps of gradient descent fit little more than their mean.
//!
//! Rectified embeddings `x` are therefore mapped to `(x - mean) · matrix`. The map standardises them, decorrelates them over
//! the training views while changing them as little as possible (ZCA: Bell and Sejnowski 1997), and shrinks every direction,
//! the more the smaller its variance in training. Directions without variance are removed, because a head would keep its random
//! initial weights along them; with a few hundred recordings these are most of YAMNet's 2048 directions.
//!
//! Since the map is linear, it is folded into the trained head, and the saved head takes plain embeddings.
//! `docs/experiments.md` compares the scores of this map and of others.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use model::Head;

use super::embeddings::{Embeddings, Rows};
use crate::Error;

/// Variance, in standardised units, of a direction that is shrunk to half.
const RIDGE: f64 = 0.3;

/// Standard deviations are clamped from below to this share of their mean, so that nearly constant features do not amplify
/// rounding.
const LEAST_STD: f64 = 0.1;

/// Maximum number of steps of the Newton–Schulz iteration. It takes one step for each factor of 9/4 between the norm of the
/// matrix and its smallest eigenvalue, 12 for YAMNet; after that, each step doubles the number of correct digits.
const MOST_STEPS: usize = 40;

/// A linear map that was fitted on training, or none. If the backbone is trained as well, the map stays as it was fitted on the
/// embeddings before training.
pub struct Whitening {
    map: Option<Map>,
    device: Device,
}

struct Map {
    mean: Tensor<2>,   // [1, n]
    matrix: Tensor<2>, // [n, n]
}

impl Whitening {
    /// No map: inputs are rectified only.
    pub fn none(device: &Device) -> Self {
        Self { map: None, device: device.clone() }
    }

    /// Fits the map on all training views, on the CPU; it is used on `device`.
    ///
    /// # Errors
    /// [`Error::Device`] if the device returns no result.
    pub fn fit(embeddings: &Embeddings, device: &Device) -> Result<Self, Error> {
        let n = embeddings.n_features;
        let (mean, matrix) = fit(&embeddings.train.rows, n)?;
        let map = Map { mean: matrix_of(mean, n, device), matrix: matrix_of(matrix, n, device) };
        Ok(Self { map: Some(map), device: device.clone() })
    }

    /// The inputs `[n, n_features]` of the head's linear layers for embeddings of that shape, with or without autodiff.
    pub fn head_inputs(&self, embeddings: Tensor<2>) -> Tensor<2> {
        let rectified = relu(embeddings);
        let Some(Map { mean, matrix }) = &self.map else { return rectified };
        let (mean, matrix) = match rectified.device().is_autodiff() {
            true => (mean.clone().autodiff(), matrix.clone().autodiff()),
            false => (mean.clone(), matrix.clone()),
        };
        (rectified - mean).matmul(matrix)
    }

    /// Maps the embeddings of every split to inputs of the heads.
    ///
    /// # Errors
    /// [`Error::Device`] if the device returns no result.
    pub fn apply(&self, embeddings: &Embeddings) -> Result<Embeddings, Error> {
        let part = |part: &Rows| {
            let rows = self.apply_rows(&part.rows, embeddings.n_features)?;
            Ok::<Rows, Error>(Rows { rows, ..part.clone() })
        };
        Ok(Embeddings {
            train: part(&embeddings.train)?,
            val: part(&embeddings.val)?,
            test: part(&embeddings.test)?,
            ..*embeddings
        })
    }

    fn apply_rows(&self, rows: &[f32], n: usize) -> Result<Vec<f32>, Error> {
        self.head_inputs(matrix_of(rows.to_vec(), n, &self.device)).into_data().try_to_vec().map_err(Error::no_result)
    }

    /// Folds the map into `head`: turns a head for whitened inputs into one for plain embeddings.
    pub fn absorbed_by(&self, head: &Head) -> Head {
        match &self.map {
            Some(Map { mean, matrix }) => head.absorb(mean, matrix),
            None => head.clone(),
        }
    }
}

/// Row-major `values` as a tensor `[n_rows, n_columns]`.
fn matrix_of(values: Vec<f32>, n_columns: usize, device: &Device) -> Tensor<2> {
    let n_rows = values.len() / n_columns;
    Tensor::from_data(TensorData::new(values, [n_rows, n_columns]), device)
}

/// Mean `[n]` and matrix `[n, n]` of the rectified rows. The matrix is `D⁻¹ C^(-1/2) R (R + RIDGE · I)⁻¹`, where `D` holds the
/// standard deviations, `R` the correlations, and `C = (R + RIDGE · I) / (1 + RIDGE)`.
fn fit(rows: &[f32], n: usize) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let count = rows.len() / n;
    let rectified = |row: &[f32], i: usize| f64::from(row[i].max(0.0));
    let column_mean = |of: &dyn Fn(&[f32], usize) -> f64| {
        let mut mean = vec![0.0; n];
        for row in rows.chunks_exact(n) {
            mean.iter_mut().enumerate().for_each(|(i, sum)| *sum += of(row, i) / count as f64);
        }
        mean
    };
    let mean = column_mean(&rectified);
    let variances = column_mean(&|row, i| (rectified(row, i) - mean[i]).powi(2));
    let floor = LEAST_STD * variances.iter().map(|variance| variance.sqrt()).sum::<f64>() / n as f64;
    let scale: Vec<f64> =
        variances.iter().map(|v| 1.0 / v.sqrt().max(floor).max(f64::from(f32::MIN_POSITIVE))).collect();
    let standardised = rows.chunks_exact(n).flat_map(|row| (0..n).map(|i| (rectified(row, i) - mean[i]) * scale[i]));

    let standardised = matrix_of(standardised.map(|value| value as f32).collect(), n, &model::cpu());
    let correlations = standardised.clone().transpose().matmul(standardised) / count as f64;
    let unit = Tensor::<2>::eye(n, &model::cpu());
    let white = inverse_square_root((correlations + unit.clone() * RIDGE) / (1.0 + RIDGE))?;
    let signal = unit - white.clone().matmul(white.clone()) * (RIDGE / (1.0 + RIDGE)); // R / (R + RIDGE · I)
    let mut matrix: Vec<f32> = white.matmul(signal).into_data().try_to_vec().map_err(Error::no_result)?;
    for (line, scale) in matrix.chunks_exact_mut(n).zip(&scale) {
        line.iter_mut().for_each(|value| *value *= *scale as f32);
    }
    Ok((mean.into_iter().map(|value| value as f32).collect(), matrix))
}

/// `C^(-1/2)` of a symmetric positive definite `C`, `[n, n]`, by the coupled Newton–Schulz iteration (Higham, "Functions of
/// Matrices", 2008, section 6.7). It needs only matrix products, which is faster than an eigendecomposition.
fn inverse_square_root(c: Tensor<2>) -> Result<Tensor<2>, Error> {
    let [n, _] = c.dims();
    let value =
        |tensor: Tensor<1>| Ok::<f32, Error>(tensor.into_data().try_to_vec::<f32>().map_err(Error::no_result)?[0]);
    let norm = value(c.clone().powf_scalar(2.0).sum().sqrt())?; // at least the largest eigenvalue, as convergence requires
    let unit = Tensor::<2>::eye(n, &c.device());
    let (mut root, mut inverse) = (c / norm, unit.clone());
    for _ in 0..MOST_STEPS {
        let correction = unit.clone() * 1.5 - inverse.clone().matmul(root.clone()) * 0.5;
        let change = value((correction.clone() - unit.clone()).abs().max())?;
        root = root.matmul(correction.clone());
        inverse = correction.matmul(inverse);
        if change < 1e-4 {
            break; // the next change would be of the order of its square
        }
    }
    Ok(inverse / norm.sqrt())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use model::HeadConfig;
    use rand::RngExt;

    const N: usize = 6;

    /// Rows whose features differ in scale by powers of ten and are correlated, except for a constant one.
    fn embeddings() -> Embeddings {
        let mut rng = experiment::seed::generator(3, &["whitening"]);
        let rows = (0..400)
            .flat_map(|_| {
                let common: f32 = rng.random_range(0.0..1.0);
                let mut row: Vec<f32> =
                    (0..N - 1).map(|i| 10_f32.powi(i as i32 - 3) * (common + rng.random_range(0.0..0.5))).collect();
                row.push(0.25);
                row
            })
            .collect();
        let part = Rows { recordings: (0..400).collect(), labels: vec![0; 400], rows };
        Embeddings { n_classes: 3, n_features: N, n_views: 1, train: part.clone(), val: part.clone(), test: part }
    }

    /// R of two proportional features has the eigenvalue 2 along (1, 1) and 0 along (1, -1). The variance along (1, 1) becomes
    /// that of the formula, and the direction (1, -1) is removed.
    #[test]
    fn whitened_rows_have_the_variance_of_the_formula_and_directions_without_variance_are_removed() {
        let rows: Vec<f32> = (0..400).flat_map(|i| [i as f32, 2.0 * i as f32]).collect();
        let part = Rows { recordings: Vec::new(), labels: Vec::new(), rows };
        let elsewhere = Rows { rows: vec![299.5, 199.0], ..part.clone() }; // 100 above one mean, 200 below the other
        let data = Embeddings { n_classes: 1, n_features: 2, n_views: 1, train: part, val: elsewhere, ..embeddings() };
        let white = Whitening::fit(&data, &Device::flex()).unwrap().apply(&data).unwrap();
        let expected = (1.0 + RIDGE) / (2.0 + RIDGE) * (2.0 / (2.0 + RIDGE)).powi(2);
        for (i, j) in [(0, 0), (0, 1), (1, 1)] {
            let products = white.train.rows.chunks_exact(2).map(|row| f64::from(row[i] * row[j]));
            let moment = products.sum::<f64>() / 400.0;
            assert!((moment - expected).abs() < 1e-4, "{moment}, not {expected}");
        }
        assert!(white.val.rows.iter().all(|value| value.abs() < 1e-4), "{:?}", white.val.rows);
    }

    #[test]
    fn rows_are_centred_and_only_a_constant_feature_is_removed() {
        let white = Whitening::fit(&embeddings(), &Device::flex()).unwrap().apply(&embeddings()).unwrap().train.rows;
        for i in 0..N {
            let column = || white.chunks_exact(N).map(|row| f64::from(row[i]));
            assert!(column().sum::<f64>().abs() / 400.0 < 1e-4);
            let spread = column().map(|value| value * value).sum::<f64>() / 400.0;
            assert_eq!(spread < 1e-9, i == N - 1, "{spread}");
        }
    }

    /// One direction has nearly all of the variance and most have none, as with YAMNet's 2048 features of 300 recordings.
    #[test]
    fn the_inverse_square_root_squared_is_the_inverse() {
        let (n, device) = (1024, model::cpu());
        let mut rng = experiment::seed::generator(4, &["root"]);
        let rows: Vec<f32> = (0..n / 8)
            .flat_map(|_| {
                let common: f32 = rng.random_range(-1.5..1.5);
                (0..n).map(|_| common + rng.random_range(-0.5..0.5)).collect::<Vec<f32>>()
            })
            .collect();
        let rows = matrix_of(rows, n, &device);
        let c = (rows.clone().transpose().matmul(rows) / (n / 8) as f64 + Tensor::eye(n, &device)) / 2.0;
        let root = inverse_square_root(c.clone()).unwrap();
        let product = root.clone().matmul(c).matmul(root.clone());
        let off = (product - Tensor::<2>::eye(n, &device)).abs().max().into_data().try_to_vec::<f32>().unwrap()[0];
        assert!(off < 1e-3, "{off}");
        let skew = (root.clone() - root.transpose()).abs().max().into_data().try_to_vec::<f32>().unwrap()[0];
        assert!(skew < 1e-4, "{skew}");
    }

    #[test]
    fn a_head_with_the_map_folded_in_gives_the_same_logits_for_plain_embeddings() {
        let (embeddings, device) = (embeddings(), Device::flex());
        let tensor = |rows: &[f32]| Tensor::<2>::from_data(TensorData::new(rows.to_vec(), [400, N]), &device);
        let mut rng = experiment::seed::generator(1, &["head"]);
        let head = Head::new(&HeadConfig { inner: 4, dropout: 0.5 }, N, 3, &mut rng, &device);
        for whitening in [Whitening::fit(&embeddings, &device).unwrap(), Whitening::none(&device)] {
            let inputs = whitening.apply(&embeddings).map(|e| e.val.rows).unwrap_or_default();
            let expected = head.logits(tensor(&inputs));
            let absorbed = whitening.absorbed_by(&head).forward(tensor(&embeddings.val.rows));
            let difference = (expected - absorbed).abs().max().into_data().try_to_vec::<f32>().unwrap_or_default();
            assert!(difference[0] < 1e-4, "{difference:?}");
        }
    }
}
