//! The settings of the steps from bytes to an encoder's inputs.

use rand::Rng;

use crate::front_end::{FrontEnd, ImageConfig, InputShape, YamnetConfig, samples};
use crate::invalid::Invalid;

/// Changes whenever the same settings give different values than before; caches and run identities hash it.
pub const FEATURES_VERSION: u32 = 3;

/// All feature settings: the clip, and a front end for each input of the encoder.
///
/// The text form is one flat table. `front_end` names the front ends: `"image"`, `"yamnet"`, `"yamnet_tflite"`, or two of
/// them joined by `+`; or `"waveform"` or `"log_mel"`, whose settings are in a table of that name. The other keys are those of [`ImageConfig`] and [`YamnetConfig`]; a key that does not belong to the
/// front ends is refused. With an image and YAMNet's spectrogram together, `spec_augment` is the image's and
/// `yamnet_spec_augment` YAMNet's.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureConfig {
    /// Length to clip or pad to, 0.5 to 60 s.
    pub clip_seconds: f64,
    /// Rate to resample to first, 6000 to 48000 Hz; absent: none. It gives recordings of different rates the same
    /// frequencies. Otherwise a classifier can recognise a class by the better microphones of its recordings.
    pub common_rate_hz: Option<u32>,
    /// The front ends, at least one; each makes one input. A record holds the inputs one after the other.
    pub front_ends: Vec<FrontEnd>,
}

/// The image front end with its defaults.
impl Default for FeatureConfig {
    fn default() -> Self {
        FrontEnd::Image(ImageConfig::default()).into()
    }
}

/// With a clip of 7 s.
impl From<FrontEnd> for FeatureConfig {
    fn from(front_end: FrontEnd) -> Self {
        Self { clip_seconds: 7.0, common_rate_hz: None, front_ends: vec![front_end] }
    }
}

impl FeatureConfig {
    /// YAMNet's front end with its defaults.
    pub fn yamnet() -> Self {
        FrontEnd::Yamnet(YamnetConfig::default()).into()
    }

    /// The image and YAMNet's front end side by side, with their defaults.
    pub fn image_and_yamnet() -> Self {
        let Self { clip_seconds, common_rate_hz, front_ends } = Self::default();
        Self { clip_seconds, common_rate_hz, front_ends: [front_ends, Self::yamnet().front_ends].concat() }
    }

    /// The default front ends that make the inputs named `names`; `None` if there is no such input.
    pub fn for_inputs(names: &[&str]) -> Option<Self> {
        let known = Self::image_and_yamnet();
        let front_end = |name: &&str| known.front_ends.iter().find(|front_end| front_end.input_name() == *name);
        let front_ends: Option<Vec<FrontEnd>> = names.iter().map(|name| front_end(name).cloned()).collect();
        Some(Self { front_ends: front_ends?, ..known })
    }

    /// Every problem with the values; empty if they can be used.
    pub fn validate(&self) -> Vec<Invalid> {
        let clip_fits = (0.5..=60.0).contains(&self.clip_seconds);
        let mut problems = Invalid::failed([
            (
                self.common_rate_hz.is_none_or(|rate| (6000..=48_000).contains(&rate)),
                "common_rate_hz",
                "must be 6000 to 48000",
            ),
            (clip_fits, "clip_seconds", "must be 0.5 to 60"),
            (!self.front_ends.is_empty(), "front_end", "must name at least one front end"),
            (self.has_distinct_inputs(), "front_end", "must not make the same input twice"),
        ]);
        // Shapes are computed only for a valid clip length.
        let clip_seconds = if clip_fits { self.clip_seconds } else { Self::default().clip_seconds };
        for front_end in &self.front_ends {
            let of_front_end = front_end.validate(clip_seconds).into_iter();
            problems.extend(of_front_end.map(|problem| Invalid { key: self.key_in_table(problem.key), ..problem }));
        }
        problems
    }

    fn has_distinct_inputs(&self) -> bool {
        let name = |index: usize| self.front_ends[index].input_name();
        (1..self.front_ends.len()).all(|index| (0..index).all(|other| name(other) != name(index)))
    }

    /// The image front end's settings; `None` without an image.
    pub fn image(&self) -> Option<&ImageConfig> {
        self.front_ends.iter().find_map(|front_end| match front_end {
            FrontEnd::Image(config) => Some(config),
            FrontEnd::Yamnet(_) | FrontEnd::Waveform(_) | FrontEnd::LogMel(_) => None,
        })
    }

    /// The settings of the log-mel spectrogram for display: the image's, or else one with YAMNet's frames and bands.
    pub fn spectrogram(&self) -> ImageConfig {
        self.image().cloned().unwrap_or_else(ImageConfig::with_yamnets_bands)
    }

    /// Sample rate of waveforms, Hz: the highest rate of the front ends.
    pub fn waveform_rate_hz(&self) -> u32 {
        self.front_ends.iter().map(FrontEnd::sample_rate_hz).max().unwrap_or_default()
    }

    /// Samples of a clip's waveform.
    pub fn clip_samples(&self) -> usize {
        samples(self.clip_seconds, self.waveform_rate_hz())
    }

    /// Name, height and width of each input, in the order of a record: `image`, `image_size` twice; `patches`, YAMNet's frames
    /// and its 64 mel bands; `waveform`, 1 and its samples; `log_mel`, its frames and bands. The settings are valid.
    pub fn inputs(&self) -> Vec<InputShape> {
        let shape = |front_end: &FrontEnd| (front_end.input_name(), front_end.shape(self.clip_seconds));
        self.front_ends.iter().map(shape).collect()
    }

    /// Number of values in a record, all inputs together.
    pub fn record_len(&self) -> usize {
        self.inputs().iter().map(|(_, [height, width])| height * width).sum()
    }

    /// Each front end with its input in a record.
    pub fn split<'a>(&'a self, record: &'a [f32]) -> impl Iterator<Item = (&'a FrontEnd, &'a [f32])> {
        let mut rest = record;
        self.front_ends.iter().map(move |front_end| {
            let (input, others) = rest.split_at(front_end.shape(self.clip_seconds).iter().product());
            rest = others;
            (front_end, input)
        })
    }

    /// Masks a record as in training, input by input, with draws from `rng`.
    pub fn augment<R: Rng>(&self, record: &mut [f32], rng: &mut R) {
        let mut rest = record;
        for front_end in &self.front_ends {
            let [height, width] = front_end.shape(self.clip_seconds);
            let (input, others) = rest.split_at_mut(height * width);
            front_end.augment(input, width, rng);
            rest = others;
        }
    }

    /// Whether a record is that of digital silence: every value of each input is that of silence.
    pub fn is_silent(&self, record: &[f32]) -> bool {
        self.split(record).all(|(front_end, input)| front_end.is_blank(input, self.clip_seconds))
    }

    /// Everything that determines the record of given bytes, as text; caches hash it.
    pub fn record_key(&self) -> String {
        let through = self.common_rate_hz.map(|rate| format!("through {rate} Hz, ")).unwrap_or_default();
        let front_ends: Vec<String> = self.front_ends.iter().map(|f| f.key(self.clip_seconds)).collect();
        format!("features {FEATURES_VERSION}: {through}{}", front_ends.join(" and "))
    }

    /// Everything that determines the result of [`FeatureConfig::augment`], as text; caches hash it.
    pub fn augment_key(&self) -> String {
        let masks = self.front_ends.iter().filter_map(FrontEnd::spec_augment);
        let masks: Vec<String> = masks.map(|masks| format!("{masks:?}")).collect();
        masks.join(" and ")
    }

    /// The key of a front end's setting in the flat table: YAMNet's masks are `spec_augment` if there is no image.
    fn key_in_table(&self, key: &'static str) -> &'static str {
        match key {
            "yamnet_spec_augment" if self.image().is_none() => "spec_augment",
            "yamnet_spec_augment.probability" if self.image().is_none() => "spec_augment.probability",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::SpecAugment;
    use crate::yamnet_spec;

    fn image(config: ImageConfig) -> FeatureConfig {
        FrontEnd::Image(config).into()
    }

    #[test]
    fn the_defaults_are_valid_and_have_the_documented_shapes() {
        let config = FeatureConfig::default();
        assert!(config.validate().is_empty());
        assert_eq!((config.clip_samples(), config.spectrogram().n_frames(7.0)), (56_000, 219));
        assert_eq!(config.inputs(), [("image", [224, 224])]);
        let yamnet = FeatureConfig::yamnet();
        assert!(yamnet.validate().is_empty());
        assert_eq!(FeatureConfig::for_inputs(&["image"]), Some(config));
        assert_eq!(FeatureConfig::for_inputs(&["patches"]).as_ref(), Some(&yamnet));
        assert_eq!(FeatureConfig::for_inputs(&["image", "patches"]), Some(FeatureConfig::image_and_yamnet()));
        assert_eq!(FeatureConfig::for_inputs(&["sound"]), None);
        assert_eq!(yamnet.inputs(), [("patches", [720, 64])]);
    }

    #[test]
    fn two_inputs_follow_one_another_and_each_has_its_own_augmentation() {
        use rand::SeedableRng;
        let mut config = FeatureConfig::image_and_yamnet();
        assert!(config.validate().is_empty());
        assert_eq!(config.inputs(), [("image", [224, 224]), ("patches", [720, 64])]);
        assert_eq!(
            (config.record_len(), config.clip_samples(), config.spectrogram().n_frames(7.0)),
            (224 * 224 + 720 * 64, 112_000, 219)
        );
        for front_end in &mut config.front_ends {
            match front_end {
                FrontEnd::Image(ImageConfig { spec_augment, .. })
                | FrontEnd::Yamnet(YamnetConfig { spec_augment, .. }) => spec_augment.probability = 1.0,
                other => panic!("{other:?}"),
            }
        }
        let augmented = |config: &FeatureConfig| {
            let mut record = vec![0.5; config.record_len()];
            config.augment(&mut record, &mut rand_chacha::ChaCha8Rng::seed_from_u64(1));
            record
        };
        let record = augmented(&config);
        let (square, spectrogram) = record.split_at(224 * 224);
        assert!(square.contains(&0.0) && square.iter().all(|x| [0.0, 0.5].contains(x)));
        assert!(spectrogram.contains(&yamnet_spec::silence()) && !spectrogram.contains(&0.0));
        // The image's draws come first, so they are those of an image alone.
        let alone = FeatureConfig { front_ends: config.front_ends[..1].to_vec(), ..config.clone() };
        assert_eq!(augmented(&alone), square);
        if let FrontEnd::Yamnet(yamnet) = &mut config.front_ends[1] {
            yamnet.spec_augment.probability = 0.0;
        }
        assert!(augmented(&config)[224 * 224..].iter().all(|x| *x == 0.5));
    }

    #[test]
    fn every_problem_is_reported_with_its_key() {
        let config = image(ImageConfig {
            hop_length: 0,
            top_db: f64::NAN,
            f_max_hz: Some(9000.0),
            spec_augment: SpecAugment { probability: 1.5, ..SpecAugment::default() },
            ..ImageConfig::default()
        });
        let keys: Vec<&str> = config.validate().iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["hop_length", "f_max_hz", "top_db", "spec_augment.probability"]);
    }

    #[test]
    fn the_clip_and_the_common_rate_have_the_documented_ranges() {
        for (clip_seconds, valid) in [(0.49, false), (0.5, true), (60.0, true), (60.1, false), (f64::NAN, false)] {
            let problems = FeatureConfig { clip_seconds, ..FeatureConfig::default() }.validate();
            assert!(
                problems.iter().map(|problem| problem.key).eq((!valid).then_some("clip_seconds")),
                "{clip_seconds} s"
            );
        }
        for (rate_hz, valid) in [(5999, false), (6000, true), (48_000, true), (48_001, false)] {
            let problems = FeatureConfig { common_rate_hz: Some(rate_hz), ..FeatureConfig::default() }.validate();
            assert!(
                problems.iter().map(|problem| problem.key).eq((!valid).then_some("common_rate_hz")),
                "{rate_hz} Hz"
            );
        }
    }

    #[test]
    fn a_record_is_split_into_its_inputs() {
        let config = FeatureConfig { clip_seconds: 0.96, ..FeatureConfig::image_and_yamnet() };
        let record: Vec<f32> = (0..config.record_len()).map(|i| i as f32).collect();
        let inputs: Vec<(&str, f32, usize)> =
            config.split(&record).map(|(front_end, input)| (front_end.name(), input[0], input.len())).collect();
        assert_eq!(inputs, [("image", 0.0, 224 * 224), ("yamnet", 224.0 * 224.0, 96 * 64)]);
        assert_eq!(config.image(), Some(&ImageConfig::default()));
        let yamnet = FeatureConfig::yamnet();
        assert_eq!((yamnet.image(), yamnet.spectrogram()), (None, ImageConfig::with_yamnets_bands()));
        assert_eq!((yamnet.waveform_rate_hz(), FeatureConfig::default().waveform_rate_hz()), (16_000, 8000));
    }

    #[test]
    fn shapes_are_not_computed_of_values_that_are_out_of_range() {
        let mut config = FeatureConfig { clip_seconds: 1e300, ..FeatureConfig::image_and_yamnet() };
        config.front_ends[0] = FrontEnd::Image(ImageConfig { image_size: 0, ..ImageConfig::default() });
        let keys: Vec<&str> = config.validate().iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["clip_seconds", "image_size"]);
        for front_ends in [vec![], vec![FeatureConfig::yamnet().front_ends; 2].concat()] {
            let problems = FeatureConfig { front_ends, ..FeatureConfig::default() }.validate();
            assert!(problems.len() == 1 && problems[0].key == "front_end", "{problems:?}");
        }
    }

    #[test]
    fn masks_that_do_not_fit_are_reported_with_the_key_of_the_table() {
        let masks = SpecAugment { time_mask: 5000, ..SpecAugment::default() };
        let yamnet = FrontEnd::Yamnet(YamnetConfig { spec_augment: masks, ..YamnetConfig::default() });
        let mut config = FeatureConfig::from(yamnet.clone());
        assert_eq!(config.validate()[0].key, "spec_augment");
        config.front_ends.insert(0, FrontEnd::Image(ImageConfig::default()));
        assert_eq!(config.validate()[0].key, "yamnet_spec_augment");
        let masks = SpecAugment { probability: 2.0, ..SpecAugment::default() };
        config.front_ends[1] = FrontEnd::Yamnet(YamnetConfig { spec_augment: masks, ..YamnetConfig::default() });
        assert_eq!(config.validate()[0].key, "yamnet_spec_augment.probability");
        config.front_ends.remove(0);
        assert_eq!(config.validate()[0].key, "spec_augment.probability");
    }

    #[test]
    fn only_digital_silence_is_silent() {
        let config = FeatureConfig::image_and_yamnet();
        let mut record = vec![0.0; 224 * 224];
        record.resize(config.record_len(), yamnet_spec::silence());
        assert!(config.is_silent(&record));
        for index in [0, 224 * 224] {
            let mut audible = record.clone();
            audible[index] += 0.1;
            assert!(!config.is_silent(&audible), "{index}");
        }
    }

    #[test]
    fn augmentation_does_not_change_the_record_key_and_the_rest_does() {
        let config = FeatureConfig::default();
        let augmented = image(ImageConfig {
            spec_augment: SpecAugment { time_mask: 3, ..SpecAugment::default() },
            ..ImageConfig::default()
        });
        assert_eq!(config.record_key(), augmented.record_key());
        assert_ne!(config.augment_key(), augmented.augment_key());
        assert_ne!(config.record_key(), image(ImageConfig { top_db: 79.0, ..ImageConfig::default() }).record_key());
        let through = FeatureConfig { common_rate_hz: Some(6000), ..config.clone() };
        assert_ne!(config.record_key(), through.record_key());
    }

    /// A key that changes without need makes valid caches useless.
    #[test]
    fn the_keys_of_one_input_change_only_with_the_version_of_the_features() {
        let image = FeatureConfig { common_rate_hz: Some(6000), ..FeatureConfig::default() };
        assert_eq!(
            image.record_key(),
            "features 3: through 6000 Hz, 8000 Hz, 7 s, 1024/256, 128 mels 0 to None Hz, 80 dB, 224 px"
        );
        assert_eq!(FeatureConfig::yamnet().record_key(), "features 3: Yamnet, 7 s");
        assert_eq!(image.augment_key(), "SpecAugment { frequency_mask: 12, time_mask: 24, probability: 0.7 }");
        let both = FeatureConfig::image_and_yamnet();
        assert_eq!(
            both.record_key(),
            format!(
                "features {FEATURES_VERSION}: 8000 Hz, 7 s, 1024/256, 128 mels 0 to None Hz, 80 dB, 224 px and Yamnet, 7 s"
            )
        );
        assert!(
            both.augment_key().ends_with(" and SpecAugment { frequency_mask: 3, time_mask: 77, probability: 0.7 }")
        );
    }
}
