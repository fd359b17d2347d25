//! An orthonormal basis of the span of fewer views than features.
//!
//! The weights that minimise a penalised loss are linear combinations of the views, so nothing is lost by leaving out all other
//! directions. With `G = L Lᵀ` the views' products with each other, the rows of L are the views' coordinates in that basis: this
//! keeps all lengths and angles. Rows and columns of G are taken in the order of what is left of them (Cholesky with pivots), and
//! the rest is dropped once it is nothing but rounding: views may be equal, and their mean is 0.

use nalgebra::{DMatrix, DVector};

/// A view whose distance from the span of the others, squared, is this share of the mean squared length is in it.
const LEAST: f64 = 1e-14;

/// The span of views.
pub(super) struct Span {
    /// Coordinates of the views in the columns, with a last row of ones, `[rank + 1, n]`.
    coordinates: DMatrix<f64>,
    /// The views that span it, `[rank]`: the coordinates of the `i`-th are 0 after the first `i + 1`.
    pivots: Vec<usize>,
}

impl Span {
    /// The span of the columns of `views`, `[n_features, n]`.
    pub fn of(views: &DMatrix<f64>) -> Self {
        let products = views.transpose() * views; // [n, n]
        let n = products.nrows();
        let mut left: Vec<f64> = products.diagonal().iter().copied().collect();
        let least = LEAST * left.iter().sum::<f64>() / n.max(1) as f64;
        let mut factor: DMatrix<f64> = DMatrix::zeros(n, n);
        let mut pivots = Vec::new();
        while let Some((pivot, _)) = largest(&left).filter(|(_, length)| *length > least) {
            let rank = pivots.len();
            let known = factor.columns(0, rank);
            let of_pivot = known.row(pivot).transpose();
            let mut column: DVector<f64> = products.column(pivot) - known * of_pivot;
            column /= column[pivot].max(f64::MIN_POSITIVE).sqrt();
            pivots.iter().for_each(|before: &usize| column[*before] = 0.0);
            left.iter_mut().zip(&column).for_each(|(left, x)| *left -= x * x);
            left[pivot] = 0.0;
            factor.set_column(rank, &column);
            pivots.push(pivot);
        }
        let rank = pivots.len();
        Self { coordinates: factor.columns(0, rank).transpose().insert_row(rank, 1.0), pivots }
    }

    /// Coordinates of the views in the columns, with a last row of ones, `[rank + 1, n]`.
    pub fn coordinates(&self) -> &DMatrix<f64> {
        &self.coordinates
    }

    /// The weights on features, `[n_features, n_targets]`, that `weights` on coordinates, `[rank, n_targets]`, are; `views` are
    /// those of [`Span::of`].
    pub fn on_features(&self, views: &DMatrix<f64>, weights: &DMatrix<f64>) -> DMatrix<f64> {
        let rank = self.pivots.len();
        let spanning = self.coordinates.rows(0, rank).select_columns(&self.pivots); // [rank, rank], upper triangular
        let mut shares = weights.clone();
        // Its diagonal is positive.
        spanning.solve_upper_triangular_mut(&mut shares);
        views.select_columns(&self.pivots) * shares
    }
}

/// Index and value of the largest number, the first of equal ones.
fn largest(values: &[f64]) -> Option<(usize, f64)> {
    let indexed = values.iter().copied().enumerate();
    indexed.reduce(|best, other| if other.1 > best.1 { other } else { best })
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn coordinates_keep_products_and_weights_give_the_same_values() {
        let mut rng = experiment::seed::generator(3, &["span"]);
        let mut views = DMatrix::from_fn(30, 12, |_, _| rng.random_range(-1.0..1.0));
        let (first, sum) = (views.column(0).into_owned(), views.column(1) + views.column(2));
        views.set_column(5, &first); // equal to another
        views.set_column(7, &sum); // dependent on others
        let span = Span::of(&views);
        assert_eq!(span.coordinates().shape(), (11, 12));
        let coordinates = span.coordinates().rows(0, 10).into_owned();
        assert!((coordinates.transpose() * &coordinates - views.transpose() * &views).amax() < 1e-12);
        let weights = DMatrix::from_fn(10, 2, |_, _| rng.random_range(-1.0..1.0));
        let on_features = span.on_features(&views, &weights);
        assert!((views.transpose() * &on_features - coordinates.transpose() * &weights).amax() < 1e-12);
        assert!((on_features.norm() - weights.norm()).abs() < 1e-12);
    }

    #[test]
    fn views_without_any_length_span_nothing() {
        let span = Span::of(&DMatrix::zeros(5, 3));
        assert_eq!(span.coordinates(), &DMatrix::from_element(1, 3, 1.0));
        assert_eq!(span.on_features(&DMatrix::zeros(5, 3), &DMatrix::zeros(0, 2)), DMatrix::zeros(5, 2));
    }
}
