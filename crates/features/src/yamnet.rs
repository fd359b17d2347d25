//! YAMNet's log-mel spectrogram, as its authors define it.
//!
//! TensorFlow's model garden, `research/audioset/yamnet/{params,features}.py`: 16 kHz, frames of 25 ms each 10 ms under a
//! periodic Hann window, a Fourier transform of 512 samples, magnitudes (not powers) through 64 mel bands from 125 to
//! 7500 Hz, and the logarithm of 0.001 more than that.

use crate::config::{FeatureConfig, FrontEnd};
use crate::log_mel::{BandEnergies, Spectrum, ln};
use crate::mel_filters::SparseFilters;
use crate::window::hann;

/// The rate that it hears, Hz.
pub(crate) const SAMPLE_RATE_HZ: u32 = 16_000;
/// Samples of a Fourier transform.
pub(crate) const N_FFT: usize = 512;
/// Samples between two frames.
pub(crate) const HOP_LENGTH: usize = 160;
/// Mel bands.
pub(crate) const N_MELS: usize = 64;
/// The lowest band begins here, Hz.
pub(crate) const F_MIN_HZ: f64 = 125.0;
/// The highest band ends here, Hz.
pub(crate) const F_MAX_HZ: f64 = 7500.0;

/// Samples under the window.
const WINDOW: usize = 400;
/// Frames and mel bands that YAMNet hears at once, 0.96 s.
pub const YAMNET_PATCH: [usize; 2] = [96, N_MELS];
const PATCH_FRAMES: usize = YAMNET_PATCH[0];
/// Frames from one such patch to the next, half a patch.
const PATCH_HOP_FRAMES: usize = 48;
/// Keeps the logarithm finite.
const LOG_OFFSET: f32 = 0.001;

/// Frames of a spectrogram of so many samples: one patch, and as many more as begin before the end, as the authors pad.
pub(crate) fn n_frames(samples: usize) -> usize {
    let first_patch = (PATCH_FRAMES - 1) * HOP_LENGTH + WINDOW;
    let more = samples.saturating_sub(first_patch).div_ceil(PATCH_HOP_FRAMES * HOP_LENGTH);
    PATCH_FRAMES + more * PATCH_HOP_FRAMES
}

/// The patches of a spectrogram, `[n_frames, 64]`, each half over the one before: `[n_patches, 96, 64]` row-major.
pub(crate) fn patches(spectrogram: &[f32]) -> Vec<f32> {
    let (patch, hop) = (PATCH_FRAMES * N_MELS, PATCH_HOP_FRAMES * N_MELS);
    spectrogram.windows(patch).step_by(hop).flatten().copied().collect()
}

/// What a frame without sound holds: the least that there is.
pub(crate) fn silence() -> f32 {
    ln(LOG_OFFSET)
}

/// Waveform to spectrogram, prepared once.
pub(crate) struct YamnetMel {
    bands: BandEnergies,
    n_frames: usize,
}

impl YamnetMel {
    pub(crate) fn new(config: &FeatureConfig) -> Self {
        let mut bank = mel_filter_bank();
        let mut spectrum = Spectrum::Magnitude;
        if config.front_end == FrontEnd::YamnetTflite {
            let step = bank.iter().copied().fold(0.0, f32::max) / 127.0;
            bank.iter_mut().for_each(|weight| *weight = (*weight / step).round() * step);
            spectrum = Spectrum::RoundedMagnitude;
        }
        let mut window = hann(WINDOW);
        window.resize(N_FFT, 0.0);
        let filters = SparseFilters::new(&bank, 1 + N_FFT / 2);
        Self {
            bands: BandEnergies::new(window, filters, HOP_LENGTH, 0, spectrum),
            n_frames: n_frames(config.clip_samples()),
        }
    }

    /// `[n_frames, 64]` row-major, of a waveform of at most a clip. A shorter one is repeated, patch by patch, until the
    /// clip is full: silence after it would weigh in the mean over patches like sound.
    pub(crate) fn apply(&self, waveform: &[f32]) -> Vec<f32> {
        let heard = n_frames(waveform.len()).min(self.n_frames);
        let energies = self.bands.apply(waveform, heard); // [64, heard]
        let frame = |t: usize| energies.iter().skip(t).step_by(heard);
        let once: Vec<f32> = (0..heard).flat_map(frame).map(|energy| ln(energy + LOG_OFFSET)).collect();
        once.iter().copied().cycle().take(self.n_frames * N_MELS).collect()
    }
}

/// `tf.signal.linear_to_mel_weight_matrix`, transposed: `[64, 257]`, triangles of height 1 in mels, nothing of the constant.
fn mel_filter_bank() -> Vec<f32> {
    let mel = |hz: f64| 1127.0 * (hz / 700.0).ln_1p();
    let (low, high) = (mel(F_MIN_HZ), mel(F_MAX_HZ));
    let step = (high - low) / (N_MELS + 1) as f64;
    let bin_hz = f64::from(SAMPLE_RATE_HZ) / N_FFT as f64;
    let weight = |band: usize, bin: usize| {
        let rising = (mel(bin as f64 * bin_hz) - low) / step - band as f64;
        if bin == 0 { 0.0 } else { rising.min(2.0 - rising).max(0.0) as f32 }
    };
    (0..N_MELS).flat_map(|band| (0..=N_FFT / 2).map(move |bin| weight(band, bin))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_the_authors() {
        // `pad_waveform`, then 1 + (samples - 400) / 160 frames.
        for (samples, frames) in [(0, 96), (15_600, 96), (15_601, 144), (23_280, 144), (112_000, 720)] {
            assert_eq!(n_frames(samples), frames, "{samples}");
        }
    }

    #[test]
    fn patches_are_half_over_each_other() {
        let spectrogram: Vec<f32> = (0..144 * 64).map(|i| (i / 64) as f32).collect();
        let patches = patches(&spectrogram);
        let firsts: Vec<f32> = patches.iter().copied().step_by(96 * 64).collect();
        assert_eq!((firsts.as_slice(), patches.len()), (&[0.0, 48.0][..], 2 * 96 * 64));
        assert_eq!(patches.last(), Some(&143.0));
    }

    #[test]
    fn a_short_recording_is_repeated_and_silence_is_the_least() {
        let mel = YamnetMel::new(&FeatureConfig::yamnet());
        let short: Vec<f32> = (0..20_000).map(|i| (i as f32 * 0.3).sin()).collect();
        let image = mel.apply(&short);
        assert_eq!(image.len(), 720 * 64);
        assert_eq!(image[..144 * 64], image[144 * 64..288 * 64]);
        for nothing in [&[][..], &[0.0; 112_000]] {
            assert!(mel.apply(nothing).iter().all(|x| *x == silence()));
        }
        assert!(image.iter().all(|x| *x >= silence()));
    }
}
