//! Whitening: what the heads are trained on instead of raw embeddings.
//!
//! The values of an embedding differ in size and rise and fall together, the more so with a random backbone, whose
//! 512 numbers hardly differ between recordings; a few hundred steps of gradient descent then see little but the mean.
//! Rectified embeddings `x` are therefore brought to `(x - mean) · matrix`, whose correlations over the training views
//! are near the identity (shrunk half-way, as the views are few). Since the map is linear, a trained head absorbs it:
//! what is saved is the plain head on plain embeddings. `docs/experiments.md` has the scores with and without it.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use model::Head;

use crate::embeddings::{Embeddings, Rows};
use crate::tail::no_result;
use crate::{Error, cholesky};

/// Weight of the identity against the correlations; 1 is half-way. Validation is as good from 0.3 to 3.
const RIDGE: f64 = 1.0;

/// No standard deviation counts as less than this share of their mean: what is divided by almost nothing magnifies rounding.
const LEAST_STD: f64 = 0.1;

/// A linear map that was fitted on training, or none. Where the backbone is trained, too, it stays as it was fitted on the
/// embeddings before: training starts from there, and the map is still linear.
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

    /// Fits the map on all training views.
    pub fn fit(embeddings: &Embeddings, device: &Device) -> Self {
        let n = embeddings.n_features;
        let (mean, matrix) = fit(&embeddings.train.rows, n);
        let tensor = |values: Vec<f64>, rows: usize| {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::from_data(TensorData::new(values, [rows, n]), device)
        };
        Self { map: Some(Map { mean: tensor(mean, 1), matrix: tensor(matrix, n) }), device: device.clone() }
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

    /// The inputs of the heads in place of the embeddings, in the same places.
    ///
    /// # Errors
    /// [`Error::Failed`] if the device gives no result.
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
        let embeddings = Tensor::<2>::from_data(TensorData::new(rows.to_vec(), [rows.len() / n, n]), &self.device);
        self.head_inputs(embeddings).into_data().try_to_vec().map_err(no_result)
    }

    /// The head for plain embeddings in place of one for whitened inputs.
    pub fn absorbed_by(&self, head: &Head) -> Head {
        match &self.map {
            Some(Map { mean, matrix }) => head.absorb(mean, matrix),
            None => head.clone(),
        }
    }
}

/// Mean `[n]` and matrix `[n, n]` of the rectified rows: `D⁻¹ L⁻ᵀ` with D the standard deviations and
/// `L Lᵀ = (R + RIDGE · I) / (1 + RIDGE)` the Cholesky factor of the shrunk correlations R.
fn fit(rows: &[f32], n: usize) -> (Vec<f64>, Vec<f64>) {
    let count = (rows.len() / n).max(1) as f64;
    let mut mean = vec![0.0; n];
    for row in rows.chunks_exact(n) {
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(value.max(0.0)));
    }
    mean.iter_mut().for_each(|sum| *sum /= count);
    let mut covariance = vec![0.0; n * n]; // lower triangle
    let mut centred = vec![0.0; n];
    for row in rows.chunks_exact(n) {
        centred.iter_mut().zip(row.iter().zip(&mean)).for_each(|(c, (value, m))| *c = f64::from(value.max(0.0)) - m);
        for (i, line) in covariance.chunks_exact_mut(n).enumerate() {
            line[..=i].iter_mut().zip(&centred).for_each(|(sum, c)| *sum += centred[i] * c / count);
        }
    }
    let stds: Vec<f64> = (0..n).map(|i| covariance[i * n + i].sqrt()).collect();
    let floor = (LEAST_STD * stds.iter().sum::<f64>() / n as f64).max(f64::MIN_POSITIVE);
    let scale: Vec<f64> = stds.iter().map(|std| 1.0 / std.max(floor)).collect();

    let mut factor = covariance; // the shrunk correlations, then L
    for i in 0..n {
        for j in 0..=i {
            let correlation = factor[i * n + j] * scale[i] * scale[j];
            factor[i * n + j] = (correlation + if i == j { RIDGE } else { 0.0 }) / (1.0 + RIDGE);
        }
    }
    cholesky::factor(&mut factor, n);
    // Column j of L⁻¹ is row j of L⁻ᵀ, which is upper triangular.
    let mut matrix = vec![0.0; n * n];
    for j in 0..n {
        for i in j..n {
            let unit = if i == j { 1.0 } else { 0.0 };
            let rest = unit - cholesky::dot(&factor[i * n + j..i * n + i], &matrix[j * n + j..j * n + i]);
            matrix[j * n + i] = rest / factor[i * n + i];
        }
    }
    for (line, scale) in matrix.chunks_exact_mut(n).zip(&scale) {
        line.iter_mut().for_each(|value| *value *= scale);
    }
    (mean, matrix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::HeadConfig;
    use rand::RngExt;

    const N: usize = 6;

    /// Rows whose values differ in size by 1000, hang together, and have one that never changes.
    fn embeddings() -> Embeddings {
        let mut rng = crate::seed::generator(3, &["whitening"]);
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

    #[test]
    fn the_correlations_of_whitened_rows_are_half_way_to_the_identity() {
        let white = Whitening::fit(&embeddings(), &Device::flex()).apply(&embeddings()).map(|e| e.train.rows);
        let rows: Vec<f64> = white.unwrap_or_default().into_iter().map(f64::from).collect();
        let moment = |i: usize, j: usize| rows.chunks_exact(N).map(|row| row[i] * row[j]).sum::<f64>() / 400.0;
        for i in 0..N {
            assert!(rows.chunks_exact(N).map(|row| row[i]).sum::<f64>().abs() / 400.0 < 1e-4);
            assert_eq!(moment(i, N - 1), 0.0, "what never changes says nothing");
        }
        // With eigenvalues e of R, those of the result are 2e / (e + 1): between 0 and 2, and they sum to
        // at most as much as R's.
        let trace: f64 = (0..N).map(|i| moment(i, i)).sum();
        assert!((1.0..5.0).contains(&trace), "{trace}");
        assert!((0..N).all(|i| moment(i, i) < 2.0));
    }

    #[test]
    fn a_head_that_absorbed_the_map_says_the_same_of_raw_embeddings() {
        let (embeddings, device) = (embeddings(), Device::flex());
        let tensor = |rows: &[f32]| Tensor::<2>::from_data(TensorData::new(rows.to_vec(), [400, N]), &device);
        let mut rng = crate::seed::generator(1, &["head"]);
        let head = Head::new(&HeadConfig { inner: 4, dropout: 0.5 }, N, 3, &mut rng, &device);
        for whitening in [Whitening::fit(&embeddings, &device), Whitening::none(&device)] {
            let inputs = whitening.apply(&embeddings).map(|e| e.val.rows).unwrap_or_default();
            let expected = head.logits(tensor(&inputs));
            let absorbed = whitening.absorbed_by(&head).forward(tensor(&embeddings.val.rows));
            let difference = (expected - absorbed).abs().max().into_data().try_to_vec::<f32>().unwrap_or_default();
            assert!(difference[0] < 1e-4, "{difference:?}");
        }
    }
}
