//! The settings of the road from bytes to image.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{SpecAugment, yamnet};

/// Changes whenever the same settings give other numbers than before: caches hash it.
pub const FEATURES_VERSION: u32 = 2;

/// What a waveform becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrontEnd {
    /// A square image of librosa's log-mel spectrogram in 0..1, frequencies by time.
    #[default]
    Image,
    /// YAMNet's log-mel spectrogram as its authors define it, time by frequencies: see `yamnet.rs`.
    Yamnet,
    /// The same with the rounding of the TFLite runtime, which runs the mel filters of the published file as a layer with
    /// `int8` weights: it keeps 256 levels of a frame's magnitudes, so that what is 48 dB below the loudest bin is lost.
    YamnetTflite,
    /// The square image, and below it YAMNet's spectrogram, row after row, filled up with zeros to whole rows of the square's width.
    /// `sample_rate_hz` and all that follows are those of the square; the waveform has YAMNet's rate.
    ImageAndYamnet,
}

impl FrontEnd {
    /// Whether YAMNet's spectrogram is all that there is.
    pub fn is_yamnets(self) -> bool {
        matches!(self, Self::Yamnet | Self::YamnetTflite)
    }
}

/// All feature settings; the defaults are those of the original project, in librosa's terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureConfig {
    /// What a waveform becomes. YAMNet's leave only `common_rate_hz`, `clip_seconds` and `spec_augment` free: see [`FeatureConfig::yamnet`].
    pub front_end: FrontEnd,
    /// Rate to resample to, 4000 to 48000 Hz.
    pub sample_rate_hz: u32,
    /// Rate to resample to before that, 6000 to 48000 Hz, so that recordings of different rates hold the same frequencies: else a
    /// class whose recordings come from better microphones can be told by that. Straight to `sample_rate_hz` if absent.
    pub common_rate_hz: Option<u32>,
    /// Length to clip or zero-pad to, 0.5 to 60 s.
    pub clip_seconds: f64,
    /// Samples of a Fourier transform, 64 to 16384.
    pub n_fft: usize,
    /// Samples between two frames, 1 to `n_fft`.
    pub hop_length: usize,
    /// Mel bands, 1 to 512.
    pub n_mels: usize,
    /// Lower edge of the lowest band, at least 0 Hz.
    pub f_min_hz: f64,
    /// Upper edge of the highest band; half the sample rate if absent.
    pub f_max_hz: Option<f64>,
    /// Everything more than this many dB below the loudest point is raised to that level, above 0 to 200.
    pub top_db: f64,
    /// Height and width of the image, 32 to 1024 pixels.
    pub image_size: usize,
    /// What training does to images.
    pub spec_augment: SpecAugment,
}

impl Default for FeatureConfig {
    fn default() -> Self {
        Self {
            front_end: FrontEnd::Image,
            sample_rate_hz: 8000,
            common_rate_hz: None,
            clip_seconds: 7.0,
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

impl FeatureConfig {
    /// The settings that YAMNet's authors fix, with masks of the same share of the image as the default's.
    pub fn yamnet() -> Self {
        Self {
            front_end: FrontEnd::Yamnet,
            sample_rate_hz: yamnet::SAMPLE_RATE_HZ,
            n_fft: yamnet::N_FFT,
            hop_length: yamnet::HOP_LENGTH,
            n_mels: yamnet::N_MELS,
            f_min_hz: yamnet::F_MIN_HZ,
            f_max_hz: Some(yamnet::F_MAX_HZ),
            spec_augment: SpecAugment { frequency_mask: 3, time_mask: 77, ..SpecAugment::default() },
            ..Self::default()
        }
    }

    /// Every problem with the values; empty if they can be used.
    pub fn validate(&self) -> Vec<String> {
        let fixed = Self {
            front_end: self.front_end,
            common_rate_hz: self.common_rate_hz,
            clip_seconds: self.clip_seconds,
            spec_augment: self.spec_augment.clone(),
            ..Self::yamnet()
        };
        let [height, width] = self.image_shape();
        let nyquist = f64::from(self.sample_rate_hz) / 2.0;
        [
            ((4000..=48_000).contains(&self.sample_rate_hz), "sample_rate_hz must be 4000 to 48000"),
            (
                self.common_rate_hz.is_none_or(|rate| (6000..=48_000).contains(&rate)),
                "common_rate_hz must be 6000 to 48000",
            ),
            ((0.5..=60.0).contains(&self.clip_seconds), "clip_seconds must be 0.5 to 60"),
            ((64..=16_384).contains(&self.n_fft), "n_fft must be 64 to 16384"),
            ((1..=self.n_fft).contains(&self.hop_length), "hop_length must be 1 to n_fft"),
            ((1..=512).contains(&self.n_mels), "n_mels must be 1 to 512"),
            ((0.0..nyquist).contains(&self.f_min_hz), "f_min_hz must be at least 0 and below half the sample rate"),
            (
                self.f_max_hz.is_none_or(|f_max| f_max > self.f_min_hz && f_max <= nyquist),
                "f_max_hz must be above f_min_hz and at most half the sample rate",
            ),
            (self.top_db > 0.0 && self.top_db <= 200.0, "top_db must be above 0 and at most 200"),
            ((32..=1024).contains(&self.image_size), "image_size must be 32 to 1024"),
            (
                !self.front_end.is_yamnets() || *self == fixed,
                "front_end is one of YAMNet's, whose authors fixed all but common_rate_hz, clip_seconds and spec_augment: leave the others out",
            ),
            (
                self.spec_augment.frequency_mask.max(self.spec_augment.time_mask) <= height.max(width),
                "spec_augment masks must not be wider than the image",
            ),
            ((0.0..=1.0).contains(&self.spec_augment.probability), "spec_augment.probability must be 0 to 1"),
        ]
        .into_iter()
        .filter(|(ok, _)| !ok)
        .map(|(_, message)| message.to_owned())
        .collect()
    }

    /// The rate of waveforms, Hz: `sample_rate_hz`, or what YAMNet hears besides.
    pub fn waveform_rate_hz(&self) -> u32 {
        match self.front_end {
            FrontEnd::ImageAndYamnet => yamnet::SAMPLE_RATE_HZ,
            _ => self.sample_rate_hz,
        }
    }

    /// Samples of a clip's waveform.
    pub fn clip_samples(&self) -> usize {
        self.samples_at(self.waveform_rate_hz())
    }

    /// Samples of a clip at `sample_rate_hz`.
    pub(crate) fn square_samples(&self) -> usize {
        self.samples_at(self.sample_rate_hz)
    }

    fn samples_at(&self, rate_hz: u32) -> usize {
        (self.clip_seconds * f64::from(rate_hz)).round() as usize
    }

    /// Frames of a clip's spectrogram: 1 more than its samples at `sample_rate_hz` over `hop_length`, as librosa's centred transform has.
    pub fn n_frames(&self) -> usize {
        1 + self.square_samples() / self.hop_length
    }

    /// Height and width of an image: `image_size` twice; for YAMNet its frames and its 64 mel bands; for both together as many more
    /// rows than `image_size` as YAMNet's numbers fill.
    pub fn image_shape(&self) -> [usize; 2] {
        let yamnet = [yamnet::n_frames(self.clip_samples()), yamnet::N_MELS];
        match self.front_end {
            FrontEnd::Image => [self.image_size; 2],
            FrontEnd::Yamnet | FrontEnd::YamnetTflite => yamnet,
            FrontEnd::ImageAndYamnet => {
                [self.image_size + yamnet.iter().product::<usize>().div_ceil(self.image_size), self.image_size]
            }
        }
    }

    /// The settings of one part of [`FrontEnd::ImageAndYamnet`].
    pub(crate) fn part(&self, front_end: FrontEnd) -> Self {
        let Self { common_rate_hz, clip_seconds, .. } = *self;
        match front_end {
            FrontEnd::Image => Self { front_end, ..self.clone() },
            _ => Self { front_end, common_rate_hz, clip_seconds, ..Self::yamnet() },
        }
    }

    /// Does to an image, `[height, width]`, what training does, with draws from `rng`.
    pub fn augment<R: Rng>(&self, image: &mut [f32], rng: &mut R) {
        let (rows_are_time, blank) = match self.front_end {
            FrontEnd::Image => (false, 0.0),
            FrontEnd::Yamnet | FrontEnd::YamnetTflite => (true, yamnet::silence()),
            FrontEnd::ImageAndYamnet => {
                let (square, below) = image.split_at_mut(self.image_size.pow(2));
                let [square_config, mut below_config] = [FrontEnd::Image, FrontEnd::Yamnet].map(|part| self.part(part));
                below_config.spec_augment.probability = self.spec_augment.probability;
                square_config.augment(square, rng);
                return below_config.augment(&mut below[..below_config.image_shape().iter().product()], rng);
            }
        };
        self.spec_augment.apply(image, self.image_shape()[1], rows_are_time, blank, rng);
    }

    /// Everything that decides what the image of some bytes is, as text: what caches hash.
    pub fn image_key(&self) -> String {
        let Self {
            front_end,
            sample_rate_hz,
            common_rate_hz,
            clip_seconds,
            n_fft,
            hop_length,
            n_mels,
            f_min_hz,
            f_max_hz,
            top_db,
            image_size,
            spec_augment: _,
        } = self;
        let through = common_rate_hz.map(|rate| format!("through {rate} Hz, ")).unwrap_or_default();
        if front_end.is_yamnets() {
            return format!("features {FEATURES_VERSION}: {through}{front_end:?}, {clip_seconds} s");
        }
        let both = if *front_end == FrontEnd::Image { "" } else { "and YAMNet, " };
        format!(
            "features {FEATURES_VERSION}: {through}{both}{sample_rate_hz} Hz, {clip_seconds} s, {n_fft}/{hop_length}, {n_mels} mels \
             {f_min_hz} to {f_max_hz:?} Hz, {top_db} dB, {image_size} px"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound_and_have_the_documented_shapes() {
        let config = FeatureConfig::default();
        assert!(config.validate().is_empty());
        assert_eq!((config.clip_samples(), config.n_frames()), (56_000, 219));
        assert_eq!(config.image_shape(), [224, 224]);
        let yamnet = FeatureConfig::yamnet();
        assert!(yamnet.validate().is_empty());
        assert_eq!(yamnet.image_shape(), [720, 64]);
    }

    #[test]
    fn both_images_together_have_the_square_above_and_are_each_augmented() {
        use rand::SeedableRng;
        let config = FeatureConfig { front_end: FrontEnd::ImageAndYamnet, ..FeatureConfig::default() };
        assert!(config.validate().is_empty());
        assert_eq!((config.image_shape(), config.clip_samples(), config.n_frames()), ([430, 224], 112_000, 219));
        let certain = SpecAugment { probability: 1.0, ..config.spec_augment.clone() };
        let config = FeatureConfig { spec_augment: certain, ..config };
        let mut image = vec![0.5; 430 * 224];
        config.augment(&mut image, &mut rand_chacha::ChaCha8Rng::seed_from_u64(1));
        let (square, below) = image.split_at(224 * 224);
        let (spectrogram, rest) = below.split_at(720 * 64);
        assert!(square.contains(&0.0) && square.iter().all(|x| [0.0, 0.5].contains(x)));
        assert!(spectrogram.contains(&yamnet::silence()) && !spectrogram.contains(&0.0));
        assert!(rest.iter().all(|x| *x == 0.5));
    }

    #[test]
    fn what_yamnets_authors_fixed_stays() {
        for front_end in [FrontEnd::Yamnet, FrontEnd::YamnetTflite] {
            let config = FeatureConfig { front_end, clip_seconds: 3.0, ..FeatureConfig::yamnet() };
            assert!(config.validate().is_empty());
            let problems = FeatureConfig { n_mels: 65, ..config }.validate();
            assert!(problems.len() == 1 && problems[0].starts_with("front_end"), "{problems:?}");
        }
    }

    #[test]
    fn every_problem_is_told() {
        let config = FeatureConfig {
            hop_length: 0,
            top_db: f64::NAN,
            f_max_hz: Some(9000.0),
            spec_augment: SpecAugment { probability: 1.5, ..SpecAugment::default() },
            ..FeatureConfig::default()
        };
        let problems = config.validate().join("\n");
        for name in ["hop_length", "top_db", "f_max_hz", "probability"] {
            assert!(problems.contains(name), "{problems}");
        }
        assert_eq!(config.validate().len(), 4);
    }

    #[test]
    fn augmentation_does_not_change_the_image_key_and_the_rest_does() {
        let config = FeatureConfig::default();
        let augmented =
            FeatureConfig { spec_augment: SpecAugment { time_mask: 3, ..SpecAugment::default() }, ..config.clone() };
        assert_eq!(config.image_key(), augmented.image_key());
        assert_ne!(config.image_key(), FeatureConfig { top_db: 79.0, ..config.clone() }.image_key());
        let through = FeatureConfig { common_rate_hz: Some(6000), ..config.clone() };
        assert_ne!(config.image_key(), through.image_key());
    }
}
