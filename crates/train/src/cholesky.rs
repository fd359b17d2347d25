//! Cholesky's factor of a symmetric positive definite matrix, in plain `f64` loops: the same bits everywhere.

/// Brings the lower triangle of `matrix`, `[n, n]` row-major, to `L` with `L Lᵀ` the matrix; what is above it is not looked at.
pub(crate) fn factor(matrix: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k]).sum();
            let rest = matrix[i * n + j] - dot;
            matrix[i * n + j] = if i == j { rest.sqrt() } else { rest / matrix[j * n + j] };
        }
    }
}

/// Brings `vector`, `[n]`, to `x` with `L Lᵀ x` the vector; `lower` is what [`factor`] gave.
pub(crate) fn solve(lower: &[f64], vector: &mut [f64]) {
    let n = vector.len();
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| lower[i * n + k] * vector[k]).sum();
        vector[i] = (vector[i] - dot) / lower[i * n + i];
    }
    for i in (0..n).rev() {
        vector[i] /= lower[i * n + i];
        let (before, rest) = vector.split_at_mut(i);
        before.iter_mut().zip(&lower[i * n..]).for_each(|(x, l)| *x -= l * rest[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let mut matrix = [4.0, 9.0, 9.0, 2.0, 5.0, 9.0, 1.0, 3.0, 6.0];
        let mut vector = [1.0, -2.0, 3.0];
        factor(&mut matrix, 3);
        solve(&matrix, &mut vector);
        let residual = [4.0, 2.0, 1.0].iter().zip(vector).map(|(a, x)| a * x).sum::<f64>() - 1.0;
        assert!(residual.abs() < 1e-12, "{vector:?}");
        let residual = [1.0, 3.0, 6.0].iter().zip(vector).map(|(a, x)| a * x).sum::<f64>() - 3.0;
        assert!(residual.abs() < 1e-12, "{vector:?}");
    }
}
