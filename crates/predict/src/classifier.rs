//! From bytes to probabilities, by the road that training took.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use features::{Audio, Extractor, FeatureConfig};
use metrics::Calibration;
use model::{Compute, Engine, Gate, Head, ModelInfo};

use crate::{Clips, Error, Listener, Options, Prediction, Span, Windows, in_the_box, model_file};

/// Name of the model's description, beside it.
const CARD_FILE: &str = "MODEL_CARD.md";

/// A trained model and the feature settings that it was trained with.
pub struct Classifier {
    name: String,
    card: Option<String>,
    sha256: String,
    info: ModelInfo,
    extractor: Extractor,
    engine: Box<dyn Engine>,
    head: Head,
    gate: Option<Gate>,
    calibration: Calibration,
}

/// What a model makes of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// `[classes]`.
    pub logits: Vec<f32>,
    /// The score that it is a cry, 0 to 1; `None` if the model has no gate.
    pub cry_score: Option<f32>,
}

impl Classifier {
    /// Loads the model that a person means: a file or folder, see [`model_file`], or without a name the one that comes with the
    /// program.
    ///
    /// # Errors
    /// [`Error::NoModel`] and those of [`Classifier::load`].
    pub fn find(name: Option<&Path>, experiments: &Path, compute: &Compute) -> Result<Self, Error> {
        match name {
            Some(path) => Self::load(&model_file(path, experiments)?, compute),
            None => {
                let name = format!("{}, which comes with the program", in_the_box::NAME);
                Self::new(Path::new(in_the_box::NAME), in_the_box::MODEL, name, Some(in_the_box::CARD.into()), compute)
            }
        }
    }

    /// Loads a model file, and `MODEL_CARD.md` beside it if there is one.
    ///
    /// # Errors
    /// [`Error::Model`], [`Error::FeatureSettings`] or [`Error::Calibration`].
    pub fn load(path: &Path, compute: &Compute) -> Result<Self, Error> {
        let bytes = model::read_model_file(path)?;
        let card = std::fs::read_to_string(path.with_file_name(CARD_FILE)).ok();
        Self::new(path, &bytes, path.display().to_string(), card, compute)
    }

    fn new(path: &Path, bytes: &[u8], name: String, card: Option<String>, compute: &Compute) -> Result<Self, Error> {
        let model = model::parse_model(path, bytes, compute.device())?;
        let wrong = |reason: String| Error::FeatureSettings { path: path.into(), reason };
        let config: FeatureConfig =
            serde_json::from_value(model.info.features.clone()).map_err(|e| wrong(e.to_string()))?;
        let calibration = serde_json::from_value(model.info.calibration.clone())
            .map_err(|e| Error::Calibration { path: path.into(), reason: e.to_string() })?;
        let extractor = Extractor::new(&config).map_err(|e| wrong(e.to_string()))?;
        let engine = compute.engine(&model.weights, &config.inputs())?;
        let sha256 = durable::sha256_hex(bytes);
        let model::SavedModel { info, head, gate, .. } = model;
        Ok(Self { name, card, sha256, info, extractor, engine, head, gate, calibration })
    }

    /// The model's file, or what it is, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The classes.
    pub fn labels(&self) -> &[String] {
        &self.info.labels
    }

    /// What was saved with the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// SHA-256 of the model file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The feature settings.
    pub fn features(&self) -> &FeatureConfig {
        self.extractor.config()
    }

    /// What makes its images.
    pub(crate) fn extractor(&self) -> &Extractor {
        &self.extractor
    }

    /// Temperature and thresholds of its probabilities.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The model's description, Markdown; `None` where there is none.
    pub fn card(&self) -> Option<&str> {
        self.card.as_deref()
    }

    /// Classifies the bytes of one recording. `extension` is a hint for the decoder. Probabilities are calibrated: a softmax
    /// of the logits over the temperature that was fitted on validation.
    ///
    /// # Errors
    /// [`Error::Sound`] if the bytes are not a usable recording, [`Error::Coverage`] for a coverage that the model does not
    /// know, [`Error::Model`] if the device gives no result.
    pub fn classify(&self, bytes: &[u8], extension: Option<&str>, options: &Options) -> Result<Prediction, Error> {
        self.check(options)?;
        self.classify_audio(&self.extractor.decode(bytes, extension)?, options)
    }

    /// [`Classifier::classify`] of a file, which is read only as far as needed.
    ///
    /// # Errors
    /// As [`Classifier::classify`]; [`Error::Sound`] if it is no regular file or cannot be read, too.
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

    /// Hears a whole file window by window, in memory that does not grow with its length; gives its length, s, and what to know about it.
    ///
    /// # Errors
    /// As [`Classifier::classify_file`], [`Error::Windows`] if they make no sense, and those of `sink`. What `sink` got before an error was
    /// good.
    pub fn listen_to_file<E: From<Error>>(
        &self,
        path: &Path,
        windows: Windows,
        options: &Options,
        mut sink: impl FnMut(Span, Prediction) -> Result<(), E>,
    ) -> Result<(f64, Vec<String>), E> {
        let mut listener: Option<Listener> = None;
        let mut failure = None;
        let heard = self.extractor.hear_file(path, &mut |samples, sample_rate_hz| {
            let mut hear = || -> Result<(), E> {
                let listener = match &mut listener {
                    Some(listener) => listener,
                    none => none.insert(Listener::new(self, windows, *options, sample_rate_hz)?),
                };
                listener.push(samples, &mut sink)
            };
            match hear() {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        let heard = heard.map_err(Error::from)?;
        let seconds = heard.n_samples as f64 / f64::from(heard.sample_rate_hz);
        if let Some(listener) = listener {
            listener.finish(&mut sink)?;
        }
        Ok((seconds, heard.warnings.iter().map(ToString::to_string).collect()))
    }

    /// The first step of [`Classifier::classify`]: the images of a recording's beginning and, if asked for, of its windows.
    ///
    /// # Errors
    /// [`Error::Sound`], or [`Error::Windows`] if they make no sense.
    pub fn cut(&self, bytes: &[u8], extension: Option<&str>, windows: Option<&Windows>) -> Result<Clips, Error> {
        let clip_seconds = self.extractor.config().clip_seconds;
        let seconds = windows.map_or(Ok(clip_seconds), |windows| windows.heard_seconds(clip_seconds))?;
        let started = Instant::now();
        let audio = self.extractor.decode_up_to(seconds, bytes, extension)?;
        let decode_time = started.elapsed();
        Ok(Clips { decode_time, ..Clips::cut(&self.extractor, &audio, windows) })
    }

    /// The second step: what the model makes of each of `images`, `[n, record length]` as [`Classifier::cut`] gives them.
    ///
    /// # Errors
    /// [`Error::Model`] if the device gives no result.
    pub fn outputs(&self, images: &[f32]) -> Result<Vec<Output>, Error> {
        let embeddings = self.engine.embed(images)?;
        let logits = self.head.classify(&embeddings)?;
        let mut outputs: Vec<Output> = logits
            .chunks_exact(self.labels().len())
            .map(|logits| Output { logits: logits.to_vec(), cry_score: None })
            .collect();
        if let Some(gate) = &self.gate {
            let records = images.chunks_exact(self.engine.record_len());
            for ((output, record), score) in outputs.iter_mut().zip(records).zip(gate.scores(&embeddings)) {
                // Digital silence always scores 0, whatever the gate has learnt.
                output.cry_score = Some(if self.features().is_silent(record) { 0.0 } else { score });
            }
        }
        Ok(outputs)
    }

    /// The last step: what the output for one image means.
    ///
    /// # Errors
    /// [`Error::Coverage`].
    pub fn decide(&self, output: &Output, options: &Options, warnings: Vec<String>) -> Result<Prediction, Error> {
        let Output { logits, cry_score } = output;
        let set = options.coverage.map(|coverage| self.prediction_set(logits, coverage)).transpose()?;
        let prediction =
            Prediction::new(self.labels(), &self.calibration.rescale_logits(logits), set, options, warnings);
        let threshold = self.info.gate.as_ref().map(|gate| gate.threshold);
        let not_a_cry = cry_score.zip(threshold).map(|(score, threshold)| score < threshold);
        Ok(Prediction { cry_score: *cry_score, not_a_cry, ..prediction })
    }

    /// Whether the model tells cries from other sounds.
    pub fn has_gate(&self) -> bool {
        self.gate.is_some()
    }

    /// An error if the model cannot answer so.
    ///
    /// # Errors
    /// [`Error::Coverage`].
    pub fn check(&self, options: &Options) -> Result<(), Error> {
        let known = |coverage: f64| self.prediction_set(&vec![0.0; self.labels().len()], coverage);
        options.coverage.map_or(Ok(()), |coverage| known(coverage).map(drop))
    }

    fn prediction_set(&self, logits: &[f32], coverage: f64) -> Result<Vec<usize>, Error> {
        let plain = Calibration { temperature: 1.0, ..self.calibration.clone() }.rescale_logits(logits);
        self.calibration.prediction_set(&plain, coverage).ok_or_else(|| {
            let known: Vec<String> = self.calibration.sets.iter().map(|set| set.coverage.to_string()).collect();
            Error::Coverage { coverage, known: known.join(", ") }
        })
    }
}
