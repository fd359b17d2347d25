//! YAMNet's log-mel spectrogram; [`crate::yamnet_spec`] has its numbers.

use crate::front_end::YamnetConfig;
use crate::log_mel::{BandEnergies, Spectrum};
use crate::logarithm::ln;
use crate::mel_filters::SparseFilters;
use crate::window::hann;
use crate::yamnet_spec::{F_MAX_HZ, F_MIN_HZ, HOP_LENGTH, LOG_OFFSET, N_FFT, N_MELS, SAMPLE_RATE_HZ, WINDOW, n_frames};

/// Waveform to spectrogram, prepared once.
pub(crate) struct YamnetMel {
    bands: BandEnergies,
    n_frames: usize,
}

impl YamnetMel {
    pub(crate) fn new(config: &YamnetConfig, clip_seconds: f64) -> Self {
        let mut bank = mel_filter_bank();
        let mut spectrum = Spectrum::Magnitude;
        if config.tflite_rounding {
            let step = bank.iter().copied().fold(0.0, f32::max) / 127.0;
            bank.iter_mut().for_each(|weight| *weight = (*weight / step).round() * step);
            spectrum = Spectrum::RoundedMagnitude;
        }
        let mut window = hann(WINDOW);
        window.resize(N_FFT, 0.0);
        let filters = SparseFilters::new(&bank, 1 + N_FFT / 2);
        Self {
            bands: BandEnergies::new(window, filters, HOP_LENGTH, 0, spectrum),
            n_frames: config.shape(clip_seconds)[0],
        }
    }

    /// `[n_frames, 64]` row-major, of a waveform of at most a clip at 16 kHz. A shorter one is repeated, patch by patch,
    /// until the clip is full, because silence after it would count in the mean over patches as sound does.
    pub(crate) fn apply(&self, waveform: &[f32]) -> Vec<f32> {
        let filled = n_frames(waveform.len()).min(self.n_frames);
        let energies = self.bands.apply(waveform, filled); // [64, filled]
        let frame = |t: usize| energies.iter().skip(t).step_by(filled);
        let once: Vec<f32> = (0..filled).flat_map(frame).map(|energy| ln(energy + LOG_OFFSET)).collect();
        once.iter().copied().cycle().take(self.n_frames * N_MELS).collect()
    }
}

/// `tf.signal.linear_to_mel_weight_matrix`, transposed: `[64, 257]`, triangles of height 1 in mels, 0 for the constant bin.
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
    use crate::yamnet_spec::silence;

    #[test]
    fn a_short_recording_is_repeated_and_silence_is_the_minimum() {
        let mel = YamnetMel::new(&YamnetConfig::default(), 7.0);
        let short: Vec<f32> = (0..20_000).map(|i| (i as f32 * 0.3).sin()).collect();
        let spectrogram = mel.apply(&short);
        assert_eq!(spectrogram.len(), 720 * 64);
        assert_eq!(spectrogram[..144 * 64], spectrogram[144 * 64..288 * 64]);
        for nothing in [&[][..], &[0.0; 112_000]] {
            assert!(mel.apply(nothing).iter().all(|x| *x == silence()));
        }
        assert!(spectrogram.iter().all(|x| *x >= silence()));
    }
}
