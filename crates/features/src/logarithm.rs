//! Logarithms in plain arithmetic, which the compiler can run eight at a time.

/// Natural logarithm of a positive normal number, as exact as [`log2`].
pub(crate) fn ln(x: f32) -> f32 {
    std::f32::consts::LN_2 * log2(x)
}

/// Base-2 logarithm of a positive normal number, to within 2e-7.
///
/// `x = 2^e m` with m in `[0.71, 1.42)`, and `ln m = 2 atanh s` with `s = (m - 1) / (m + 1)`.
pub(crate) fn log2(x: f32) -> f32 {
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let exponent = (shifted as i32) >> 23;
    let m = f32::from_bits((shifted & 0x007f_ffff) + SQRT_HALF_BITS);
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let atanh = s * (1.0 + s2 * (1.0 / 3.0 + s2 * (1.0 / 5.0 + s2 * (1.0 / 7.0 + s2 * (1.0 / 9.0)))));
    exponent as f32 + 2.0 * std::f32::consts::LOG2_E * atanh
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_right_over_its_whole_range() {
        for bits in (f32::MIN_POSITIVE.to_bits()..f32::MAX.to_bits()).step_by(9973) {
            let x = f32::from_bits(bits);
            let exact = f64::from(x).log2();
            assert!((f64::from(log2(x)) - exact).abs() < 2e-7 * exact.abs().max(1.0), "{x}");
        }
    }

    /// Where the series converges most slowly, each of its terms is larger than the mean of the rounding errors.
    #[test]
    fn every_term_of_the_series_counts() {
        let x = |i: usize| 1.38 + i as f32 * 3e-6;
        let error: f64 = (0..10_000).map(|i| f64::from(log2(x(i))) - f64::from(x(i)).log2()).sum::<f64>() / 10_000.0;
        assert!(error.abs() < 2e-8, "{error}");
    }
}
