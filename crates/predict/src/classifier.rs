//! From audio bytes to probabilities, through the same steps as in training.

use std::path::Path;
use std::time::Instant;

use features::{Audio, Extractor, FeatureConfig};
use metrics::Calibration;
use model::{Compute, Engine, EpisodeSettings, FramePooling, Gate, Head, ModelInfo, SavedModel};
use registry::{ModelUrl, Registry, Resolved};

use crate::{Clips, Error, Labels, MODEL_FILES, Options, Prediction, Tested, Windows, in_the_box, model_file};

/// File name of the model card, next to the model file.
pub const CARD_FILE: &str = "MODEL_CARD.md";

/// A trained model and the feature settings that it was trained with.
pub struct Classifier {
    name: String,
    version: Option<String>,
    card: Option<String>,
    sha256: String,
    info: ModelInfo,
    extractor: Extractor,
    engine: Box<dyn Engine>,
    head: Head,
    gate: Option<Gate>,
    /// Makes the gate's inputs if the head takes frames.
    frame_pooling: Option<FramePooling>,
    calibration: Calibration,
}

/// Output of the model for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Logits, `[n_classes]`, before calibration.
    pub logits: Vec<f32>,
    /// Cry score of the sound, 0 to 1; `None` if the model has no gate.
    pub cry_score: Option<f32>,
}

impl Classifier {
    /// Loads the model that `name` stands for: the address of a published one, or see [`model_file`]; without a name, or by its own
    /// where no such file is, the built-in model.
    ///
    /// # Errors
    /// [`Error::NoModel`] and the errors of [`Classifier::load`] and [`Classifier::load_published`].
    pub fn find(name: Option<&Path>, experiments: &Path, compute: &Compute) -> Result<Self, Error> {
        if let Some(url) = name.and_then(Path::to_str).and_then(ModelUrl::parse) {
            return Self::load_published(&Registry::resolve(&url?)?, compute);
        }
        let built_in = Path::new(in_the_box::NAME);
        match name.filter(|path| *path != built_in || path.exists()) {
            Some(path) => Self::load(&model_file(path, experiments)?, compute),
            None => {
                let name = format!("{}, which comes with the program", in_the_box::NAME);
                let saved = model::parse_model(built_in, in_the_box::MODEL, compute.device())?;
                Self::new(built_in, saved, name, Some(in_the_box::CARD.into()), compute)
            }
        }
    }

    /// As [`Classifier::find`], but with `labels` the file `name` is a state dict, see [`Classifier::load_state_dict`].
    ///
    /// # Errors
    /// Those of both.
    pub fn find_labelled(
        name: Option<&Path>,
        labels: Option<&Labels>,
        experiments: &Path,
        compute: &Compute,
    ) -> Result<Self, Error> {
        match (name, labels) {
            (Some(path), Some(Labels(labels))) => Self::load_state_dict(path, labels, compute),
            (name, _) => Self::find(name, experiments, compute),
        }
    }

    /// Loads a model file, and `MODEL_CARD.md` next to it if there is one.
    ///
    /// # Errors
    /// [`Error::Model`], [`Error::FeatureSettings`] or [`Error::Calibration`].
    pub fn load(path: &Path, compute: &Compute) -> Result<Self, Error> {
        let bytes = model::read_model_file(path)?;
        let card = std::fs::read_to_string(path.with_file_name(CARD_FILE)).ok();
        let saved = model::parse_model(path, &bytes, compute.device())?;
        drop(bytes); // The engine needs as much memory again.
        Self::new(path, saved, path.display().to_string(), card, compute)
    }

    /// Loads a published model into memory; nothing is written to disk.
    ///
    /// # Errors
    /// [`Error::NoModel`] if the version holds no model file, [`Error::Registry`] if a file is missing or damaged, and as
    /// [`Classifier::load`].
    pub fn load_published(published: &Resolved, compute: &Compute) -> Result<Self, Error> {
        let Resolved { registry, version, manifest, .. } = published;
        let url = format!("{}/{version}", registry.url());
        let Some(name) = MODEL_FILES.into_iter().find(|name| manifest.files.contains_key(*name)) else {
            let [first, second] = MODEL_FILES;
            return Err(Error::NoModel(format!("{url}: there is no {first} or {second} in this version")));
        };
        let path = Path::new(&url).join(name);
        let bytes = registry.file(manifest, name)?;
        let card = match manifest.files.contains_key(CARD_FILE) {
            true => Some(String::from_utf8_lossy(&registry.file(manifest, CARD_FILE)?).into_owned()),
            false => None,
        };
        let saved = model::parse_model(&path, &bytes, compute.device())?;
        drop(bytes);
        let classifier = Self::new(&path, saved, path.display().to_string(), card, compute)?;
        Ok(Self { version: Some(version.to_string()), ..classifier })
    }

    /// Loads a classifier that another program trained: a state dict of PyTorch, see [`model::parse_state_dict`]. `labels` names its
    /// classes in the order of its outputs. The front end is the default of its encoder; probabilities are not calibrated.
    ///
    /// # Errors
    /// [`Error::Model`]; [`Error::Labels`] unless there is one label for each class, and all are different.
    pub fn load_state_dict(path: &Path, labels: &[String], compute: &Compute) -> Result<Self, Error> {
        let bytes = model::read_model_file(path)?;
        let (weights, config, head) = model::parse_state_dict(path, &bytes, compute.device())?;
        let name = path.display().to_string();
        check_labels(labels, head.n_classes()).map_err(|problem| Error::Labels { path: path.into(), problem })?;
        let arch = weights.arch();
        let features = FeatureConfig::for_inputs(&arch.input_names()).unwrap_or_default();
        let calibration = Calibration { n_examples: 0, temperature: 1.0, sets: Vec::new() };
        let unusable = |source| Error::FeatureSettings { path: path.into(), source };
        let info = ModelInfo {
            arch,
            labels: labels.to_vec(),
            head: config,
            gate: None,
            features: serde_json::to_value(&features).map_err(|e| unusable(e.into()))?,
            calibration: serde_json::to_value(&calibration)
                .map_err(|source| Error::Calibration { path: path.into(), source })?,
            backbone_source: format!("the state dict {name}"),
            provenance: serde_json::Value::Null,
        };
        let saved = SavedModel { info, weights, head, gate: None, sha256: durable::sha256_hex(&bytes) };
        drop(bytes);
        Self::new(path, saved, name, None, compute)
    }

    /// A classifier of a model in memory; `name` is for display.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn from_saved(saved: SavedModel, name: &str, compute: &Compute) -> Result<Self, Error> {
        Self::new(Path::new(name), saved, name.into(), None, compute)
    }

    fn new(
        path: &Path,
        saved: SavedModel,
        name: String,
        card: Option<String>,
        compute: &Compute,
    ) -> Result<Self, Error> {
        let SavedModel { info, weights, head, gate, sha256 } = saved;
        let unusable = |source| Error::FeatureSettings { path: path.into(), source };
        let config: FeatureConfig = serde_json::from_value(info.features.clone()).map_err(|e| unusable(e.into()))?;
        let calibration = serde_json::from_value(info.calibration.clone())
            .map_err(|source| Error::Calibration { path: path.into(), source })?;
        let extractor = Extractor::new(&config).map_err(|e| unusable(e.into()))?;
        let engine = compute.engine_to(head.frozen_output(), &weights, &config.inputs())?;
        let frame_pooling = weights.frame_pooling().filter(|_| head.kind().takes_frames());
        Ok(Self { name, version: None, card, sha256, info, extractor, engine, head, gate, frame_pooling, calibration })
    }

    /// Path of the model file, or the name of the compiled-in model; for display.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The classes, in the order of the logits.
    pub fn labels(&self) -> &[String] {
        &self.info.labels
    }

    /// The metadata in the model file.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// SHA-256 of the model file, 64 hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The version, for a published model.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The feature settings.
    pub fn features(&self) -> &FeatureConfig {
        self.extractor.config()
    }

    /// The feature extractor.
    pub(crate) fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// Temperature and thresholds for the probabilities.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// How well the model did on test, according to its file; `None` if the file does not say.
    pub fn tested(&self) -> Option<Tested> {
        Tested::read(&self.info.provenance)
    }

    /// The model card, Markdown; `None` if there is none.
    pub fn card(&self) -> Option<&str> {
        self.card.as_deref()
    }

    /// Classifies one sound file. `extension` is a hint for the decoder.
    ///
    /// Probabilities are calibrated: the softmax of the logits divided by the temperature that was fitted on the validation set.
    ///
    /// # Errors
    /// [`Error::Sound`] if `bytes` are not a usable recording, [`Error::Coverage`] for a coverage that the model does not have,
    /// [`Error::Model`] if the device fails.
    pub fn classify(&self, bytes: &[u8], extension: Option<&str>, options: &Options) -> Result<Prediction, Error> {
        self.check(options)?;
        self.classify_audio(&self.extractor.decode(bytes, extension)?, options)
    }

    /// Like [`Classifier::classify`], for a file, which is read only as far as needed.
    ///
    /// # Errors
    /// As [`Classifier::classify`]; also [`Error::Sound`] if `path` is not a regular file or cannot be read.
    pub fn classify_file(&self, path: &Path, options: &Options) -> Result<Prediction, Error> {
        self.check(options)?;
        self.classify_audio(&self.extractor.decode_file(path)?, options)
    }

    fn classify_audio(&self, audio: &Audio, options: &Options) -> Result<Prediction, Error> {
        let clips = Clips::cut(&self.extractor, audio, None);
        let outputs = self.outputs(&clips.images)?;
        let Some(output) = outputs.first() else { return Err(Error::Sound(features::Error::Empty)) };
        self.decide(output, options, clips.warnings)
    }

    /// First step of [`Classifier::classify`]: decodes a sound file and computes the images of its first clip and, on request, of its
    /// windows.
    ///
    /// # Errors
    /// [`Error::Sound`] if `bytes` are not a usable recording, [`Error::Windows`] for windows that the model does not take.
    pub fn cut(&self, bytes: &[u8], extension: Option<&str>, windows: Option<&Windows>) -> Result<Clips, Error> {
        let clip_seconds = self.extractor.config().clip_seconds;
        let seconds = windows.map_or(Ok(clip_seconds), |windows| windows.used_seconds(clip_seconds))?;
        let started = Instant::now();
        let audio = self.extractor.decode_up_to(seconds, bytes, extension)?;
        let decode_time = started.elapsed();
        Ok(Clips { decode_time, ..Clips::cut(&self.extractor, &audio, windows) })
    }

    /// Maximum length of [`Clips::images`] for any recording that is cut into `windows`.
    ///
    /// # Errors
    /// [`Error::Windows`] for windows that the model does not take.
    pub fn max_images_len(&self, windows: Option<&Windows>) -> Result<usize, Error> {
        windows.map_or(Ok(0.0), |windows| windows.used_seconds(self.features().clip_seconds))?;
        Ok((1 + windows.map_or(0, Windows::max_count)) * self.features().record_len())
    }

    /// Second step: runs the model on `images`, `[n, record_len]` f32 as [`Classifier::cut`] returns them; returns `[n]` outputs.
    ///
    /// # Errors
    /// [`Error::Model`] if the device fails.
    pub fn outputs(&self, images: &[f32]) -> Result<Vec<Output>, Error> {
        if images.is_empty() {
            return Ok(vec![]);
        }
        let rows = self.engine.embed(images)?; // embeddings, or frames for a head that takes them
        let row_len = self.engine.n_outputs();
        let logits = self.head.classify(&rows, rows.len() / row_len)?;
        let mut outputs: Vec<Output> = logits
            .chunks_exact(self.labels().len())
            .map(|logits| Output { logits: logits.to_vec(), cry_score: None })
            .collect();
        if let Some(gate) = &self.gate {
            let embeddings = match &self.frame_pooling {
                Some(pooling) => rows.chunks_exact(row_len).flat_map(|frames| pooling.pool(frames)).collect(),
                None => rows,
            };
            let records = images.chunks_exact(self.engine.record_len());
            for ((output, record), score) in outputs.iter_mut().zip(records).zip(gate.scores(&embeddings)) {
                // Digital silence always scores 0.
                output.cry_score = Some(if self.features().is_silent(record) { 0.0 } else { score });
            }
        }
        Ok(outputs)
    }

    /// Last step: turns the output for one image into a prediction.
    ///
    /// # Errors
    /// [`Error::Coverage`] for a coverage that the model does not have.
    pub fn decide(&self, output: &Output, options: &Options, warnings: Vec<String>) -> Result<Prediction, Error> {
        let Output { logits, cry_score } = output;
        let set = options.coverage.map(|coverage| self.prediction_set(logits, coverage)).transpose()?;
        let prediction =
            Prediction::new(self.labels(), &self.calibration.rescale_logits(logits), set, options, warnings);
        let threshold = self.info.gate.as_ref().map(|gate| gate.threshold);
        let not_a_cry = cry_score.zip(threshold).map(|(score, threshold)| score < threshold);
        Ok(Prediction { cry_score: *cry_score, not_a_cry, ..prediction })
    }

    /// Whether the model has a gate, which separates cries from other sounds.
    pub fn has_gate(&self) -> bool {
        self.gate.is_some()
    }

    /// Checks that the model supports `options`.
    ///
    /// # Errors
    /// [`Error::Coverage`] for a coverage that the model does not have.
    pub fn check(&self, options: &Options) -> Result<(), Error> {
        let known = |coverage: f64| self.prediction_set(&vec![0.0; self.labels().len()], coverage);
        options.coverage.map_or(Ok(()), |coverage| known(coverage).map(drop))
    }

    /// How the model finds episodes.
    pub fn episode_settings(&self) -> EpisodeSettings {
        let gate = self.info.gate.as_ref();
        gate.and_then(|gate| gate.episodes).unwrap_or_else(|| {
            EpisodeSettings::of_threshold(gate.map(|gate| gate.threshold), self.features().clip_seconds)
        })
    }

    /// Checks that the model can find episodes with `settings`.
    ///
    /// # Errors
    /// [`Error::Windows`] if it does not take such windows, or the settings are not valid.
    pub fn check_episodes(&self, settings: &EpisodeSettings) -> Result<(), Error> {
        Windows::from(*settings).used_seconds(self.features().clip_seconds)?;
        settings.problem().map_or(Ok(()), |problem| Err(Error::Windows(problem.into())))
    }

    fn prediction_set(&self, logits: &[f32], coverage: f64) -> Result<Vec<usize>, Error> {
        let plain = Calibration { temperature: 1.0, ..self.calibration.clone() }.rescale_logits(logits);
        self.calibration.prediction_set(&plain, coverage).ok_or_else(|| {
            let known: Vec<String> = self.calibration.sets.iter().map(|set| set.coverage.to_string()).collect();
            Error::Coverage { coverage, known: if known.is_empty() { "none".into() } else { known.join(", ") } }
        })
    }
}

#[cfg(test)]
impl Classifier {
    /// Embeddings of records, one after another.
    pub(crate) fn embeddings(&self, records: &[f32]) -> Vec<f32> {
        self.engine.embed(records).unwrap_or_default()
    }

    /// Replaces what follows the encoder; the new head is not calibrated.
    pub(crate) fn replace_head(&mut self, labels: &[&str], head: Head, gate: Gate) {
        self.info.labels = labels.iter().map(ToString::to_string).collect();
        self.calibration.temperature = 1.0;
        (self.head, self.gate) = (head, Some(gate));
    }
}

/// Fails unless there is one label for each of `n_classes` classes, and no label twice.
fn check_labels(labels: &[String], n_classes: usize) -> Result<(), String> {
    if labels.len() != n_classes {
        return Err(format!("it has {n_classes} classes, but there are {} labels", labels.len()));
    }
    match labels.iter().enumerate().find(|(index, label)| labels[..*index].contains(label)) {
        Some((_, label)) => Err(format!("the label {label:?} is there twice")),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::built_in::{OPTIONS, built_in};

    #[test]
    fn the_built_in_model_is_found_by_its_name_and_other_names_must_exist() {
        let compute = Compute::new(model::DeviceName::Cpu, model::EngineName::Auto).unwrap();
        let find = |name: &str| Classifier::find(Some(Path::new(name)), Path::new(""), &compute);
        let classifier = find(in_the_box::NAME).unwrap();
        assert_eq!(classifier.name(), "wail-compact, which comes with the program");
        assert_eq!(classifier.card(), Some(in_the_box::CARD));
        assert_eq!(classifier.sha256(), durable::sha256_hex(in_the_box::MODEL));
        assert!(matches!(find("no such model").err(), Some(Error::NoModel(_))));
    }

    #[test]
    fn a_model_without_a_gate_has_no_cry_score() {
        let mut classifier = built_in();
        let images = vec![0.5; classifier.features().record_len()];
        assert!(classifier.has_gate() && classifier.outputs(&images).unwrap()[0].cry_score.is_some());
        classifier.gate = None;
        assert!(!classifier.has_gate() && classifier.outputs(&images).unwrap()[0].cry_score.is_none());
    }

    #[test]
    fn a_state_dict_needs_one_label_for_each_class_and_no_label_twice() {
        let check = |labels: &[&str]| check_labels(&labels.iter().map(ToString::to_string).collect::<Vec<_>>(), 3);
        assert_eq!(check(&["a", "b", "c"]), Ok(()));
        assert_eq!(check(&["a", "b"]), Err("it has 3 classes, but there are 2 labels".into()));
        assert_eq!(check(&["a", "b", "c", "d"]), Err("it has 3 classes, but there are 4 labels".into()));
        assert_eq!(check(&["a", "b", "a"]), Err("the label \"a\" is there twice".into()));
    }

    #[test]
    fn a_sound_is_a_cry_from_the_threshold_on() {
        let classifier = built_in();
        let threshold = classifier.info().gate.as_ref().unwrap().threshold;
        for (cry_score, expected) in [
            (Some(threshold), Some(false)),
            (Some(threshold - 1e-4), Some(true)),
            (Some(1.0), Some(false)),
            (None, None),
        ] {
            let output = Output { logits: vec![0.0; 8], cry_score };
            let prediction = classifier.decide(&output, &OPTIONS, vec!["quiet".into()]).unwrap();
            assert_eq!((prediction.cry_score, prediction.not_a_cry), (cry_score, expected));
            assert_eq!(prediction.warnings, ["quiet"]);
        }
    }

    #[test]
    fn the_temperature_changes_the_probabilities_and_not_the_prediction_set() {
        let mut classifier = built_in();
        classifier.calibration.temperature = 2.0;
        classifier.calibration.sets[1].min_probability = 0.4; // of coverage 0.9
        // Softmax: 0.5 for the first class, 0.5 / 7 for the others; with the temperature, its square root against those of the others.
        let mut logits = vec![0.0; 8];
        logits[0] = 7.0_f32.ln();
        let options = Options { coverage: Some(0.9), ..OPTIONS };
        let prediction = classifier.decide(&Output { logits, cry_score: None }, &options, vec![]).unwrap();
        let expected = 7.0_f32.sqrt() / (7.0_f32.sqrt() + 7.0);
        assert!((prediction.probability - expected).abs() < 1e-6, "{}", prediction.probability);
        assert_eq!(prediction.prediction_set.as_deref(), Some(&classifier.labels()[..1]));
        assert_eq!((prediction.abstains, &prediction.label), (Some(false), &classifier.labels()[0]));
    }

    #[test]
    fn a_coverage_or_windows_that_the_model_does_not_have_are_refused() {
        let mut classifier = built_in();
        let with = |coverage| Options { coverage: Some(coverage), ..OPTIONS };
        for coverage in [0.8, 0.9, 0.95] {
            classifier.check(&with(coverage)).unwrap();
        }
        classifier.check(&OPTIONS).unwrap();
        let message = classifier.check(&with(0.5)).unwrap_err().to_string();
        assert_eq!(message, "the model has no prediction sets with coverage 0.5; available coverages: 0.8, 0.9, 0.95");
        classifier.calibration.sets.clear();
        assert!(classifier.check(&with(0.9)).unwrap_err().to_string().ends_with("available coverages: none"));
        let own = classifier.episode_settings();
        let settings = |window_seconds| own.with_windows(Some(window_seconds), None, 7.0);
        classifier.check_episodes(&settings(7.0)).unwrap();
        assert!(matches!(classifier.check_episodes(&settings(7.1)), Err(Error::Windows(_))));
        let of_hop = own.with_windows(None, Some(3.5), 7.0);
        assert_eq!((of_hop.window_seconds, of_hop.hop_seconds), (3.5, 3.5));
        let without_windows = EpisodeSettings { confirm_windows: 0, ..settings(7.0) };
        assert!(matches!(classifier.check_episodes(&without_windows), Err(Error::Windows(_))));
    }

    #[test]
    fn decoding_takes_time_that_is_reported_apart_from_that_of_the_features() {
        let bytes = include_bytes!("../../features/tests/fixtures/pcm_s16le.wav");
        let clips = built_in().cut(bytes, Some("wav"), None).unwrap();
        assert!(!clips.decode_time.is_zero() && !clips.feature_time.is_zero());
    }

    #[test]
    fn no_image_has_no_output() {
        assert_eq!(built_in().outputs(&[]).unwrap(), []);
    }
}
