//! The text form of the feature settings: one flat table for all front ends.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::augment::SpecAugment;
use crate::config::FeatureConfig;
use crate::front_end::{FrontEnd, ImageConfig, LOG_MEL, WAVEFORM, WaveformConfig, YamnetConfig};
use crate::invalid::Invalid;
use crate::mel_config::LogMelConfig;

/// Separates the names of the front ends.
const SEPARATOR: char = '+';
/// The front end of version 0.1.0 for a ResNet and YAMNet.
const PACKED: &str = "image_and_yamnet";

/// From a recording to the inputs of the encoder. A key that does not belong to the front ends is an error; keys marked
/// "Image" do not belong to YAMNet, whose authors fix these values. An absent key has the default of its front end.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FlatConfig {
    /// `image`, `yamnet`, `yamnet_tflite` (YAMNet with the 8-bit rounding of the TFLite runtime), or two of them joined by `+`. With an
    /// encoder in an ONNX file: left out, and so is all that `[backbone.input]` decides.
    front_end: Option<String>,
    /// Image: sample rate, 4000 to 48000 Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_rate_hz: Option<u32>,
    /// Rate to resample to first, 6000 to 48000 Hz; absent: none. It gives recordings of different rates the same frequencies. Otherwise a classifier can recognise a class by the better microphones of its recordings.
    common_rate_hz: Option<u32>,
    /// Length to clip or pad to, 0.5 to 60 s.
    clip_seconds: Option<f64>,
    /// Image: samples of a Fourier transform, 64 to 16384.
    #[serde(skip_serializing_if = "Option::is_none")]
    n_fft: Option<usize>,
    /// Image: samples between two frames, 1 to `n_fft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    hop_length: Option<usize>,
    /// Image: mel bands, 1 to 512.
    #[serde(skip_serializing_if = "Option::is_none")]
    n_mels: Option<usize>,
    /// Image: lower edge of the lowest band, at least 0 Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    f_min_hz: Option<f64>,
    /// Image: upper edge of the highest band, Hz; absent: half the sample rate.
    // `Some(None)` is written as null, no upper edge; `None` is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    f_max_hz: Option<Option<f64>>,
    /// Image: dynamic range, above 0 to 200 dB. Quieter points are raised to its lower end.
    #[serde(skip_serializing_if = "Option::is_none")]
    top_db: Option<f64>,
    /// Image: height and width, 32 to 1024 pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_size: Option<usize>,
    /// SpecAugment masks of training views; of the image, if there are two front ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    spec_augment: Option<FlatSpecAugment>,
    /// SpecAugment masks of YAMNet's spectrogram, if there are two front ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    yamnet_spec_augment: Option<FlatSpecAugment>,
    // The settings of the front ends of ONNX encoders, which `[backbone.input]` decides.
    #[schemars(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    waveform: Option<WaveformConfig>,
    #[schemars(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_mel: Option<LogMelConfig>,
}

/// [`SpecAugment`], each key of which may be absent.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FlatSpecAugment {
    /// Largest width of the frequency mask, in rows of an image or bands of a spectrogram.
    frequency_mask: Option<usize>,
    /// Largest width of the time mask, in columns of an image or frames of a spectrogram.
    time_mask: Option<usize>,
    /// Probability that a view is masked, 0 to 1.
    probability: Option<f64>,
}

impl Serialize for FeatureConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FlatConfig::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FeatureConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let flat = FlatConfig::deserialize(deserializer)?;
        flat.config().map_err(|problems| de::Error::custom(Invalid::join(&problems)))
    }
}

impl JsonSchema for FeatureConfig {
    fn schema_name() -> Cow<'static, str> {
        "FeatureConfig".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        FlatConfig::json_schema(generator)
    }
}

impl FeatureConfig {
    /// The keys of settings in text form, such as the table `[features]`, that do not belong to their front ends, each with
    /// the reason. Empty if [`FeatureConfig`] can be read from the settings.
    ///
    /// # Errors
    /// The error of `settings` for an unknown key or a value of another type.
    pub fn misplaced_keys<'de, D: Deserializer<'de>>(settings: D) -> Result<Vec<Invalid>, D::Error> {
        Ok(FlatConfig::deserialize(settings)?.config().err().unwrap_or_default())
    }
}

impl FlatConfig {
    /// The table of `config`, with the keys that its front ends have.
    fn of(config: &FeatureConfig) -> Self {
        let names: Vec<&str> = config.front_ends.iter().map(FrontEnd::name).collect();
        let mut flat = Self {
            front_end: Some(names.join(&SEPARATOR.to_string())),
            common_rate_hz: config.common_rate_hz,
            clip_seconds: Some(config.clip_seconds),
            ..Self::default()
        };
        for front_end in &config.front_ends {
            match front_end {
                FrontEnd::Image(image) => {
                    flat.sample_rate_hz = Some(image.sample_rate_hz);
                    flat.n_fft = Some(image.n_fft);
                    flat.hop_length = Some(image.hop_length);
                    flat.n_mels = Some(image.n_mels);
                    flat.f_min_hz = Some(image.f_min_hz);
                    flat.f_max_hz = Some(image.f_max_hz);
                    flat.top_db = Some(image.top_db);
                    flat.image_size = Some(image.image_size);
                    flat.spec_augment = Some(FlatSpecAugment::of(&image.spec_augment));
                }
                FrontEnd::Yamnet(yamnet) => {
                    let masks = Some(FlatSpecAugment::of(&yamnet.spec_augment));
                    let alone = config.front_ends.len() == 1;
                    *if alone { &mut flat.spec_augment } else { &mut flat.yamnet_spec_augment } = masks;
                }
                FrontEnd::Waveform(waveform) => flat.waveform = Some(waveform.clone()),
                FrontEnd::LogMel(log_mel) => {
                    flat.spec_augment = Some(FlatSpecAugment::of(&log_mel.spec_augment));
                    flat.log_mel = Some(log_mel.clone());
                }
            }
        }
        flat
    }

    /// The settings, or every key that does not belong to the front ends.
    fn config(&self) -> Result<FeatureConfig, Vec<Invalid>> {
        let mut front_ends = self.front_ends().map_err(|problem| vec![problem])?;
        let problems = self.misplaced(&front_ends);
        if !problems.is_empty() {
            return Err(problems);
        }
        let alone = front_ends.len() == 1;
        for front_end in &mut front_ends {
            match front_end {
                FrontEnd::Image(image) => *image = self.image(),
                FrontEnd::Yamnet(YamnetConfig { spec_augment, .. }) => {
                    let masks = if alone { &self.spec_augment } else { &self.yamnet_spec_augment };
                    *spec_augment = FlatSpecAugment::or(masks.as_ref(), spec_augment);
                }
                FrontEnd::LogMel(LogMelConfig { spec_augment, .. }) => {
                    *spec_augment = FlatSpecAugment::or(self.spec_augment.as_ref(), spec_augment);
                }
                FrontEnd::Waveform(_) => {}
            }
        }
        let default = FeatureConfig::default();
        Ok(FeatureConfig {
            clip_seconds: self.clip_seconds.unwrap_or(default.clip_seconds),
            common_rate_hz: self.common_rate_hz,
            front_ends,
        })
    }

    /// The named front ends, with their defaults.
    fn front_ends(&self) -> Result<Vec<FrontEnd>, Invalid> {
        let Some(names) = &self.front_end else { return Ok(FeatureConfig::default().front_ends) };
        let missing = || Invalid::new("front_end", format!("is `{names}`, but there is no table of that name"));
        match names.as_str() {
            WAVEFORM => return Ok(vec![FrontEnd::Waveform(self.waveform.clone().ok_or_else(missing)?)]),
            LOG_MEL => return Ok(vec![FrontEnd::LogMel(self.log_mel.clone().ok_or_else(missing)?)]),
            _ => {}
        }
        let front_end = |name: &str| {
            FrontEnd::of_name(name).ok_or_else(|| match name {
                PACKED => Invalid::new(
                    "front_end",
                    format!(
                        "is `{PACKED}`, which packed YAMNet's spectrogram below the image and is no longer read: use `image+yamnet`, and \
                         train and export such a model again"
                    ),
                ),
                _ => Invalid::new(
                    "front_end",
                    format!("must be `image`, `yamnet`, `yamnet_tflite`, or two of them as in `image+yamnet`, not `{name}`"),
                ),
            })
        };
        names.split(SEPARATOR).map(front_end).collect()
    }

    fn image(&self) -> ImageConfig {
        let default = ImageConfig::default();
        ImageConfig {
            sample_rate_hz: self.sample_rate_hz.unwrap_or(default.sample_rate_hz),
            n_fft: self.n_fft.unwrap_or(default.n_fft),
            hop_length: self.hop_length.unwrap_or(default.hop_length),
            n_mels: self.n_mels.unwrap_or(default.n_mels),
            f_min_hz: self.f_min_hz.unwrap_or(default.f_min_hz),
            f_max_hz: self.f_max_hz.flatten(),
            top_db: self.top_db.unwrap_or(default.top_db),
            image_size: self.image_size.unwrap_or(default.image_size),
            spec_augment: FlatSpecAugment::or(self.spec_augment.as_ref(), &default.spec_augment),
        }
    }

    /// Keys that do not belong to `front_ends`. Version 0.1.0 wrote every key for YAMNet, with its authors' values and the
    /// image's defaults; these are accepted.
    fn misplaced(&self, front_ends: &[FrontEnd]) -> Vec<Invalid> {
        if let [FrontEnd::Waveform(_) | FrontEnd::LogMel(_)] = front_ends {
            return self.beside_an_encoders_input();
        }
        let has_image = front_ends.iter().any(|front_end| matches!(front_end, FrontEnd::Image(_)));
        let mut problems = Vec::new();
        if !has_image {
            let fixed = ImageConfig::with_yamnets_bands();
            let mut check = |key: &'static str, found: Option<f64>, fixed: f64| {
                if let Some(found) = found.filter(|found| *found != fixed) {
                    let reason = format!("must be left out, not {found}: YAMNet's front end is fixed");
                    problems.push(Invalid::new(key, reason));
                }
            };
            let count = |number: usize| number as f64;
            check("sample_rate_hz", self.sample_rate_hz.map(f64::from), fixed.sample_rate_hz.into());
            check("n_fft", self.n_fft.map(count), count(fixed.n_fft));
            check("hop_length", self.hop_length.map(count), count(fixed.hop_length));
            check("n_mels", self.n_mels.map(count), count(fixed.n_mels));
            check("f_min_hz", self.f_min_hz, fixed.f_min_hz);
            check("f_max_hz", self.f_max_hz.flatten(), fixed.f_max_hz.unwrap_or_default());
            check("top_db", self.top_db, fixed.top_db);
            check("image_size", self.image_size.map(count), count(fixed.image_size));
        }
        let has_both = has_image && front_ends.len() > 1;
        if self.yamnet_spec_augment.is_some() && !has_both {
            let reason = "applies only to YAMNet together with an image: use spec_augment";
            problems.push(Invalid::new("yamnet_spec_augment", reason));
        }
        problems
    }
}

impl FlatConfig {
    /// Keys beside those of a waveform or of a log-mel spectrogram.
    fn beside_an_encoders_input(&self) -> Vec<Invalid> {
        let absent = |absent: bool, key| (absent, key, "must be left out: [backbone.input] decides it");
        Invalid::failed([
            absent(self.sample_rate_hz.is_none(), "sample_rate_hz"),
            absent(self.n_fft.is_none(), "n_fft"),
            absent(self.hop_length.is_none(), "hop_length"),
            absent(self.n_mels.is_none(), "n_mels"),
            absent(self.f_min_hz.is_none(), "f_min_hz"),
            absent(self.f_max_hz.is_none(), "f_max_hz"),
            absent(self.top_db.is_none(), "top_db"),
            absent(self.image_size.is_none(), "image_size"),
            absent(self.yamnet_spec_augment.is_none(), "yamnet_spec_augment"),
            (
                self.spec_augment.is_none() || self.waveform.is_none(),
                "spec_augment",
                "must be left out: a waveform has no masks",
            ),
        ])
    }
}

impl FlatSpecAugment {
    fn of(masks: &SpecAugment) -> Self {
        let SpecAugment { frequency_mask, time_mask, probability } = *masks;
        Self { frequency_mask: Some(frequency_mask), time_mask: Some(time_mask), probability: Some(probability) }
    }

    /// `masks`, with the values of `default` where they are omitted.
    fn or(masks: Option<&Self>, default: &SpecAugment) -> SpecAugment {
        let Some(masks) = masks else { return default.clone() };
        SpecAugment {
            frequency_mask: masks.frequency_mask.unwrap_or(default.frequency_mask),
            time_mask: masks.time_mask.unwrap_or(default.time_mask),
            probability: masks.probability.unwrap_or(default.probability),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: serde_json::Value) -> Result<FeatureConfig, String> {
        serde_json::from_value(text).map_err(|error: serde_json::Error| error.to_string())
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)] // read by its schema
    struct Settings {
        features: FeatureConfig,
    }

    #[test]
    fn the_schema_of_settings_has_every_key_that_is_written() {
        let schema = serde_json::to_value(schemars::schema_for!(Settings)).unwrap();
        assert_eq!(schema["properties"]["features"]["$ref"], json!("#/$defs/FeatureConfig"));
        let keys = &schema["$defs"]["FeatureConfig"]["properties"];
        for key in serde_json::to_value(FeatureConfig::image_and_yamnet()).unwrap().as_object().unwrap().keys() {
            assert!(keys[key].is_object(), "{key}");
        }
    }

    #[test]
    fn settings_round_trip() {
        let mut both = FeatureConfig { common_rate_hz: Some(8000), ..FeatureConfig::image_and_yamnet() };
        if let FrontEnd::Yamnet(yamnet) = &mut both.front_ends[1] {
            yamnet.tflite_rounding = true;
            yamnet.spec_augment.probability = 0.25;
        }
        for config in [FeatureConfig::default(), FeatureConfig::yamnet(), both.clone()] {
            assert_eq!(read(serde_json::to_value(&config).unwrap()).unwrap(), config);
        }
        let text = serde_json::to_value(&both).unwrap();
        assert_eq!(
            (&text["front_end"], &text["yamnet_spec_augment"]["time_mask"]),
            (&json!("image+yamnet_tflite"), &json!(77))
        );
        both.front_ends.reverse();
        assert_eq!(read(serde_json::to_value(&both).unwrap()).unwrap(), both);
    }

    #[test]
    fn every_value_of_an_image_is_read_and_written() {
        let text = json!({
            "front_end": "image", "sample_rate_hz": 16000, "common_rate_hz": 11025, "clip_seconds": 5.5, "n_fft": 512,
            "hop_length": 128, "n_mels": 64, "f_min_hz": 50.0, "f_max_hz": 4000.0, "top_db": 70.0, "image_size": 112,
            "spec_augment": { "frequency_mask": 1, "time_mask": 2, "probability": 0.5 },
        });
        let config = read(text.clone()).unwrap();
        let image = ImageConfig {
            sample_rate_hz: 16_000,
            n_fft: 512,
            hop_length: 128,
            n_mels: 64,
            f_min_hz: 50.0,
            f_max_hz: Some(4000.0),
            top_db: 70.0,
            image_size: 112,
            spec_augment: SpecAugment { frequency_mask: 1, time_mask: 2, probability: 0.5 },
        };
        let expected =
            FeatureConfig { clip_seconds: 5.5, common_rate_hz: Some(11_025), front_ends: vec![FrontEnd::Image(image)] };
        assert_eq!(config, expected);
        assert_eq!(serde_json::to_value(&config).unwrap(), text);
    }

    #[test]
    fn each_fixed_value_of_yamnet_and_masks_without_an_input_are_misplaced() {
        for (key, value) in [
            ("sample_rate_hz", json!(8000)),
            ("n_fft", json!(1024)),
            ("hop_length", json!(256)),
            ("n_mels", json!(128)),
            ("f_min_hz", json!(0.0)),
            ("f_max_hz", json!(8000.0)),
            ("top_db", json!(70.0)),
            ("image_size", json!(112)),
            ("yamnet_spec_augment", json!({})),
        ] {
            let keys = FeatureConfig::misplaced_keys(json!({ "front_end": "yamnet", key: value })).unwrap();
            assert_eq!(keys.iter().map(|problem| problem.key).collect::<Vec<_>>(), [key]);
            let both = json!({ "front_end": "image+yamnet", key: value });
            assert_eq!(FeatureConfig::misplaced_keys(both).unwrap().len(), 0, "{key}");
        }
    }

    #[test]
    fn an_image_is_written_as_version_0_1_0_wrote_it() {
        let expected = json!({
            "front_end": "image", "sample_rate_hz": 8000, "common_rate_hz": null, "clip_seconds": 7.0, "n_fft": 1024,
            "hop_length": 256, "n_mels": 128, "f_min_hz": 0.0, "f_max_hz": null, "top_db": 80.0, "image_size": 224,
            "spec_augment": { "frequency_mask": 12, "time_mask": 24, "probability": 0.7 },
        });
        assert_eq!(serde_json::to_value(FeatureConfig::default()).unwrap(), expected);
    }

    #[test]
    fn omitted_keys_have_the_default_of_their_front_end() {
        assert_eq!(read(json!({})).unwrap(), FeatureConfig::default());
        assert_eq!(read(json!({ "front_end": "yamnet" })).unwrap(), FeatureConfig::yamnet());
        assert_eq!(read(json!({ "front_end": "image+yamnet" })).unwrap(), FeatureConfig::image_and_yamnet());
        let masks = json!({ "front_end": "yamnet_tflite", "spec_augment": { "time_mask": 9 } });
        let FrontEnd::Yamnet(yamnet) = &read(masks).unwrap().front_ends[0] else { panic!("YAMNet") };
        assert!(yamnet.tflite_rounding);
        assert_eq!((yamnet.spec_augment.frequency_mask, yamnet.spec_augment.time_mask), (3, 9));
    }

    /// As 0.1.0 wrote them: every key, with the authors' values, and the defaults of keys that do not apply.
    #[test]
    fn yamnets_settings_of_version_0_1_0_are_read() {
        let mut text = json!({
            "front_end": "yamnet", "sample_rate_hz": 16000, "common_rate_hz": 8000, "clip_seconds": 3.0, "n_fft": 512,
            "hop_length": 160, "n_mels": 64, "f_min_hz": 125.0, "f_max_hz": 7500.0, "top_db": 80.0, "image_size": 224,
            "spec_augment": { "frequency_mask": 3, "time_mask": 77, "probability": 0.7 },
        });
        let expected = FeatureConfig { common_rate_hz: Some(8000), clip_seconds: 3.0, ..FeatureConfig::yamnet() };
        assert_eq!(read(text.clone()).unwrap(), expected);
        text["n_mels"] = json!(65);
        text["f_max_hz"] = json!(4000.0);
        let keys = FeatureConfig::misplaced_keys(text.clone()).unwrap();
        assert_eq!(keys.iter().map(|problem| problem.key).collect::<Vec<_>>(), ["n_mels", "f_max_hz"]);
        let message = read(text).unwrap_err();
        assert!(message.contains("n_mels must be left out, not 65") && message.contains("f_max_hz"), "{message}");
    }

    #[test]
    fn a_packed_image_and_unknown_names_are_refused_by_name() {
        for (name, expected) in [
            ("image_and_yamnet", "use `image+yamnet`, and train and export such a model again"),
            ("image+sound", "not `sound`"),
            ("", "must be `image`"),
        ] {
            let message = read(json!({ "front_end": name })).unwrap_err();
            assert!(message.starts_with("front_end ") && message.contains(expected), "{message}");
        }
        let message = read(json!({ "yamnet_spec_augment": {} })).unwrap_err();
        assert!(message.contains("use spec_augment"), "{message}");
        assert!(read(json!({ "n_mel": 3 })).unwrap_err().contains("unknown field `n_mel`"));
    }
}
