//! Factors of positive definite matrices.

use nalgebra::{Cholesky, DMatrix, Dyn};

use crate::Error;

/// The factor `L` of a symmetric positive definite matrix `L Lᵀ`; `whose` names what it belongs to, and `advice` says what to do
/// if it is not one.
///
/// # Errors
/// [`Error::Numerical`] if the matrix is not positive definite.
pub(crate) fn cholesky(matrix: DMatrix<f64>, whose: &str, advice: &str) -> Result<Cholesky<f64, Dyn>, Error> {
    let size = matrix.nrows();
    Cholesky::new(matrix).ok_or_else(|| not_positive_definite(size, whose, advice))
}

/// The error of [`cholesky`] for a matrix of `size` rows.
pub(crate) fn not_positive_definite(size: usize, whose: &str, advice: &str) -> Error {
    Error::Numerical(format!(
        "{whose}: a matrix of the logistic regression, {size} x {size}, is not positive definite; check that the embeddings are \
         finite, or {advice}"
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use nalgebra::DVector;
    use rand::RngExt;

    use super::*;

    fn factor(matrix: DMatrix<f64>) -> Result<Cholesky<f64, Dyn>, Error> {
        cholesky(matrix, "test", "give up")
    }

    /// Against elimination with pivots, which shares no code with Cholesky's factor, on random positive definite matrices.
    #[test]
    fn it_solves_as_elimination_does() {
        let mut rng = experiment::seed::generator(7, &["cholesky"]);
        for size in (1..=40).chain([130]) {
            let root = DMatrix::from_fn(size, size + 1, |_, _| rng.random_range(-1.0..1.0));
            let matrix = &root * root.transpose() + DMatrix::identity(size, size) * 1e-2;
            let right = DVector::from_fn(size, |_, _| rng.random_range(-1.0..1.0));
            let factor = factor(matrix.clone()).unwrap();
            let (found, expected) = (factor.solve(&right), matrix.clone().lu().solve(&right).unwrap());
            assert!((&found - &expected).amax() < 1e-9 * expected.amax(), "{size}");
            assert!((factor.l() * factor.l().transpose() - &matrix).amax() < 1e-12 * matrix.amax(), "{size}");
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_is_an_error() {
        let indefinite = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0]);
        for matrix in [indefinite, DMatrix::from_element(2, 2, f64::NAN), DMatrix::zeros(2, 2)] {
            let message = factor(matrix).unwrap_err().to_string();
            assert!(message.contains("test: a matrix of the logistic regression, 2 x 2, is not positive"), "{message}");
        }
    }
}
