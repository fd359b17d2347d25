//! Whitening: a linear map from embeddings, rectified if the head rectifies them, or from frames to the inputs of the heads.
//!
//! The features of an embedding differ in scale and are strongly correlated, most of all with a random backbone, whose 512 features hardly
//! differ between recordings. A few hundred steps of gradient descent then learn little more than the mean. So a rectified embedding `x` is
//! mapped to `(x - mean) · matrix`:
//! - Each feature is standardised.
//! - The correlations over the training views are removed, and the result stays as close as possible to the standardised features (ZCA:
//!   Bell and Sejnowski 1997).
//! - Each direction is shrunk, the more the less the training views vary along it. Directions along which they do not vary are dropped:
//!   a head would keep its random initial weights there. With a few hundred recordings these are most of YAMNet's 2048.
//!
//! The map is linear, so a trained head absorbs it, and the saved head takes plain embeddings. `docs/experiments.md` has the scores of
//! this map and of others.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use model::Head;
use nalgebra::{DMatrix, SymmetricEigen};

use crate::Error;

/// A direction with this variance, in units of a standardised feature, is shrunk to half its size.
const RIDGE: f64 = 0.3;

/// Standard deviations are clamped from below to this share of their mean: dividing by almost nothing would magnify rounding errors.
const LEAST_STD: f64 = 0.1;

/// Rows of embeddings that are mapped, or whose products are summed, together: the memory needed beside the rows does not grow with them.
const BLOCK: usize = 8192;

/// Most iterations of the eigendecomposition for each row of the matrix, as in LAPACK's `dsteqr`.
const MOST_ITERATIONS: usize = 30;

/// A linear map that was fitted on the training views, or none. If layers of the backbone are trained, the map stays as it was fitted on the
/// embeddings before training.
pub struct Whitening {
    map: Option<Map>,
    /// Whether embeddings are rectified first, as an mlp does.
    rectifies: bool,
    device: Device,
}

struct Map {
    mean: Tensor<2>,   // [1, n]
    matrix: Tensor<2>, // [n, n]
}

impl Whitening {
    /// No map: embeddings are only rectified, if at all.
    pub fn none(rectifies: bool, device: &Device) -> Self {
        Self { map: None, rectifies, device: device.clone() }
    }

    /// Fits the map on `rows`, the embeddings or frames of all training views, `[count, n]`, on the CPU with one thread; it is applied
    /// on `device`.
    ///
    /// # Errors
    /// [`Error::Numerical`] if an embedding is not finite, or if the eigendecomposition does not converge.
    pub fn fit(rows: &[f32], n: usize, rectifies: bool, device: &Device) -> Result<Self, Error> {
        let (mean, matrix) = fit(rows, n, rectifies)?;
        let map = Map { mean: matrix_of(mean, n, device), matrix: matrix_of(matrix, n, device) };
        Ok(Self { map: Some(map), rectifies, device: device.clone() })
    }

    /// Inputs of the head's linear layers, `[n, n_features]`, from embeddings of the same shape, with or without autodiff.
    pub fn head_inputs(&self, embeddings: Tensor<2>) -> Tensor<2> {
        let inputs = if self.rectifies { relu(embeddings) } else { embeddings };
        let Some(Map { mean, matrix }) = &self.map else { return inputs };
        let (mean, matrix) = match inputs.device().is_autodiff() {
            true => (mean.clone().autodiff(), matrix.clone().autodiff()),
            false => (mean.clone(), matrix.clone()),
        };
        (inputs - mean).matmul(matrix)
    }

    /// Replaces embeddings, `[n, n_features]` row-major, by the inputs of the heads.
    ///
    /// # Errors
    /// [`Error::Device`] if the device gives no result.
    pub fn apply(&self, rows: &mut [f32], n_features: usize) -> Result<(), Error> {
        for block in rows.chunks_mut(BLOCK * n_features) {
            let inputs = self.head_inputs(matrix_of(block.to_vec(), n_features, &self.device));
            let inputs = inputs.into_data().try_to_vec::<f32>().map_err(Error::no_result)?;
            block.copy_from_slice(&inputs);
        }
        Ok(())
    }

    /// The head for plain embeddings that equals `head` on whitened inputs.
    pub fn absorbed_by(&self, head: &Head) -> Head {
        match &self.map {
            Some(Map { mean, matrix }) => head.absorb(mean, matrix),
            None => head.clone(),
        }
    }
}

/// `[values / n_columns, n_columns]`.
fn matrix_of(values: Vec<f32>, n_columns: usize, device: &Device) -> Tensor<2> {
    let n_rows = values.len() / n_columns;
    Tensor::from_data(TensorData::new(values, [n_rows, n_columns]), device)
}

/// Mean `[n]` and matrix `[n, n]`, row-major, of the map for rows `[count, n]`.
fn fit(rows: &[f32], n: usize, rectifies: bool) -> Result<(Vec<f32>, Vec<f32>), Error> {
    if let Some(place) = rows.iter().position(|value| !value.is_finite()) {
        return Err(Error::Numerical(format!(
            "whitening: value {} of the embedding of training view {} is {}; check the backbone's weights",
            place % n,
            place / n,
            rows[place]
        )));
    }
    let count = rows.len() / n;
    let value = |row: &[f32], i: usize| f64::from(if rectifies { row[i].max(0.0) } else { row[i] });
    let column_mean = |of: &dyn Fn(&[f32], usize) -> f64| {
        let mut mean = vec![0.0; n];
        for row in rows.chunks_exact(n) {
            mean.iter_mut().enumerate().for_each(|(i, sum)| *sum += of(row, i) / count as f64);
        }
        mean
    };
    let mean = column_mean(&value);
    let variances = column_mean(&|row, i| (value(row, i) - mean[i]).powi(2));
    let floor = LEAST_STD * variances.iter().map(|variance| variance.sqrt()).sum::<f64>() / n as f64;
    let scale: Vec<f64> =
        variances.iter().map(|v| 1.0 / v.sqrt().max(floor).max(f64::from(f32::MIN_POSITIVE))).collect();
    let standardised = |rows: &[f32]| {
        let values = rows.chunks_exact(n).flat_map(|row| (0..n).map(|i| (value(row, i) - mean[i]) * scale[i]));
        DMatrix::from_iterator(n, rows.len() / n, values)
    };
    let zca = shrunk_zca(n, count, rows.chunks(n * BLOCK.max(n)).map(standardised), RIDGE)?;
    let lines = zca.column_iter().zip(&scale); // a column is a row: the matrix is symmetric
    let matrix = lines.flat_map(|(line, scale)| line.iter().map(|value| (value * scale) as f32).collect::<Vec<f32>>());
    Ok((mean.into_iter().map(|value| value as f32).collect(), matrix.collect()))
}

/// `C^(-1/2) R (R + ridge · I)^(-1)`, `[n, n]` and symmetric, for `count` standardised views in the columns of `blocks`, `[n, ...]`
/// each, with R their correlations and `C = (R + ridge · I) / (1 + ridge)`. Fewer than `n` views are one block.
///
/// The map has the eigenvectors of R. Where there are fewer views than features, those come from the smaller matrix of the views' products:
/// `views · u` is an eigenvector of R for each eigenvector `u` of that, and R is 0 along all others.
fn shrunk_zca(
    n: usize,
    count: usize,
    mut blocks: impl Iterator<Item = DMatrix<f64>>,
    ridge: f64,
) -> Result<DMatrix<f64>, Error> {
    let few_views = (count < n).then(|| blocks.next()).flatten();
    let products = match &few_views {
        Some(views) => views.transpose() * views,
        None => blocks.fold(DMatrix::zeros(n, n), |mut sum, block| {
            sum.gemm(1.0, &block, &block.transpose(), 1.0);
            sum
        }),
    };
    let size = products.nrows();
    let eigen = decompose(products / count as f64 + DMatrix::identity(size, size) * ridge, MOST_ITERATIONS * size)?;
    let directions = match &few_views {
        Some(views) => views * eigen.eigenvectors,
        None => eigen.eigenvectors,
    };
    let mut scaled = directions.clone();
    for (mut direction, value) in scaled.column_iter_mut().zip(&eigen.eigenvalues) {
        let spread = if few_views.is_some() { 1.0 / count as f64 } else { value - ridge }; // R's eigenvalue over the squared length
        direction *= (1.0 + ridge).sqrt() / (value * value.sqrt()) * spread;
    }
    Ok(scaled * directions.transpose())
}

/// Eigenvalues and eigenvectors of a symmetric matrix, with one thread: the same bits each time.
///
/// # Errors
/// [`Error::Numerical`] if that takes `most_iterations` or more, or if the result is not finite.
fn decompose(matrix: DMatrix<f64>, most_iterations: usize) -> Result<SymmetricEigen<f64, nalgebra::Dyn>, Error> {
    let size = matrix.nrows();
    SymmetricEigen::try_new(matrix, f64::EPSILON, most_iterations)
        .filter(|eigen| eigen.eigenvalues.iter().chain(&eigen.eigenvectors).all(|value| value.is_finite()))
        .ok_or_else(|| {
            Error::Numerical(format!(
                "whitening: the eigendecomposition of the training views' correlations, {size} x {size}, did not converge within \
                 {most_iterations} iterations; train.whiten = false trains without it"
            ))
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::embed::embeddings::{Embeddings, Rows};
    use model::HeadConfig;
    use rand::RngExt;

    const N: usize = 6;

    /// Rows whose features differ in scale by 1000 and are correlated; one feature is constant.
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

    /// The correlations of two proportional features have the eigenvalue 2 along (1, 1), and 0 along (1, -1): the variance along (1, 1) is
    /// that of the formula, and the direction (1, -1) is dropped.
    #[test]
    fn whitened_rows_vary_as_the_formula_says_where_the_training_rows_vary() {
        let rows: Vec<f32> = (0..400).flat_map(|i| [i as f32, 2.0 * i as f32]).collect();
        let part = Rows { recordings: Vec::new(), labels: Vec::new(), rows };
        let elsewhere = Rows { rows: vec![299.5, 199.0], ..part.clone() }; // 100 above one mean, 200 below the other
        let data = Embeddings { n_classes: 1, n_features: 2, n_views: 1, train: part, val: elsewhere, ..embeddings() };
        let whitening = Whitening::fit(&data.train.rows, 2, true, &Device::flex()).unwrap();
        let [train, val] = [&data.train, &data.val].map(|part| applied(&whitening, &part.rows, 2));
        let expected = (1.0 + RIDGE) / (2.0 + RIDGE) * (2.0 / (2.0 + RIDGE)).powi(2);
        for (i, j) in [(0, 0), (0, 1), (1, 1)] {
            let products = train.chunks_exact(2).map(|row| f64::from(row[i] * row[j]));
            let moment = products.sum::<f64>() / 400.0;
            assert!((moment - expected).abs() < 1e-4, "{moment}, not {expected}");
        }
        assert!(val.iter().all(|value| value.abs() < 1e-4), "{val:?}");
    }

    #[test]
    fn only_rows_for_heads_that_rectify_are_rectified() {
        let rows = [-3.0, -1.0];
        for (rectifies, expected) in [(true, [0.0, 0.0]), (false, [-1.0, 1.0])] {
            let whitening = Whitening::fit(&rows, 1, rectifies, &Device::flex()).unwrap();
            let signs: Vec<f32> =
                applied(&whitening, &rows, 1).iter().map(|x| if *x == 0.0 { 0.0 } else { x.signum() }).collect();
            assert_eq!(signs, expected);
        }
    }

    #[test]
    fn a_constant_feature_is_dropped() {
        let white = applied(
            &Whitening::fit(&embeddings().train.rows, N, true, &Device::flex()).unwrap(),
            &embeddings().train.rows,
            N,
        );
        for i in 0..N {
            let column = || white.chunks_exact(N).map(|row| f64::from(row[i]));
            assert!(column().sum::<f64>().abs() / 400.0 < 1e-4);
            let spread = column().map(|value| value * value).sum::<f64>() / 400.0;
            assert_eq!(spread < 1e-9, i == N - 1, "{spread}");
        }
    }

    /// Views in columns, `[n, count]`, with a common part that holds most of the variance; each row has mean 0 and variance 1.
    fn views(n: usize, count: usize) -> DMatrix<f64> {
        let mut rng = experiment::seed::generator(4, &["views", &n.to_string()]);
        let common: Vec<f64> = (0..count).map(|_| rng.random_range(-1.5..1.5)).collect();
        let mut views = DMatrix::from_fn(n, count, |_, view| common[view] + rng.random_range(-0.5..0.5));
        for mut row in views.row_iter_mut() {
            row.add_scalar_mut(-row.mean());
            row /= row.variance().sqrt();
        }
        views
    }

    /// The map for `views`, `[n, count]`, in one block.
    fn zca(views: &DMatrix<f64>, ridge: f64) -> DMatrix<f64> {
        shrunk_zca(views.nrows(), views.ncols(), [views.clone()].into_iter(), ridge).unwrap()
    }

    fn applied(whitening: &Whitening, rows: &[f32], n: usize) -> Vec<f32> {
        let mut rows = rows.to_vec();
        whitening.apply(&mut rows, n).unwrap();
        rows
    }

    #[test]
    fn views_in_blocks_have_the_map_of_all_of_them() {
        let views = views(30, 400);
        let blocks = [(0, 150), (150, 150), (300, 100)].map(|(from, count)| views.columns(from, count).into_owned());
        let difference = shrunk_zca(30, 400, blocks.into_iter(), RIDGE).unwrap() - zca(&views, RIDGE);
        assert!(difference.amax() < 1e-12, "{}", difference.amax());
        let rows: Vec<f32> = (0..2 * BLOCK + 5).flat_map(|i| [i as f32, (i * i % 97) as f32]).collect();
        let whitening = Whitening::fit(&rows, 2, true, &Device::flex()).unwrap();
        let white = applied(&whitening, &rows, 2);
        for row in [0, BLOCK - 1, BLOCK, 2 * BLOCK + 4] {
            assert_eq!(white[2 * row..2 * row + 2], applied(&whitening, &rows[2 * row..2 * row + 2], 2), "row {row}");
        }
    }

    /// Without shrinking, the covariance of whitened views is the projection on the directions along which they vary.
    #[test]
    fn the_whitened_covariance_is_the_identity_on_the_directions_of_training() {
        // As YAMNet with few recordings; as many as features; as a ResNet with many.
        for (n, count) in [(300, 40), (60, 60), (30, 400)] {
            let views = views(n, count);
            let white = zca(&views, 1e-9) * &views;
            let covariance = &white * white.transpose() / count as f64;
            let rank = n.min(count - 1) as f64; // their mean is 0
            assert!((covariance.trace() - rank).abs() < 1e-4, "{n}, {count}: {}", covariance.trace());
            assert!((&covariance * &views - &views).amax() < 1e-4, "{n}, {count}");
            assert!((&covariance - covariance.transpose()).amax() < 1e-9, "{n}, {count}");
        }
    }

    /// Views that are repeated have the same correlations, but there are then more of them than features.
    #[test]
    fn few_views_and_their_repetitions_have_the_same_map() {
        let few = views(50, 20);
        let repeated = DMatrix::from_fn(50, 100, |i, view| few[(i, view % 20)]);
        let maps = [few, repeated].map(|views| zca(&views, RIDGE));
        assert!((&maps[0] - &maps[1]).amax() < 1e-10, "{}", (&maps[0] - &maps[1]).amax());
        assert!(maps[0].amax() > 0.01);
    }

    #[test]
    fn one_training_view_gives_a_map_without_directions() {
        let (mean, matrix) = fit(&[1.0, 2.0, -3.0], 3, true).unwrap();
        assert_eq!((mean, matrix), (vec![1.0, 2.0, 0.0], vec![0.0; 9]));
    }

    #[test]
    fn an_embedding_that_is_not_finite_is_an_error_that_names_its_place() {
        for value in [f32::NAN, f32::INFINITY] {
            let message = fit(&[1.0, 2.0, 3.0, value], 2, true).unwrap_err().to_string();
            assert!(message.contains(&format!("value 1 of the embedding of training view 1 is {value}")), "{message}");
        }
    }

    #[test]
    fn an_eigendecomposition_that_does_not_converge_is_an_error() {
        let products = views(20, 40) * views(20, 40).transpose();
        assert!(decompose(products.clone(), MOST_ITERATIONS * 20).is_ok());
        let message = decompose(products, 3).unwrap_err().to_string();
        assert!(message.contains("20 x 20, did not converge within 3 iterations"), "{message}");
        assert!(decompose(DMatrix::from_element(20, 20, f64::NAN), MOST_ITERATIONS * 20).is_err());
    }

    #[test]
    fn a_head_that_absorbed_the_map_gives_the_same_logits_from_plain_embeddings() {
        let (embeddings, device) = (embeddings(), Device::flex());
        let tensor = |rows: &[f32]| Tensor::<2>::from_data(TensorData::new(rows.to_vec(), [400, N]), &device);
        let mut rng = experiment::seed::generator(1, &["head"]);
        let head = Head::new(&HeadConfig::mlp(4, 0.5), N, 3, &mut rng, &device);
        for whitening in
            [Whitening::fit(&embeddings.train.rows, N, true, &device).unwrap(), Whitening::none(true, &device)]
        {
            let inputs = applied(&whitening, &embeddings.val.rows, N);
            let expected = head.logits(tensor(&inputs));
            let absorbed = whitening.absorbed_by(&head).forward(tensor(&embeddings.val.rows));
            let difference = (expected - absorbed).abs().max().into_data().try_to_vec::<f32>().unwrap_or_default();
            assert!(difference[0] < 1e-4, "{difference:?}");
        }
    }
}
