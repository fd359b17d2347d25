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
