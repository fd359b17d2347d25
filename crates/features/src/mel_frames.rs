//! Waveform to a log-mel spectrogram of any kind, `[n_frames, n_mels]`.

use std::f64::consts::TAU;

use crate::log_mel::{BandEnergies, Spectrum};
use crate::mel_config::{Centring, LogMelConfig, MelSpectrum, Window};
use crate::mel_filters::{MelBank, SparseFilters};
use crate::window::hann;

/// Waveform to spectrogram, prepared once.
pub(crate) struct MelFrames {
    config: LogMelConfig,
    bands: BandEnergies,
    /// Samples of a clip.
    clip_samples: usize,
}

impl MelFrames {
    /// For clips of `clip_samples` samples; the settings are valid for these.
    pub(crate) fn new(config: &LogMelConfig, clip_samples: usize) -> Self {
        let &LogMelConfig { n_fft, window_length, .. } = config;
        let bank = MelBank {
            sample_rate_hz: config.sample_rate_hz,
            n_fft,
            n_mels: config.n_mels,
            f_min_hz: config.f_min_hz,
            f_max_hz: config.f_max_hz(),
            scale: config.mel_scale,
            norm: config.mel_norm,
            triangles: config.mel_triangles,
        };
        let filters = SparseFilters::new(&bank.filters(), 1 + n_fft / 2);
        let spectrum = match config.spectrum {
            MelSpectrum::Power => Spectrum::Power,
            MelSpectrum::Magnitude => Spectrum::Magnitude,
        };
        // A shorter window is in the middle of a centred frame.
        let before = if config.centring == Centring::None { 0 } else { (n_fft - window_length) / 2 };
        let mut window = vec![0.0; before];
        window.extend(weights(config.window, window_length));
        window.resize(n_fft, 0.0);
        // Frames are laid out one after the other.
        let bands = BandEnergies::new(window, filters, n_fft, 0, spectrum);
        Self { config: config.clone(), bands, clip_samples }
    }

    /// `[n_frames, n_mels]` row-major of a waveform of at most a clip, which is padded with zeros.
    pub(crate) fn apply(&self, waveform: &[f32]) -> Vec<f32> {
        let LogMelConfig { n_mels, log, log_floor, log_offset, .. } = self.config;
        let (frames, n_frames) = self.frames(waveform);
        let energies = self.bands.apply(&frames, n_frames); // [n_mels, n_frames]
        let frame = |t: usize| energies.iter().skip(t).step_by(n_frames.max(1));
        let [floor, offset] = [log_floor, log_offset].map(|x| x as f32);
        let logarithm = |energy: &f32| log.of((energy + offset).max(floor));
        let mut spectrogram: Vec<f32> = (0..n_frames).flat_map(frame).map(logarithm).collect();
        spectrogram.resize(self.config.n_frames(self.clip_samples) * n_mels, 0.0);
        spectrogram
    }

    /// The frames, each of `n_fft` samples, one after the other, and their number: at most those of the spectrogram.
    fn frames(&self, waveform: &[f32]) -> (Vec<f32>, usize) {
        let LogMelConfig { n_fft, window_length, hop_length, .. } = self.config;
        let mut clip: Vec<f32> = waveform.iter().map(|sample| sample * self.config.scale as f32).collect();
        clip.resize(self.clip_samples, 0.0);
        let (clip, length) = match self.config.centring {
            Centring::None => (clip, window_length),
            Centring::Zeros => ([vec![0.0; n_fft / 2], clip, vec![0.0; n_fft / 2]].concat(), n_fft),
            Centring::Reflect => (mirrored(&clip, n_fft / 2), n_fft),
        };
        let n_frames = self.config.frames_of(self.clip_samples).min(self.config.n_frames(self.clip_samples));
        let mut frames = Vec::with_capacity(n_frames * n_fft);
        for (t, start) in (0..n_frames).map(|t| t * hop_length).enumerate() {
            frames.extend(clip.iter().skip(start).take(length));
            frames.resize((t + 1) * n_fft, 0.0);
            self.prepare(&mut frames[t * n_fft..][..length]);
        }
        (frames, n_frames)
    }

    /// Removes the mean of a frame and emphasises its high frequencies, as Kaldi does.
    fn prepare(&self, frame: &mut [f32]) {
        if self.config.remove_dc {
            let mean = frame.iter().map(|x| f64::from(*x)).sum::<f64>() / frame.len() as f64;
            frame.iter_mut().for_each(|x| *x -= mean as f32);
        }
        let emphasis = self.config.preemphasis as f32;
        if emphasis != 0.0 {
            let mut before = frame.first().copied().unwrap_or_default();
            for sample in frame {
                let plain = *sample;
                *sample -= emphasis * before;
                before = plain;
            }
        }
    }
}

/// `[length]`, computed in f64.
fn weights(window: Window, length: usize) -> Vec<f32> {
    let symmetric = (0..length).map(|i| (TAU * i as f64 / (length - 1) as f64).cos());
    match window {
        Window::Hann => hann(length),
        Window::HannSymmetric => symmetric.map(|cos| (0.5 - 0.5 * cos) as f32).collect(),
        Window::Hamming => symmetric.map(|cos| (0.54 - 0.46 * cos) as f32).collect(),
        Window::Povey => symmetric.map(|cos| (0.5 - 0.5 * cos).powf(0.85) as f32).collect(),
    }
}

/// A clip with `length` samples before and after it that mirror its ends; the outermost samples are not repeated. The clip is longer
/// than `length`.
fn mirrored(clip: &[f32], length: usize) -> Vec<f32> {
    let before = clip.iter().skip(1).take(length).rev();
    let after = clip.iter().rev().skip(1).take(length);
    before.chain(clip).chain(after).copied().collect()
}
