//! Waveform to log-mel spectrogram in 0..1.
//!
//! librosa's chain: `melspectrogram(center=True, window="hann", power=2)`, `power_to_db(ref=max, top_db)`, then min-max.

use std::sync::Arc;

use rustfft::Fft;
use rustfft::num_complex::Complex;

use crate::fft::forward_fft;
use crate::front_end::ImageConfig;
use crate::logarithm::log2;
use crate::mel_filters::{SparseFilters, mel_filter_bank};
use crate::window::hann;

/// Lower powers are raised to this (librosa's `amin`).
const POWER_FLOOR: f32 = 1e-10;

/// Frames computed together: one AVX2 vector. Even, since each transform takes two frames.
const LANES: usize = 8;

/// Waveform to log-mel, prepared once.
pub(crate) struct LogMel {
    bands: BandEnergies,
    hop_length: usize,
    top_db: f32,
}

impl LogMel {
    pub(crate) fn new(config: &ImageConfig) -> Self {
        let n_fft = config.n_fft;
        let f_max_hz = config.f_max_hz.unwrap_or(f64::from(config.sample_rate_hz) / 2.0);
        let bank = mel_filter_bank(config.sample_rate_hz, n_fft, config.n_mels, config.f_min_hz, f_max_hz);
        let filters = SparseFilters::new(&bank, 1 + n_fft / 2);
        // Frame t is centred on sample t * hop_length.
        let bands = BandEnergies::new(hann(n_fft), filters, config.hop_length, n_fft / 2, Spectrum::Power);
        Self { bands, hop_length: config.hop_length, top_db: config.top_db as f32 }
    }

    /// `[n_mels, n_frames]` row-major in 0..=1: 1 is the loudest point; 0 is the quietest, at most `top_db` below it. All
    /// zeros if every band is equally loud in every frame, as in silence.
    pub(crate) fn apply(&self, waveform: &[f32]) -> Vec<f32> {
        let mut mel = self.power(waveform);
        stretch_decibels(&mut mel, self.top_db);
        mel
    }

    /// `[n_mels, n_frames]` row-major: energy of each band in each frame.
    pub(crate) fn power(&self, waveform: &[f32]) -> Vec<f32> {
        self.bands.apply(waveform, 1 + waveform.len() / self.hop_length)
    }
}

/// The contribution of a frequency bin to the bands.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Spectrum {
    /// The squared magnitude.
    Power,
    /// The magnitude.
    Magnitude,
    /// The magnitude, rounded to 255ths of the frame's largest.
    RoundedMagnitude,
}

/// Waveform to band energies, prepared once.
pub(crate) struct BandEnergies {
    fft: Arc<dyn Fft<f32>>,
    /// `[n_fft]`
    window: Vec<f32>,
    filters: SparseFilters,
    hop_length: usize,
    /// Zeros before the first sample.
    lead: usize,
    spectrum: Spectrum,
}

impl BandEnergies {
    pub(crate) fn new(
        window: Vec<f32>,
        filters: SparseFilters,
        hop_length: usize,
        lead: usize,
        spectrum: Spectrum,
    ) -> Self {
        Self { fft: forward_fft(window.len()), window, filters, hop_length, lead, spectrum }
    }

    /// `[n_bands, n_frames]` row-major, from frame 0 on. Outside the waveform there are zeros.
    pub(crate) fn apply(&self, waveform: &[f32], n_frames: usize) -> Vec<f32> {
        band_energies(self, waveform, n_frames)
    }
}

// The same plain loops compiled twice. The AVX2 version gives the same numbers: rustc neither fuses nor reorders.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn band_energies(prepared: &BandEnergies, waveform: &[f32], n_frames: usize) -> Vec<f32> {
    let BandEnergies { fft, window, filters, hop_length, lead, spectrum: kind } = prepared;
    let n_fft = window.len();
    let mut padded = vec![0.0; *lead];
    padded.extend_from_slice(waveform);
    padded.resize((n_frames.next_multiple_of(LANES) - 1) * hop_length + n_fft, 0.0);

    let mut mel = vec![0.0; filters.len() * n_frames];
    let mut spectrum = vec![Complex::default(); n_fft + 1]; // the first bin is also the last: it is its own mirror
    let mut scratch = vec![Complex::default(); fft.get_inplace_scratch_len()];
    let mut power = vec![[0.0; LANES]; 1 + n_fft / 2];
    for first in (0..n_frames).step_by(LANES) {
        for lane in (0..LANES).step_by(2) {
            let frame = |lane: usize| &padded[(first + lane) * hop_length..][..n_fft];
            let frames = frame(lane).iter().zip(frame(lane + 1));
            for ((out, (a, b)), weight) in spectrum.iter_mut().zip(frames).zip(window) {
                *out = Complex::new(a * weight, b * weight);
            }
            fft.process_with_scratch(&mut spectrum[..n_fft], &mut scratch);
            spectrum[n_fft] = spectrum[0];
            for ((power, bin), mirrored) in power.iter_mut().zip(&spectrum).zip(spectrum.iter().rev()) {
                [power[lane], power[lane + 1]] = two_powers(*bin, *mirrored);
            }
        }
        if *kind != Spectrum::Power {
            power.iter_mut().flatten().for_each(|power| *power = power.sqrt());
        }
        if *kind == Spectrum::RoundedMagnitude {
            round_to_255ths(&mut power);
        }
        for (band, energies) in mel.chunks_exact_mut(n_frames).zip(filters.apply(&power)) {
            for (out, energy) in band[first..].iter_mut().zip(energies) {
                *out = energy;
            }
        }
    }
    mel
}

/// Rounds the magnitudes of each frame to 255ths of its largest, as the TFLite runtime does before a layer with `int8` weights.
fn round_to_255ths(magnitudes: &mut [[f32; LANES]]) {
    for lane in 0..LANES {
        let step = magnitudes.iter().map(|bin| bin[lane]).fold(0.0, f32::max) / 255.0;
        if step > 0.0 {
            magnitudes.iter_mut().for_each(|bin| bin[lane] = (bin[lane] / step).round() * step);
        }
    }
}

/// Powers of two real signals `a` and `b` in one bin, from the spectrum of `a + ib` there and in the mirrored bin.
fn two_powers(z: Complex<f32>, mirrored: Complex<f32>) -> [f32; 2] {
    let a = Complex::new(z.re + mirrored.re, z.im - mirrored.im);
    let b = Complex::new(z.im + mirrored.im, mirrored.re - z.re);
    [0.25 * a.norm_sqr(), 0.25 * b.norm_sqr()]
}

/// Powers to decibels, at least `top_db` below the loudest, then to 0..1; to 0 if all are equal.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn stretch_decibels(mel: &mut [f32], top_db: f32) {
    for power in mel.iter_mut() {
        *power = 10.0 * std::f32::consts::LOG10_2 * log2(power.max(POWER_FLOOR));
    }
    let (low, high) = mel.iter().fold((f32::MAX, f32::MIN), |(low, high), db| (low.min(*db), high.max(*db)));
    let low = low.max(high - top_db);
    let range = high - low;
    for db in mel {
        *db = if range > 0.0 { (db.max(low) - low) / range } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_are_rounded_to_255ths_of_the_largest_of_their_frame_and_silence_stays_zero() {
        let mut magnitudes = [255.0, 1.4, 0.6, 0.0].map(|loud| {
            let mut bin = [0.0; LANES];
            (bin[0], bin[1]) = (loud, 2.0 * loud);
            bin
        });
        round_to_255ths(&mut magnitudes);
        for lane in 0..LANES {
            let expected = [255.0, 1.0, 1.0, 0.0].map(|rounded| rounded * [1.0, 2.0].get(lane).unwrap_or(&0.0));
            assert_eq!(magnitudes.map(|bin| bin[lane]), expected, "lane {lane}");
        }
    }

    #[test]
    fn a_tone_is_loudest_in_its_band_and_silence_is_zero_everywhere() {
        let log_mel = LogMel::new(&ImageConfig::default());
        let tone: Vec<f32> = (0..56_000).map(|i| (std::f32::consts::TAU * 1000.0 * i as f32 / 8000.0).sin()).collect();
        let image = log_mel.apply(&tone);
        let middle: Vec<f32> = (0..128).map(|band| image[band * 219 + 100]).collect();
        let loudest = (0..128).max_by(|a, b| middle[*a].total_cmp(&middle[*b]));
        // 1 kHz is mel 15 of 35.16; the bands' centres are 1/129 of that apart.
        assert_eq!(loudest, Some(54));
        assert!(log_mel.apply(&[0.0; 56_000]).iter().all(|x| *x == 0.0));
    }
}
