//! Waveform to log-mel spectrogram in 0..1.
//!
//! librosa's chain: `melspectrogram(center=True, window="hann", power=2)`, `power_to_db(ref=max, top_db)`, then min-max.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::FeatureConfig;
use crate::mel_filters::{SparseFilters, mel_filter_bank};

/// Power below this counts as this (librosa's `amin`).
const POWER_FLOOR: f32 = 1e-10;

/// Waveform to log-mel, prepared once.
pub(crate) struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    filters: SparseFilters,
    hop_length: usize,
    n_mels: usize,
    top_db: f32,
}

impl LogMel {
    pub(crate) fn new(config: &FeatureConfig) -> Self {
        let n_fft = config.n_fft;
        let f_max_hz = config.f_max_hz.unwrap_or(f64::from(config.sample_rate_hz) / 2.0);
        let bank = mel_filter_bank(config.sample_rate_hz, n_fft, config.n_mels, config.f_min_hz, f_max_hz);
        let hann = |i: usize| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / n_fft as f64).cos(); // periodic
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(n_fft),
            window: (0..n_fft).map(|i| hann(i) as f32).collect(),
            filters: SparseFilters::new(&bank, 1 + n_fft / 2),
            hop_length: config.hop_length,
            n_mels: config.n_mels,
            top_db: config.top_db as f32,
        }
    }

    /// `[n_mels, n_frames]` row-major, 0 (at least `top_db` below the loudest point) to 1 (the loudest); all zeros for
    /// a waveform whose every band is equally loud, such as silence.
    pub(crate) fn apply(&self, waveform: &[f32]) -> Vec<f32> {
        let mut mel = self.mel_power(waveform);
        for power in &mut mel {
            *power = 10.0 * std::f32::consts::LOG10_2 * log2(power.max(POWER_FLOOR));
        }
        let (low, high) = mel.iter().fold((f32::MAX, f32::MIN), |(low, high), db| (low.min(*db), high.max(*db)));
        let low = low.max(high - self.top_db);
        let range = high - low;
        for db in &mut mel {
            *db = if range > 0.0 { (db.max(low) - low) / range } else { 0.0 };
        }
        mel
    }

    /// `[n_mels, n_frames]`: energy of each band in each frame.
    fn mel_power(&self, waveform: &[f32]) -> Vec<f32> {
        let n_fft = self.window.len();
        let n_frames = 1 + waveform.len() / self.hop_length;
        let mut mel = vec![0.0; self.n_mels * n_frames];
        let mut windowed = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = vec![0.0; spectrum.len()];
        for frame in 0..n_frames {
            // Frame t is centred on sample t * hop_length; there are zeros outside the waveform.
            let start = (frame * self.hop_length) as isize - (n_fft / 2) as isize;
            let inside = start.max(0) as usize..waveform.len().min((start + n_fft as isize).max(0) as usize);
            let offset = (inside.start as isize - start) as usize;
            windowed.fill(0.0);
            let samples = &waveform[inside];
            let span = offset..offset + samples.len();
            for ((out, sample), weight) in windowed[span.clone()].iter_mut().zip(samples).zip(&self.window[span]) {
                *out = sample * weight;
            }
            // Only wrong buffer lengths can fail, and these are the plan's own.
            let done = self.fft.process_with_scratch(&mut windowed, &mut spectrum, &mut scratch);
            debug_assert!(done.is_ok());
            for (out, Complex { re, im }) in power.iter_mut().zip(&spectrum) {
                *out = re * re + im * im;
            }
            for (band, energy) in self.filters.apply(&power).enumerate() {
                mel[band * n_frames + frame] = energy;
            }
        }
        mel
    }
}

/// Base-2 logarithm of a positive normal number to 2e-7, in plain arithmetic that the compiler can run eight at a time:
/// `x = 2^e m` with m in `[0.71, 1.42)`, `ln m = 2 atanh s` with `s = (m - 1) / (m + 1)`.
fn log2(x: f32) -> f32 {
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

    #[test]
    fn a_tone_lights_up_its_band_and_silence_none() {
        let log_mel = LogMel::new(&FeatureConfig::default());
        let tone: Vec<f32> = (0..56_000).map(|i| (std::f32::consts::TAU * 1000.0 * i as f32 / 8000.0).sin()).collect();
        let image = log_mel.apply(&tone);
        let middle: Vec<f32> = (0..128).map(|band| image[band * 219 + 100]).collect();
        let loudest = (0..128).max_by(|a, b| middle[*a].total_cmp(&middle[*b]));
        // 1 kHz is mel 15 of 35.16; the bands' centres are 1/129 of that apart.
        assert_eq!(loudest, Some(54));
        assert!(log_mel.apply(&[0.0; 56_000]).iter().all(|x| *x == 0.0));
    }
}
