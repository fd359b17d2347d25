//! The settings of a log-mel spectrogram of any kind: those of AST, BEATs, CLAP, PANNs and their like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::SpecAugment;
use crate::invalid::Invalid;
use crate::logarithm::log2;

/// The front end of an encoder that takes a log-mel spectrogram, `[n_frames, n_mels]`, time by frequencies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogMelConfig {
    /// Sample rate, 4000 to 48000 Hz.
    pub sample_rate_hz: u32,
    /// Factor of the samples, which are within -1..1; above 0. Kaldi's front ends take 32768.
    pub scale: f64,
    /// Samples of a frame, 16 to `n_fft`.
    pub window_length: usize,
    /// Samples of a Fourier transform, 64 to 16384.
    pub n_fft: usize,
    /// Samples between two frames, 1 to `n_fft`.
    pub hop_length: usize,
    /// The window of a frame.
    pub window: Window,
    /// Where frames lie.
    pub centring: Centring,
    /// Whether the mean of each frame is subtracted from it, as Kaldi does.
    pub remove_dc: bool,
    /// Coefficient of the pre-emphasis of each frame, 0 to below 1; 0 for none. Kaldi's is 0.97.
    pub preemphasis: f64,
    /// What a band sums up.
    pub spectrum: MelSpectrum,
    /// Mel bands, 1 to 512.
    pub n_mels: usize,
    /// Lower edge of the lowest band, at least 0 Hz.
    pub f_min_hz: f64,
    /// Upper edge of the highest band, Hz; half the sample rate if absent.
    pub f_max_hz: Option<f64>,
    /// The mel scale.
    pub mel_scale: MelScale,
    /// The height of a filter.
    pub mel_norm: MelNorm,
    /// The axis on which a filter is a triangle.
    pub mel_triangles: MelTriangles,
    /// Logarithm of a band's energy.
    pub log: LogKind,
    /// Lower energies are raised to this; at least 0.
    pub log_floor: f64,
    /// Added to an energy before it is raised to the floor; at least 0.
    pub log_offset: f64,
    /// Frames of the spectrogram, 1 to 20000: it is cut, or padded with zeros after the logarithm. Absent: those of a clip.
    pub n_frames: Option<usize>,
    /// Masks applied to the spectrogram in training. They are no part of its text form.
    #[serde(skip)]
    pub spec_augment: SpecAugment,
}

/// The window of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Hann, periodic, as in librosa and torch.
    Hann,
    /// Hann, symmetric: Kaldi's `hanning`.
    HannSymmetric,
    /// Hamming, symmetric, as in Kaldi.
    Hamming,
    /// A symmetric Hann window to the power of 0.85: Kaldi's default.
    Povey,
}

/// Where frames lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Centring {
    /// Frame t is centred on sample t · hop, with zeros outside the clip, as in librosa.
    Zeros,
    /// Frame t is centred on sample t · hop, and the clip is mirrored at its ends, as in torch, torchaudio and torchlibrosa.
    Reflect,
    /// Frame t begins with sample t · hop, and each lies within the clip, as in Kaldi.
    None,
}

/// What a band sums up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MelSpectrum {
    /// Squared magnitudes.
    Power,
    /// Magnitudes.
    Magnitude,
}

/// The mel scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MelScale {
    /// Slaney's: linear below 1 kHz, as in librosa.
    Slaney,
    /// HTK's: logarithmic, as in Kaldi, TensorFlow and torchaudio.
    Htk,
}

/// The height of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MelNorm {
    /// Filters have equal areas, as in librosa.
    Slaney,
    /// Filters have height 1, as in Kaldi, TensorFlow and torchaudio.
    None,
}

/// The axis on which a filter is a triangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MelTriangles {
    /// In Hz, as in librosa and torchaudio.
    Hz,
    /// In mels, as in Kaldi and TensorFlow.
    Mel,
}

/// The logarithm of a band's energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// Natural.
    Ln,
    /// To base 10.
    Log10,
    /// Decibels: 10 times that to base 10.
    Db,
}

impl LogKind {
    /// The logarithm of a positive normal number.
    pub(crate) fn of(self, energy: f32) -> f32 {
        let per_octave = match self {
            Self::Ln => std::f32::consts::LN_2,
            Self::Log10 => std::f32::consts::LOG10_2,
            Self::Db => 10.0 * std::f32::consts::LOG10_2,
        };
        per_octave * log2(energy)
    }
}

/// As librosa's `melspectrogram` and a natural logarithm, with frames of 25 ms every 10 ms at 16 kHz.
impl Default for LogMelConfig {
    fn default() -> Self {
        Self {
            sample_rate_hz: 16_000,
            scale: 1.0,
            window_length: 400,
            n_fft: 512,
            hop_length: 160,
            window: Window::Hann,
            centring: Centring::Zeros,
            remove_dc: false,
            preemphasis: 0.0,
            spectrum: MelSpectrum::Power,
            n_mels: 64,
            f_min_hz: 0.0,
            f_max_hz: None,
            mel_scale: MelScale::Slaney,
            mel_norm: MelNorm::Slaney,
            mel_triangles: MelTriangles::Hz,
            log: LogKind::Ln,
            log_floor: 1e-10,
            log_offset: 0.0,
            n_frames: None,
            spec_augment: SpecAugment::default(),
        }
    }
}

impl LogMelConfig {
    /// Frames of a clip of `samples` samples, before it is cut or padded to `n_frames`.
    pub(crate) fn frames_of(&self, samples: usize) -> usize {
        match self.centring {
            Centring::Zeros | Centring::Reflect => 1 + samples / self.hop_length,
            Centring::None if samples < self.window_length => 0,
            Centring::None => 1 + (samples - self.window_length) / self.hop_length,
        }
    }

    /// Frames of the spectrogram of a clip of `samples` samples.
    pub(crate) fn n_frames(&self, samples: usize) -> usize {
        self.n_frames.unwrap_or_else(|| self.frames_of(samples))
    }

    /// The value of digital silence.
    pub(crate) fn silence(&self) -> f32 {
        let [floor, offset] = [self.log_floor, self.log_offset].map(|x| x as f32);
        self.log.of(offset.max(floor))
    }

    /// Upper edge of the highest band, Hz.
    pub(crate) fn f_max_hz(&self) -> f64 {
        self.f_max_hz.unwrap_or(f64::from(self.sample_rate_hz) / 2.0)
    }

    /// Every problem with the values for a clip of `samples` samples; empty if they are valid.
    pub(crate) fn validate(&self, samples: usize) -> Vec<Invalid> {
        let &Self { sample_rate_hz, n_fft, hop_length, n_mels, f_min_hz, f_max_hz, .. } = self;
        let mut problems = mel_problems(sample_rate_hz, n_fft, hop_length, n_mels, f_min_hz, f_max_hz);
        let at_least_0 = |x: f64| (0.0..=1e10).contains(&x);
        problems.extend(Invalid::failed([
            (self.scale > 0.0 && self.scale <= 1e6, "scale", "must be above 0 and at most 1000000"),
            ((16..=self.n_fft).contains(&self.window_length), "window_length", "must be 16 to n_fft"),
            ((0.0..1.0).contains(&self.preemphasis), "preemphasis", "must be at least 0 and below 1"),
            (at_least_0(self.log_floor), "log_floor", "must be at least 0"),
            (at_least_0(self.log_offset), "log_offset", "must be at least 0"),
            (
                self.log_floor.max(self.log_offset) >= f64::from(f32::MIN_POSITIVE),
                "log_floor",
                "must be above 0 if log_offset is 0: silence has no logarithm",
            ),
            (self.n_frames.is_none_or(|n| (1..=20_000).contains(&n)), "n_frames", "must be 1 to 20000"),
            (
                self.centring == Centring::Zeros || self.window_length.max(self.n_fft / 2 + 1) <= samples,
                "n_fft",
                "must not be longer than the clip",
            ),
        ]));
        problems
    }

    /// Everything that determines the spectrogram, as text.
    pub(crate) fn key(&self) -> String {
        format!("{:?}", Self { spec_augment: SpecAugment::default(), ..self.clone() })
    }
}

/// Whether a sample rate is in its range, for [`Invalid::failed`].
pub(crate) fn rate_check(sample_rate_hz: u32) -> (bool, &'static str, &'static str) {
    ((4000..=48_000).contains(&sample_rate_hz), "sample_rate_hz", "must be 4000 to 48000")
}

/// Every problem with the settings that all mel spectrograms have; empty if they are valid.
pub(crate) fn mel_problems(
    sample_rate_hz: u32,
    n_fft: usize,
    hop_length: usize,
    n_mels: usize,
    f_min_hz: f64,
    f_max_hz: Option<f64>,
) -> Vec<Invalid> {
    let nyquist = f64::from(sample_rate_hz) / 2.0;
    Invalid::failed([
        rate_check(sample_rate_hz),
        ((64..=16_384).contains(&n_fft), "n_fft", "must be 64 to 16384"),
        ((1..=n_fft).contains(&hop_length), "hop_length", "must be 1 to n_fft"),
        ((1..=512).contains(&n_mels), "n_mels", "must be 1 to 512"),
        ((0.0..nyquist).contains(&f_min_hz), "f_min_hz", "must be at least 0 and below half the sample rate"),
        (
            f_max_hz.is_none_or(|f_max| f_max > f_min_hz && f_max <= nyquist),
            "f_max_hz",
            "must be above f_min_hz and at most half the sample rate",
        ),
    ])
}
