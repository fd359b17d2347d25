//! The settings of each front end, which turns a waveform into one input of an encoder.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::augment::SpecAugment;
use crate::invalid::Invalid;
use crate::mel_config::{LogMelConfig, mel_problems, rate_check};
use crate::yamnet_spec;

/// Name, height and width of one input of an encoder.
pub type InputShape = (&'static str, [usize; 2]);

/// Name of the square log-mel image.
pub const IMAGE: &str = "image";
/// Name of YAMNet's log-mel spectrogram, from which its patches are cut.
pub const PATCHES: &str = "patches";
/// Name of the waveform, and of the log-mel spectrogram, that an encoder in an ONNX file takes.
pub const WAVEFORM: &str = "waveform";
/// See [`WAVEFORM`].
pub const LOG_MEL: &str = "log_mel";

/// Most values of a log-mel spectrogram.
const MAX_VALUES: usize = 16_000_000;

/// A front end: turns a waveform into one input.
#[derive(Debug, Clone, PartialEq)]
pub enum FrontEnd {
    /// The input `image`: librosa's log-mel spectrogram in 0..1, resized to a square, frequencies by time.
    Image(ImageConfig),
    /// The input `patches`: YAMNet's log-mel spectrogram as its authors define it, `[n_frames, 64]`, time by frequencies.
    /// Patches of 96 frames overlap by half, so the spectrogram holds each frame once.
    Yamnet(YamnetConfig),
    /// The input `waveform`: samples within -1..1, `[1, samples]`.
    Waveform(WaveformConfig),
    /// The input `log_mel`: a log-mel spectrogram of any kind, `[n_frames, n_mels]`, time by frequencies.
    LogMel(LogMelConfig),
}

/// The front end of an encoder that takes samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaveformConfig {
    /// Sample rate, 4000 to 48000 Hz.
    pub sample_rate_hz: u32,
}

/// The image front end's settings in librosa's terms, with the defaults of the original project.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageConfig {
    /// Sample rate, 4000 to 48000 Hz.
    pub sample_rate_hz: u32,
    /// Samples of a Fourier transform, 64 to 16384.
    pub n_fft: usize,
    /// Samples between two frames, 1 to `n_fft`.
    pub hop_length: usize,
    /// Mel bands, 1 to 512.
    pub n_mels: usize,
    /// Lower edge of the lowest band, at least 0 Hz.
    pub f_min_hz: f64,
    /// Upper edge of the highest band, Hz; half the sample rate if absent.
    pub f_max_hz: Option<f64>,
    /// Dynamic range below the loudest point, above 0 to 200 dB; quieter points are raised to its lower end.
    pub top_db: f64,
    /// Height and width of the image, 32 to 1024 pixels.
    pub image_size: usize,
    /// Masks applied to the image in training.
    pub spec_augment: SpecAugment,
}

/// The free settings of YAMNet's front end; its authors fix the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct YamnetConfig {
    /// Whether to round as the TFLite runtime does. It runs the mel filters of the published file as a layer with `int8`
    /// weights, which keeps 256 levels of a frame's magnitudes, so everything 48 dB below the loudest bin is lost.
    pub tflite_rounding: bool,
    /// Masks applied to the spectrogram in training.
    pub spec_augment: SpecAugment,
}

impl Default for ImageConfig {
    fn default() -> Self {
        Self {
            sample_rate_hz: 8000,
            n_fft: 1024,
            hop_length: 256,
            n_mels: 128,
            f_min_hz: 0.0,
            f_max_hz: None,
            top_db: 80.0,
            image_size: 224,
            spec_augment: SpecAugment::default(),
        }
    }
}

/// Masks that cover the same share of the spectrogram as the image's masks do.
impl Default for YamnetConfig {
    fn default() -> Self {
        let spec_augment = SpecAugment { frequency_mask: 3, time_mask: 77, ..SpecAugment::default() };
        Self { tflite_rounding: false, spec_augment }
    }
}

impl FrontEnd {
    /// The name in a configuration file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Yamnet(YamnetConfig { tflite_rounding: false, .. }) => "yamnet",
            Self::Yamnet(YamnetConfig { tflite_rounding: true, .. }) => "yamnet_tflite",
            Self::Waveform(_) => WAVEFORM,
            Self::LogMel(_) => LOG_MEL,
        }
    }

    /// The front end of that name with its default settings, if it has any.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name {
            "image" => Some(Self::Image(ImageConfig::default())),
            "yamnet" => Some(Self::Yamnet(YamnetConfig::default())),
            "yamnet_tflite" => Some(Self::Yamnet(YamnetConfig { tflite_rounding: true, ..YamnetConfig::default() })),
            _ => None,
        }
    }

    /// Name of the input.
    pub fn input_name(&self) -> &'static str {
        match self {
            Self::Image(_) => IMAGE,
            Self::Yamnet(_) => PATCHES,
            Self::Waveform(_) => WAVEFORM,
            Self::LogMel(_) => LOG_MEL,
        }
    }

    /// Height and width of the input for a clip.
    pub fn shape(&self, clip_seconds: f64) -> [usize; 2] {
        match self {
            Self::Image(config) => [config.image_size; 2],
            Self::Yamnet(config) => config.shape(clip_seconds),
            Self::Waveform(config) => [1, samples(clip_seconds, config.sample_rate_hz)],
            Self::LogMel(config) => [config.n_frames(samples(clip_seconds, config.sample_rate_hz)), config.n_mels],
        }
    }

    /// Sample rate of the waveform, Hz.
    pub fn sample_rate_hz(&self) -> u32 {
        match self {
            Self::Image(config) => config.sample_rate_hz,
            Self::Yamnet(_) => yamnet_spec::SAMPLE_RATE_HZ,
            Self::Waveform(config) => config.sample_rate_hz,
            Self::LogMel(config) => config.sample_rate_hz,
        }
    }

    /// The value of digital silence, which masks also have.
    pub(crate) fn blank(&self) -> f32 {
        match self {
            Self::Image(_) | Self::Waveform(_) => 0.0,
            Self::Yamnet(_) => yamnet_spec::silence(),
            Self::LogMel(config) => config.silence(),
        }
    }

    /// Whether an input of this front end is that of digital silence.
    pub(crate) fn is_blank(&self, input: &[f32], clip_seconds: f64) -> bool {
        let sound = match self {
            // Frames after the clip are zeros.
            Self::LogMel(config) => {
                config.frames_of(samples(clip_seconds, config.sample_rate_hz)).saturating_mul(config.n_mels)
            }
            _ => input.len(),
        };
        input.iter().take(sound).all(|value| *value == self.blank())
    }

    /// Masks applied to the input in training; none for a waveform.
    pub fn spec_augment(&self) -> Option<&SpecAugment> {
        match self {
            Self::Image(config) => Some(&config.spec_augment),
            Self::Yamnet(config) => Some(&config.spec_augment),
            Self::Waveform(_) => None,
            Self::LogMel(config) => Some(&config.spec_augment),
        }
    }

    /// Masks an input of this front end, whose rows have `width` values, with draws from `rng`.
    pub(crate) fn augment<R: Rng>(&self, input: &mut [f32], width: usize, rng: &mut R) {
        let rows_are_time = matches!(self, Self::Yamnet(_) | Self::LogMel(_));
        if let Some(masks) = self.spec_augment() {
            masks.apply(input, width, rows_are_time, self.blank(), rng);
        }
    }

    /// Every problem with the values; empty if they are valid. `clip_seconds` is in its range.
    pub(crate) fn validate(&self, clip_seconds: f64) -> Vec<Invalid> {
        let (mut problems, mask_keys) = match self {
            Self::Image(config) => (config.validate(), ["spec_augment", "spec_augment.probability"]),
            Self::Yamnet(_) => (Vec::new(), ["yamnet_spec_augment", "yamnet_spec_augment.probability"]),
            Self::Waveform(config) => (config.validate(), ["spec_augment", "spec_augment.probability"]),
            Self::LogMel(config) => {
                let samples = samples(clip_seconds, config.sample_rate_hz);
                (config.validate(samples), ["spec_augment", "spec_augment.probability"])
            }
        };
        let too_long = |config: &LogMelConfig| {
            config.n_frames(samples(clip_seconds, config.sample_rate_hz)).saturating_mul(config.n_mels) > MAX_VALUES
        };
        if let Self::LogMel(config) = self
            && problems.is_empty()
            && too_long(config)
        {
            problems.push(Invalid::new("hop_length", "gives a spectrogram of more than 16 million values"));
        }
        let Some(masks) = self.spec_augment() else { return problems };
        if problems.iter().all(|problem| !["image_size", "hop_length"].contains(&problem.key)) {
            let widest = masks.frequency_mask.max(masks.time_mask);
            let [height, width] = self.shape(clip_seconds);
            problems.extend(Invalid::failed([(
                widest <= height.max(width),
                mask_keys[0],
                "masks must not be wider than the input",
            )]));
        }
        problems.extend(Invalid::failed([((0.0..=1.0).contains(&masks.probability), mask_keys[1], "must be 0 to 1")]));
        problems
    }

    /// Everything that determines the input of a clip, as text.
    pub(crate) fn key(&self, clip_seconds: f64) -> String {
        match self {
            Self::Image(config) => config.key(clip_seconds),
            Self::Yamnet(YamnetConfig { tflite_rounding: false, .. }) => format!("Yamnet, {clip_seconds} s"),
            Self::Yamnet(YamnetConfig { tflite_rounding: true, .. }) => format!("YamnetTflite, {clip_seconds} s"),
            Self::Waveform(config) => format!("waveform, {} Hz, {clip_seconds} s", config.sample_rate_hz),
            Self::LogMel(config) => format!("{}, {clip_seconds} s", config.key()),
        }
    }
}

impl WaveformConfig {
    fn validate(&self) -> Vec<Invalid> {
        Invalid::failed([rate_check(self.sample_rate_hz)])
    }
}

impl ImageConfig {
    /// YAMNet's rate, frames and bands in librosa's terms, to display the spectrogram that YAMNet receives.
    pub(crate) fn with_yamnets_bands() -> Self {
        Self {
            sample_rate_hz: yamnet_spec::SAMPLE_RATE_HZ,
            n_fft: yamnet_spec::N_FFT,
            hop_length: yamnet_spec::HOP_LENGTH,
            n_mels: yamnet_spec::N_MELS,
            f_min_hz: yamnet_spec::F_MIN_HZ,
            f_max_hz: Some(yamnet_spec::F_MAX_HZ),
            ..Self::default()
        }
    }

    /// Samples of a clip.
    pub(crate) fn clip_samples(&self, clip_seconds: f64) -> usize {
        samples(clip_seconds, self.sample_rate_hz)
    }

    /// Frames of a clip's spectrogram: 1 more than its samples over `hop_length`, as librosa's centred transform has.
    pub fn n_frames(&self, clip_seconds: f64) -> usize {
        1 + self.clip_samples(clip_seconds) / self.hop_length
    }

    fn validate(&self) -> Vec<Invalid> {
        let &Self { sample_rate_hz, n_fft, hop_length, n_mels, f_min_hz, f_max_hz, .. } = self;
        let mut problems = mel_problems(sample_rate_hz, n_fft, hop_length, n_mels, f_min_hz, f_max_hz);
        problems.extend(Invalid::failed([
            (self.top_db > 0.0 && self.top_db <= 200.0, "top_db", "must be above 0 and at most 200"),
            ((32..=1024).contains(&self.image_size), "image_size", "must be 32 to 1024"),
        ]));
        problems
    }

    fn key(&self, clip_seconds: f64) -> String {
        let Self { sample_rate_hz, n_fft, hop_length, n_mels, f_min_hz, f_max_hz, top_db, image_size, spec_augment: _ } =
            self;
        format!(
            "{sample_rate_hz} Hz, {clip_seconds} s, {n_fft}/{hop_length}, {n_mels} mels {f_min_hz} to {f_max_hz:?} Hz, {top_db} dB, \
             {image_size} px"
        )
    }
}

impl YamnetConfig {
    /// Frames and mel bands of a clip's spectrogram.
    pub(crate) fn shape(&self, clip_seconds: f64) -> [usize; 2] {
        [yamnet_spec::n_frames(samples(clip_seconds, yamnet_spec::SAMPLE_RATE_HZ)), yamnet_spec::N_MELS]
    }
}

/// Number of samples in `seconds`.
pub(crate) fn samples(seconds: f64, rate_hz: u32) -> usize {
    (seconds * f64::from(rate_hz)).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of the problems of a 7 s clip's image after `change`.
    fn problems(change: impl Fn(&mut ImageConfig)) -> Vec<&'static str> {
        let mut config = ImageConfig::default();
        change(&mut config);
        FrontEnd::Image(config).validate(7.0).iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn every_setting_of_an_image_has_the_documented_range() {
        for (value, key) in
            [(3999, Some("sample_rate_hz")), (4000, None), (48_000, None), (48_001, Some("sample_rate_hz"))]
        {
            assert_eq!(problems(|config| config.sample_rate_hz = value), Vec::from_iter(key), "{value} Hz");
        }
        for (n_fft, key) in [(63, Some("n_fft")), (64, None), (16_384, None), (16_385, Some("n_fft"))] {
            let change = |config: &mut ImageConfig| (config.n_fft, config.hop_length) = (n_fft, 32);
            assert_eq!(problems(change), Vec::from_iter(key), "{n_fft}");
        }
        for (hop, key) in [(0, Some("hop_length")), (1, None), (1024, None), (1025, Some("hop_length"))] {
            assert_eq!(problems(|config| config.hop_length = hop), Vec::from_iter(key), "{hop}");
        }
        for (n_mels, key) in [(0, Some("n_mels")), (1, None), (512, None), (513, Some("n_mels"))] {
            assert_eq!(problems(|config| config.n_mels = n_mels), Vec::from_iter(key), "{n_mels}");
        }
        for (f_min, key) in [(-0.1, Some("f_min_hz")), (0.0, None), (3999.9, None), (4000.0, Some("f_min_hz"))] {
            assert_eq!(problems(|config| config.f_min_hz = f_min), Vec::from_iter(key), "{f_min} Hz");
        }
        for (f_max, key) in [(100.0, Some("f_max_hz")), (100.1, None), (4000.0, None), (4000.1, Some("f_max_hz"))] {
            let change = |config: &mut ImageConfig| (config.f_min_hz, config.f_max_hz) = (100.0, Some(f_max));
            assert_eq!(problems(change), Vec::from_iter(key), "{f_max} Hz");
        }
        for (top_db, key) in [(0.0, Some("top_db")), (0.1, None), (200.0, None), (200.1, Some("top_db"))] {
            assert_eq!(problems(|config| config.top_db = top_db), Vec::from_iter(key), "{top_db} dB");
        }
        for (size, key) in [(31, Some("image_size")), (32, None), (1024, None), (1025, Some("image_size"))] {
            assert_eq!(problems(|config| config.image_size = size), Vec::from_iter(key), "{size} px");
        }
    }

    #[test]
    fn masks_are_at_most_as_wide_as_the_input_and_have_a_probability() {
        let masks = |frequency_mask, time_mask, probability| SpecAugment { frequency_mask, time_mask, probability };
        for (masks, key) in [
            (masks(224, 224, 0.0), None),
            (masks(0, 0, 1.0), None),
            (masks(225, 0, 0.5), Some("spec_augment")),
            (masks(0, 225, 0.5), Some("spec_augment")),
            (masks(12, 24, -0.1), Some("spec_augment.probability")),
            (masks(12, 24, 1.1), Some("spec_augment.probability")),
            (masks(12, 24, f64::NAN), Some("spec_augment.probability")),
        ] {
            assert_eq!(problems(|config| config.spec_augment = masks.clone()), Vec::from_iter(key), "{masks:?}");
        }
        // YAMNet's spectrogram of 7 s has 720 frames.
        for (time_mask, key) in [(720, None), (721, Some("yamnet_spec_augment"))] {
            let yamnet = YamnetConfig { spec_augment: masks(64, time_mask, 0.7), ..YamnetConfig::default() };
            let keys: Vec<&str> = FrontEnd::Yamnet(yamnet).validate(7.0).iter().map(|problem| problem.key).collect();
            assert_eq!(keys, Vec::from_iter(key), "{time_mask}");
        }
    }

    #[test]
    fn each_name_stands_for_its_front_end() {
        for (name, input, rate_hz, key) in [
            ("image", "image", 8000, "8000 Hz, 2 s, 1024/256, 128 mels 0 to None Hz, 80 dB, 224 px"),
            ("yamnet", "patches", 16_000, "Yamnet, 2 s"),
            ("yamnet_tflite", "patches", 16_000, "YamnetTflite, 2 s"),
        ] {
            let front_end = FrontEnd::of_name(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((front_end.name(), front_end.input_name()), (name, input));
            assert_eq!((front_end.sample_rate_hz(), front_end.key(2.0).as_str()), (rate_hz, key));
        }
        assert_eq!(FrontEnd::of_name("sound"), None);
    }

    #[test]
    fn the_spectrogram_for_display_has_yamnets_frames_and_bands() {
        let config = ImageConfig::with_yamnets_bands();
        assert_eq!((config.sample_rate_hz, config.n_fft, config.hop_length, config.n_mels), (16_000, 512, 160, 64));
        assert_eq!((config.f_min_hz, config.f_max_hz), (125.0, Some(7500.0)));
        assert_eq!((config.clip_samples(7.0), config.n_frames(7.0)), (112_000, 701));
        assert!(FrontEnd::Image(config).validate(7.0).is_empty());
    }

    #[test]
    fn a_length_is_rounded_to_samples() {
        assert_eq!([0.000_06, 0.000_07, 0.5].map(|seconds| samples(seconds, 8000)), [0, 1, 4000]);
    }
}
