//! `[backbone.input]`: what the graph of an encoder in an ONNX file takes and gives.

use features::{
    Centring, FeatureConfig, FrontEnd, ImageConfig, LOG_MEL, LogKind, LogMelConfig, MelNorm, MelScale, MelSpectrum,
    MelTriangles, WAVEFORM, WaveformConfig, Window,
};
use model::{GraphBinding, Layout, Normalisation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::Problem;

/// Why an encoder in an ONNX file cannot be used without its table.
pub const NO_INPUT: &str = "this table is missing; for a proposal: wail encoders check FILE";

/// What the graph of an encoder in an ONNX file takes and gives. A key that does not belong to its kind is an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EncoderInput {
    /// What the graph takes.
    pub kind: InputKind,
    /// Name of the graph's input; absent: its only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Dimensions of the graph's input: `batch`, `samples` of a waveform, `frames` and `bands` of a log-mel spectrogram, `height`
    /// and `width` of an image, `1`, and a number above 1 for as many copies; absent: `batch,samples`, `batch,1,frames,bands` or
    /// `batch,3,height,width`. Without `batch`, the graph takes one recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// What is done with the values first; absent: `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalise: Option<NormaliseKind>,
    /// With `normalise = "fixed"`: what is subtracted, one number, or one for each copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// With `normalise = "fixed"`: by what is divided, above 0, one number, or one for each copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
    /// Name of the graph's output, `[n, d]`, `[n, t, d]` (averaged over time) or `[n, d, height, width]` (averaged over both); absent:
    /// its only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Sample rate, 4000 to 48000 Hz; absent for an image: 8000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate_hz: Option<u32>,
    /// Log-mel: factor of the samples, which are within -1..1; absent: 1. Kaldi's front ends take 32768.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Log-mel: samples of a frame, 16 to `n_fft`; absent: `n_fft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_length: Option<usize>,
    /// Log-mel, image: samples of a Fourier transform, 64 to 16384; absent for an image: 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_fft: Option<usize>,
    /// Log-mel, image: samples between two frames, 1 to `n_fft`; absent for an image: 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop_length: Option<usize>,
    /// Log-mel: the window of a frame; absent: `hann`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Log-mel: where frames lie; absent: `zeros`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub centring: Option<Centring>,
    /// Log-mel: whether the mean of each frame is subtracted from it, as Kaldi does; absent: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_dc: Option<bool>,
    /// Log-mel: coefficient of the pre-emphasis of each frame, 0 to below 1; absent: 0. Kaldi's is 0.97.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemphasis: Option<f64>,
    /// Log-mel: what a band sums up; absent: `power`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spectrum: Option<MelSpectrum>,
    /// Log-mel, image: mel bands, 1 to 512; absent for an image: 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_mels: Option<usize>,
    /// Log-mel, image: lower edge of the lowest band, Hz; absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f_min_hz: Option<f64>,
    /// Log-mel, image: upper edge of the highest band, Hz; absent: half the sample rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f_max_hz: Option<f64>,
    /// Log-mel: the mel scale; absent: `slaney`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mel_scale: Option<MelScale>,
    /// Log-mel: the height of a filter; absent: `slaney`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mel_norm: Option<MelNorm>,
    /// Log-mel: the axis on which a filter is a triangle; absent: `hz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mel_triangles: Option<MelTriangles>,
    /// Log-mel: the logarithm of a band's energy; absent: `ln`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogKind>,
    /// Log-mel: lower energies are raised to this; absent: 1e-10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_floor: Option<f64>,
    /// Log-mel: added to an energy before it is raised to the floor; absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_offset: Option<f64>,
    /// Log-mel: frames of the spectrogram, 1 to 20000, which is cut, or padded with zeros after the logarithm; absent: those of a clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_frames: Option<usize>,
    /// Image: dynamic range below the loudest point, above 0 to 200 dB; absent: 80.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_db: Option<f64>,
    /// Image: height and width, 32 to 1024 pixels; absent: 224.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
}

/// What the graph takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum InputKind {
    /// Samples within -1..1.
    Waveform,
    /// A log-mel spectrogram, whose settings are here.
    LogMel,
    /// The square log-mel image in 0..1 that ResNets take.
    Image,
}

/// What is done with the values first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormaliseKind {
    /// Nothing.
    None,
    /// `(x - mean) / std`.
    Fixed,
    /// `(x - mean) / sqrt(variance + 1e-7)` with mean and variance of the recording.
    PerClip,
}

impl EncoderInput {
    /// Only the kind.
    pub fn of_kind(kind: InputKind) -> Self {
        Self {
            kind,
            name: None,
            layout: None,
            normalise: None,
            mean: None,
            std: None,
            output: None,
            sample_rate_hz: None,
            scale: None,
            window_length: None,
            n_fft: None,
            hop_length: None,
            window: None,
            centring: None,
            remove_dc: None,
            preemphasis: None,
            spectrum: None,
            n_mels: None,
            f_min_hz: None,
            f_max_hz: None,
            mel_scale: None,
            mel_norm: None,
            mel_triangles: None,
            log: None,
            log_floor: None,
            log_offset: None,
            n_frames: None,
            top_db: None,
            image_size: None,
        }
    }

    /// The table with every default of its kind; keys without one stay absent.
    pub fn resolved(&self) -> Self {
        let kind = Self { layout: Some(self.layout_text()), ..Self::of_kind(self.kind) };
        let normalise = Some(self.normalise.unwrap_or(NormaliseKind::None));
        let (name, output) = (self.name.clone(), self.output.clone());
        let own = Self { name, output, normalise, mean: self.mean.clone(), std: self.std.clone(), ..kind };
        match self.front_end() {
            FrontEnd::Waveform(_) => Self { sample_rate_hz: self.sample_rate_hz, ..own },
            FrontEnd::LogMel(config) => Self {
                sample_rate_hz: self.sample_rate_hz,
                scale: Some(config.scale),
                window_length: Some(config.window_length),
                n_fft: self.n_fft,
                hop_length: self.hop_length,
                window: Some(config.window),
                centring: Some(config.centring),
                remove_dc: Some(config.remove_dc),
                preemphasis: Some(config.preemphasis),
                spectrum: Some(config.spectrum),
                n_mels: self.n_mels,
                f_min_hz: Some(config.f_min_hz),
                f_max_hz: config.f_max_hz,
                mel_scale: Some(config.mel_scale),
                mel_norm: Some(config.mel_norm),
                mel_triangles: Some(config.mel_triangles),
                log: Some(config.log),
                log_floor: Some(config.log_floor),
                log_offset: Some(config.log_offset),
                n_frames: config.n_frames,
                ..own
            },
            FrontEnd::Image(config) => Self {
                sample_rate_hz: Some(config.sample_rate_hz),
                n_fft: Some(config.n_fft),
                hop_length: Some(config.hop_length),
                n_mels: Some(config.n_mels),
                f_min_hz: Some(config.f_min_hz),
                f_max_hz: config.f_max_hz,
                top_db: Some(config.top_db),
                image_size: Some(config.image_size),
                ..own
            },
            FrontEnd::Yamnet(_) => own,
        }
    }

    /// The front end, with defaults for absent keys.
    pub fn front_end(&self) -> FrontEnd {
        match self.kind {
            InputKind::Waveform => FrontEnd::Waveform(WaveformConfig { sample_rate_hz: self.log_mel().sample_rate_hz }),
            InputKind::LogMel => FrontEnd::LogMel(self.log_mel()),
            InputKind::Image => FrontEnd::Image(self.image()),
        }
    }

    fn log_mel(&self) -> LogMelConfig {
        let default = LogMelConfig::default();
        let n_fft = self.n_fft.unwrap_or(default.n_fft);
        LogMelConfig {
            sample_rate_hz: self.sample_rate_hz.unwrap_or(default.sample_rate_hz),
            scale: self.scale.unwrap_or(default.scale),
            window_length: self.window_length.unwrap_or(n_fft),
            n_fft,
            hop_length: self.hop_length.unwrap_or(default.hop_length),
            window: self.window.unwrap_or(default.window),
            centring: self.centring.unwrap_or(default.centring),
            remove_dc: self.remove_dc.unwrap_or(default.remove_dc),
            preemphasis: self.preemphasis.unwrap_or(default.preemphasis),
            spectrum: self.spectrum.unwrap_or(default.spectrum),
            n_mels: self.n_mels.unwrap_or(default.n_mels),
            f_min_hz: self.f_min_hz.unwrap_or(default.f_min_hz),
            f_max_hz: self.f_max_hz,
            mel_scale: self.mel_scale.unwrap_or(default.mel_scale),
            mel_norm: self.mel_norm.unwrap_or(default.mel_norm),
            mel_triangles: self.mel_triangles.unwrap_or(default.mel_triangles),
            log: self.log.unwrap_or(default.log),
            log_floor: self.log_floor.unwrap_or(default.log_floor),
            log_offset: self.log_offset.unwrap_or(default.log_offset),
            n_frames: self.n_frames,
            spec_augment: default.spec_augment,
        }
    }

    fn image(&self) -> ImageConfig {
        let default = ImageConfig::default();
        ImageConfig {
            sample_rate_hz: self.sample_rate_hz.unwrap_or(default.sample_rate_hz),
            n_fft: self.n_fft.unwrap_or(default.n_fft),
            hop_length: self.hop_length.unwrap_or(default.hop_length),
            n_mels: self.n_mels.unwrap_or(default.n_mels),
            f_min_hz: self.f_min_hz.unwrap_or(default.f_min_hz),
            f_max_hz: self.f_max_hz,
            top_db: self.top_db.unwrap_or(default.top_db),
            image_size: self.image_size.unwrap_or(default.image_size),
            spec_augment: default.spec_augment,
        }
    }

    /// Name of the input of a record.
    fn input_name(&self) -> &'static str {
        match self.kind {
            InputKind::Waveform => WAVEFORM,
            InputKind::LogMel => LOG_MEL,
            InputKind::Image => features::IMAGE,
        }
    }

    fn layout_text(&self) -> String {
        let usual = || Layout::usual(self.input_name()).map(|layout| layout.to_string()).unwrap_or_default();
        self.layout.clone().unwrap_or_else(usual)
    }

    /// How records are connected to the graph.
    ///
    /// # Errors
    /// The [`Problem`] of a layout that cannot be read.
    pub(crate) fn binding(&self) -> Result<GraphBinding, Problem> {
        let layout = Layout::parse(&self.layout_text(), self.input_name());
        let layout = layout.map_err(|error| problem("layout", &error.to_string()))?;
        let normalisation = match self.normalise.unwrap_or(NormaliseKind::None) {
            NormaliseKind::None => Normalisation::None,
            NormaliseKind::PerClip => Normalisation::PerClip,
            NormaliseKind::Fixed => Normalisation::Fixed {
                mean: self.mean.clone().unwrap_or_default(),
                std: self.std.clone().unwrap_or_default(),
            },
        };
        Ok(GraphBinding { input: self.name.clone(), layout, normalisation, output: self.output.clone() })
    }

    /// Every problem of the table, of `[features]` beside it and of the number of augmented views.
    pub(crate) fn problems(&self, features: &FeatureConfig, augmented_views: usize) -> Vec<Problem> {
        let mut found = self.misplaced_keys();
        found.extend(self.missing_keys());
        found.extend(self.normalisation_problems());
        found.extend(self.binding().err());
        if self.kind == InputKind::Waveform && augmented_views > 0 {
            let message = "must be 0: a waveform has no masks".into();
            found.push(Problem { key: "train.augmented_views".into(), message });
        }
        if !self.makes(features) {
            let message = "must be left out: [backbone.input] decides the front end".into();
            found.push(Problem { key: "features".into(), message });
        }
        let of_features = ["clip_seconds", "common_rate_hz", "front_end", "spec_augment", "spec_augment.probability"];
        found.extend(features.validate().into_iter().map(|invalid| match of_features.contains(&invalid.key) {
            true => Problem { key: format!("features.{}", invalid.key), message: invalid.reason },
            false => problem(invalid.key, &invalid.reason),
        }));
        found
    }

    /// Whether the front end of `features` is that of this table; masks are those of `[features]`.
    fn makes(&self, features: &FeatureConfig) -> bool {
        let [found] = &features.front_ends[..] else { return false };
        let mut expected = self.front_end();
        match (&mut expected, found) {
            (FrontEnd::LogMel(expected), FrontEnd::LogMel(found)) => {
                expected.spec_augment = found.spec_augment.clone();
            }
            (FrontEnd::Image(expected), FrontEnd::Image(found)) => expected.spec_augment = found.spec_augment.clone(),
            _ => {}
        }
        expected == *found
    }

    /// Keys that do not belong to the kind.
    fn misplaced_keys(&self) -> Vec<Problem> {
        let of_log_mel = [
            ("scale", self.scale.is_some()),
            ("window_length", self.window_length.is_some()),
            ("window", self.window.is_some()),
            ("centring", self.centring.is_some()),
            ("remove_dc", self.remove_dc.is_some()),
            ("preemphasis", self.preemphasis.is_some()),
            ("spectrum", self.spectrum.is_some()),
            ("mel_scale", self.mel_scale.is_some()),
            ("mel_norm", self.mel_norm.is_some()),
            ("mel_triangles", self.mel_triangles.is_some()),
            ("log", self.log.is_some()),
            ("log_floor", self.log_floor.is_some()),
            ("log_offset", self.log_offset.is_some()),
            ("n_frames", self.n_frames.is_some()),
        ];
        let of_spectrograms = [
            ("n_fft", self.n_fft.is_some()),
            ("hop_length", self.hop_length.is_some()),
            ("n_mels", self.n_mels.is_some()),
            ("f_min_hz", self.f_min_hz.is_some()),
            ("f_max_hz", self.f_max_hz.is_some()),
        ];
        let of_image = [("top_db", self.top_db.is_some()), ("image_size", self.image_size.is_some())];
        let (log_mel, image) = (self.kind == InputKind::LogMel, self.kind == InputKind::Image);
        let others = [(log_mel, &of_log_mel[..]), (log_mel || image, &of_spectrograms), (image, &of_image)];
        let others = others.into_iter().filter(|(belongs, _)| !belongs).flat_map(|(_, keys)| keys);
        let message = format!("does not belong to kind = \"{}\"", self.input_name());
        others.filter(|(_, is_there)| *is_there).map(|(key, _)| problem(key, &message)).collect()
    }

    /// Keys without which the front end would be a guess.
    fn missing_keys(&self) -> Vec<Problem> {
        let needed = [
            ("sample_rate_hz", self.sample_rate_hz.is_some(), self.kind != InputKind::Image),
            ("n_fft", self.n_fft.is_some(), self.kind == InputKind::LogMel),
            ("hop_length", self.hop_length.is_some(), self.kind == InputKind::LogMel),
            ("n_mels", self.n_mels.is_some(), self.kind == InputKind::LogMel),
        ];
        let missing = needed.into_iter().filter(|(_, is_there, needed)| *needed && !is_there);
        missing.map(|(key, ..)| problem(key, "is missing: the encoder was trained with one value")).collect()
    }

    fn normalisation_problems(&self) -> Vec<Problem> {
        let is_fixed = self.normalise == Some(NormaliseKind::Fixed);
        let mut found = Vec::new();
        for (key, numbers, lowest) in [("mean", &self.mean, f32::MIN), ("std", &self.std, f32::MIN_POSITIVE)] {
            match numbers {
                None if is_fixed => found.push(problem(key, "is missing")),
                Some(_) if !is_fixed => found.push(problem(key, "applies only to normalise = \"fixed\"")),
                Some(numbers) if numbers.is_empty() || !numbers.iter().all(|x| x.is_finite() && *x >= lowest) => {
                    found.push(problem(key, "one or more numbers, above 0 for std"));
                }
                _ => {}
            }
        }
        let lengths = [&self.mean, &self.std].map(|numbers| numbers.as_ref().map_or(0, Vec::len));
        if is_fixed && lengths[0] != lengths[1] && !lengths.contains(&1) {
            found.push(problem("std", "must have as many numbers as mean, or one"));
        }
        found
    }
}

fn problem(key: &str, message: &str) -> Problem {
    Problem { key: format!("backbone.input.{key}"), message: message.into() }
}
