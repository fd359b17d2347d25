//! The inputs of a regression, a column for each view, with a last row of ones for the biases.

use nalgebra::DMatrix;

use super::standardise::Standardisation;

/// Views that are standardised together: the memory needed beside the embeddings does not grow with them.
const BLOCK: usize = 1024;

/// Inputs of a regression.
pub(super) enum Inputs<'a> {
    /// Coordinates in the span of the views, `[rank + 1, n]`.
    InSpan(&'a DMatrix<f64>),
    /// Embeddings `[n, n_features]`, standardised whenever they are read.
    Rows { rows: &'a [f32], standardisation: &'a Standardisation },
}

impl Inputs<'_> {
    /// Number of dimensions, without the ones.
    pub fn n_dimensions(&self) -> usize {
        match self {
            Self::InSpan(columns) => columns.nrows() - 1,
            Self::Rows { standardisation, .. } => standardisation.mean.len(),
        }
    }

    /// The sum of the views' products with themselves, each with its weight, `[n_dimensions + 1, n_dimensions + 1]`.
    pub fn products(&self, weights: &[f64]) -> DMatrix<f64> {
        let size = self.n_dimensions() + 1;
        let mut products = DMatrix::zeros(size, size);
        self.each(|first, columns| {
            let mut weighted = columns.clone();
            for (mut column, weight) in weighted.column_iter_mut().zip(&weights[first..]) {
                column *= *weight;
            }
            products.gemm(1.0, &weighted, &columns.transpose(), 1.0);
        });
        products
    }

    /// Calls `use_block` with the columns, `[n_dimensions + 1, some]`, and the index of the first.
    pub fn each(&self, mut use_block: impl FnMut(usize, &DMatrix<f64>)) {
        match self {
            Self::InSpan(columns) => use_block(0, columns),
            Self::Rows { rows, standardisation } => {
                let n_features = standardisation.mean.len();
                for (index, block) in rows.chunks(BLOCK * n_features).enumerate() {
                    use_block(index * BLOCK, &standardisation.columns_with_ones(block));
                }
            }
        }
    }
}
