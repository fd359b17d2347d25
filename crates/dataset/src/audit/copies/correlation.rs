//! Comparison of two recordings: the largest normalised cross-correlation over lags near an expected one.

use features::{forward_fft, inverse_fft};
use rustfft::num_complex::Complex;

/// Smallest overlap that is compared, samples at 8 kHz: 1 s, or three quarters of a shorter recording.
const MIN_OVERLAP: usize = 8000;

/// The best match of two waveforms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    /// Absolute normalised correlation over the overlap, 0 to 1.
    pub correlation: f64,
    /// Offset of the start of the second waveform within the first, samples; may be negative.
    pub lag: isize,
}

/// The best match of `a` and `b` with a lag within `reach` samples of `expected`; `None` without enough overlap.
///
/// The waveforms are differenced first, because slow components (hum, rumble, DC) are similar in different recordings of a
/// room.
pub(super) fn best_match(a: &[f32], b: &[f32], expected: isize, reach: usize) -> Option<Match> {
    let (a, b) = (difference(a), difference(b));
    let shorter = a.len().min(b.len());
    let min_overlap = MIN_OVERLAP.min(shorter * 3 / 4).max(1);
    let products = cross_products(&a, &b);
    let (energy_a, energy_b) = (cumulative_energy(&a), cumulative_energy(&b));
    let reach = reach as isize;
    let (n_a, n_b) = (a.len() as isize, b.len() as isize);
    let mut best: Option<Match> = None;
    for lag in (expected - reach).max(1 - n_b)..=(expected + reach).min(n_a - 1) {
        let (from, to) = (lag.max(0) as usize, (lag + n_b).min(n_a) as usize);
        if to < from + min_overlap {
            continue;
        }
        let shifted = (from as isize - lag) as usize..(to as isize - lag) as usize;
        let energy = (energy_a[to] - energy_a[from]) * (energy_b[shifted.end] - energy_b[shifted.start]);
        if energy <= f64::MIN_POSITIVE {
            continue;
        }
        let product = products[lag.rem_euclid(products.len() as isize) as usize];
        let correlation = (product.abs() / energy.sqrt()).min(1.0);
        if best.is_none_or(|best| correlation > best.correlation) {
            best = Some(Match { correlation, lag });
        }
    }
    best
}

fn difference(waveform: &[f32]) -> Vec<f32> {
    waveform.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Energy of the first `i` samples at index `i`, `[n + 1]`.
fn cumulative_energy(waveform: &[f32]) -> Vec<f64> {
    let mut sum = 0.0;
    let sums = waveform.iter().map(|x| {
        sum += f64::from(*x).powi(2);
        sum
    });
    std::iter::once(0.0).chain(sums).collect()
}

/// The sum over n of `a[n + lag] b[n]`, at index `lag` modulo the length.
fn cross_products(a: &[f32], b: &[f32]) -> Vec<f64> {
    let n = (a.len() + b.len()).next_power_of_two();
    let forward = forward_fft(n);
    let spectrum = |waveform: &[f32]| {
        let mut buffer: Vec<Complex<f32>> = waveform.iter().map(|x| Complex::from(*x)).collect();
        buffer.resize(n, Complex::default());
        forward.process(&mut buffer);
        buffer
    };
    let mut product: Vec<Complex<f32>> = spectrum(a).iter().zip(spectrum(b)).map(|(a, b)| a * b.conj()).collect();
    inverse_fft(n).process(&mut product);
    product.iter().map(|x| f64::from(x.re) / n as f64).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn noise(seed: u64, n: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_shifted_copy_at_another_gain_is_found_exactly(seed: u64, shift in 0_usize..4000, gain in -4.0_f32..4.0) {
            prop_assume!(gain.abs() > 1e-3);
            let a = noise(seed, 20_000);
            let b: Vec<f32> = a[shift..].iter().map(|x| gain * x).collect();
            let found = best_match(&a, &b, shift as isize + 100, 256).unwrap();
            prop_assert_eq!(found.lag, shift as isize);
            prop_assert!(found.correlation > 0.9999);
            let back = best_match(&b, &a, -(shift as isize), 256).unwrap();
            prop_assert_eq!(back.lag, -(shift as isize));
        }
    }

    #[test]
    fn noise_at_20_db_lowers_the_correlation_as_predicted_and_other_sound_does_not_match() {
        let (a, other) = (noise(1, 40_000), noise(2, 40_000));
        let noisy: Vec<f32> = a.iter().zip(&other).map(|(a, b)| a + 0.1 * b).collect();
        // Prediction: sqrt(snr / (1 + snr)) with a power ratio of 100.
        let found = best_match(&a, &noisy, 0, 256).unwrap();
        assert!((found.correlation - (100.0_f64 / 101.0).sqrt()).abs() < 1e-3, "{found:?}");
        assert!(best_match(&a, &other, 0, 256).unwrap().correlation < 0.05);
    }

    #[test]
    fn silence_and_small_overlaps_match_nothing() {
        let a = noise(1, 20_000);
        assert_eq!(best_match(&a, &a, 15_000, 10), None);
        assert_eq!(best_match(&a, &[0.0; 20_000], 0, 10), None);
        assert_eq!(best_match(&[], &a, 0, 10), None);
    }
}
