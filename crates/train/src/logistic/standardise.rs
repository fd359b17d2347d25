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
        self.columns_of(self.mean.len(), rows)
    }

    /// As [`Standardisation::columns`], with a last row of ones.
    pub fn columns_with_ones(&self, rows: &[f32]) -> DMatrix<f64> {
        self.columns_of(self.mean.len() + 1, rows)
    }

    /// Standardised rows in the columns of a matrix, `[length, n]`, and ones below them.
    fn columns_of(&self, length: usize, rows: &[f32]) -> DMatrix<f64> {
        let n_features = self.mean.len();
        let mut columns = vec![1.0; rows.len() / n_features * length];
        for (column, row) in columns.chunks_exact_mut(length).zip(rows.chunks_exact(n_features)) {
            for (((value, x), mean), scale) in column.iter_mut().zip(row).zip(&self.mean).zip(&self.scale) {
                *value = (f64::from(*x) - mean) * scale;
            }
        }
        DMatrix::from_vec(length, rows.len() / n_features, columns)
    }
}
