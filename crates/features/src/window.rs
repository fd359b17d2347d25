//! The window of every Fourier transform.

use std::f64::consts::TAU;

/// A periodic Hann window, `[length]` f32 in 0..=1: `0.5 - 0.5 cos(2 pi i / length)`, computed in f64. The same values
/// as `scipy.signal.get_window("hann", length)`.
pub fn hann(length: usize) -> Vec<f32> {
    hann_weights(length).map(|weight| weight as f32).collect()
}

/// The weights of [`hann`] in f64.
pub fn hann_weights(length: usize) -> impl Iterator<Item = f64> {
    (0..length).map(move |i| 0.5 - 0.5 * (TAU * i as f64 / length as f64).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_periodic_and_sums_to_half_its_length() {
        let window = hann(8);
        assert_eq!((window[0], window[4]), (0.0, 1.0));
        assert_eq!(window[1], window[7]);
        assert!((window.iter().sum::<f32>() - 4.0).abs() < 1e-6);
    }
}
