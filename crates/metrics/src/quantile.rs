//! Quantiles of a sample.

/// The `share` quantile, 0 to 1, of ascending values, at least one: linear interpolation between the two nearest
/// values, the default of `numpy.quantile` (type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages",
/// 1996).
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.25, 0.5, 1])
        let quantiles = [0.0, 0.25, 0.5, 1.0].map(|share| quantile(&[1.0, 2.0, 4.0, 8.0], share));
        assert_eq!(quantiles, [1.0, 1.75, 3.0, 8.0]);
    }
}
