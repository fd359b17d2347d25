//! Standardisation of features, as scikit-learn's `StandardScaler`.

use nalgebra::DMatrix;

/// What is subtracted from each feature, and what the difference is then multiplied by, `[n_features]` each.
pub(super) struct Standardisation {
    pub mean: Vec<f64>,
    pub scale: Vec<f64>,
}

impl Standardisation {
    /// Mean and inverse standard deviation of each feature of `rows`, `[n, n_features]`. A feature that is constant, up to
    /// rounding, is not scaled.
    pub fn fit(rows: &[f32], n_features: usize) -> Self {
        let n = (rows.len() / n_features.max(1)) as f64;
        let mut mean = vec![0.0; n_features];
        for row in rows.chunks_exact(n_features) {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        mean.iter_mut().for_each(|sum| *sum /= n);
        let mut variance = vec![0.0; n_features];
        for row in rows.chunks_exact(n_features) {
            let deviations = row.iter().zip(&mean).map(|(x, mean)| f64::from(*x) - mean);
            variance.iter_mut().zip(deviations).for_each(|(sum, deviation)| *sum += deviation * deviation / n);
        }
        let scale = variance.iter().zip(&mean).map(|(variance, mean)| {
            let rounding = n * f64::EPSILON * variance + (n * f64::EPSILON * mean).powi(2);
            if *variance <= rounding { 1.0 } else { 1.0 / variance.sqrt() }
        });
        Self { scale: scale.collect(), mean }
    }

    /// Standardised rows in the columns of a matrix, `[n_features, n]`.
    pub fn columns(&self, rows: &[f32]) -> DMatrix<f64> {
        let n_features = self.mean.len();
        DMatrix::from_iterator(n_features, rows.len() / n_features, self.values(rows))
    }

    /// As [`Standardisation::columns`], with a last row of ones.
    pub fn columns_with_ones(&self, rows: &[f32]) -> DMatrix<f64> {
        let n_features = self.mean.len();
        let columns = rows.chunks_exact(n_features).flat_map(|row| self.values(row).chain([1.0]));
        DMatrix::from_iterator(n_features + 1, rows.len() / n_features, columns)
    }

    fn values<'a>(&'a self, rows: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
        let scales = move || self.mean.iter().zip(&self.scale);
        let of_row = move |row: &'a [f32]| row.iter().zip(scales()).map(|(x, (m, scale))| (f64::from(*x) - m) * scale);
        rows.chunks_exact(self.mean.len()).flat_map(of_row)
    }
}
