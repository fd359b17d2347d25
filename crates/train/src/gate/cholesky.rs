//! Cholesky factorisation of symmetric positive definite matrices, in plain `f64` loops that give the same bits on every machine.

/// Number of independent partial sums in [`dot`].
const LANES: usize = 8;

/// Dot product of two vectors of equal length, summed in an order that does not depend on the machine.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// Replaces the lower triangle of `matrix`, `[n, n]` row-major, by its Cholesky factor `L`, for which `L Lᵀ = matrix`. The
/// upper triangle is ignored.
pub(super) fn factor(matrix: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..=i {
            let rest = matrix[i * n + j] - dot(&matrix[i * n..i * n + j], &matrix[j * n..j * n + j]);
            matrix[i * n + j] = if i == j { rest.sqrt() } else { rest / matrix[j * n + j] };
        }
    }
}

/// Replaces `vector`, `[n]`, by the solution `x` of `L Lᵀ x = vector`; `lower` is the result of [`factor`].
pub(super) fn solve(lower: &[f64], vector: &mut [f64]) {
    let n = vector.len();
    for i in 0..n {
        vector[i] = (vector[i] - dot(&lower[i * n..i * n + i], &vector[..i])) / lower[i * n + i];
    }
    solve_transposed(lower, vector);
}

/// Replaces `vector`, `[n]`, by the solution `x` of `Lᵀ x = vector`.
pub(super) fn solve_transposed(lower: &[f64], vector: &mut [f64]) {
    let n = vector.len();
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
    fn the_dot_product_covers_whole_lanes_and_the_rest() {
        let numbers: Vec<f64> = (0..19).map(f64::from).collect();
        assert_eq!([0, 7, 8, 19].map(|n| dot(&numbers[..n], &numbers[..n])), [0.0, 91.0, 140.0, 2109.0]);
    }

    #[test]
    fn the_solution_satisfies_the_system() {
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
