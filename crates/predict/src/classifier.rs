//! From bytes to probabilities, by the road that training took.

use std::path::Path;

use features::{Extractor, FeatureConfig, Warning};
use metrics::Calibration;
use model::{Compute, Engine, Head};

use crate::{Error, Options, Prediction};

/// A trained model and the feature settings that it was trained with.
pub struct Classifier {
    labels: Vec<String>,
    extractor: Extractor,
    engine: Box<dyn Engine>,
    head: Head,
    calibration: Calibration,
}

impl Classifier {
    /// Loads a model file.
    ///
    /// # Errors
    /// [`Error::Model`], [`Error::FeatureSettings`] or [`Error::Calibration`].
    pub fn load(path: &Path, compute: &Compute) -> Result<Self, Error> {
        let model = model::load_model(path, compute.device())?;
        let wrong = |reason: String| Error::FeatureSettings { path: path.into(), reason };
        let config: FeatureConfig =
            serde_json::from_value(model.info.features.clone()).map_err(|e| wrong(e.to_string()))?;
        let calibration = serde_json::from_value(model.info.calibration)
            .map_err(|e| Error::Calibration { path: path.into(), reason: e.to_string() })?;
        let extractor = Extractor::new(&config).map_err(|e| wrong(e.to_string()))?;
        let engine = compute.engine(&model.weights, config.image_size)?;
        Ok(Self { labels: model.info.labels, extractor, engine, head: model.head, calibration })
    }

    /// The classes.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Classifies the bytes of one recording. `extension` is a hint for the decoder. Probabilities are calibrated: a softmax
    /// of the logits over the temperature that was fitted on validation.
    ///
    /// # Errors
    /// [`Error::Sound`] if the bytes are not a usable recording, [`Error::Coverage`] for a coverage that the model does not
    /// know, [`Error::Model`] if the device gives no result.
    pub fn classify(&self, bytes: &[u8], extension: Option<&str>, options: &Options) -> Result<Prediction, Error> {
        let (image, warnings) = self.extractor.image_from_bytes(bytes, extension)?;
        self.classify_image(&image, &warnings, options)
    }

    /// [`Classifier::classify`] of a file, which is read only as far as needed.
    ///
    /// # Errors
    /// As [`Classifier::classify`]; [`Error::Sound`] if it is no regular file or cannot be read, too.
    pub fn classify_file(&self, path: &Path, options: &Options) -> Result<Prediction, Error> {
        let (image, warnings) = self.extractor.image_from_file(path)?;
        self.classify_image(&image, &warnings, options)
    }

    fn classify_image(&self, image: &[f32], warnings: &[Warning], options: &Options) -> Result<Prediction, Error> {
        let logits = self.engine.classify(&self.head, image)?;
        let set = options.coverage.map(|coverage| self.prediction_set(&logits, coverage)).transpose()?;
        let warnings = warnings.iter().map(ToString::to_string).collect();
        Ok(Prediction::new(self.labels(), &self.calibration.rescale_logits(&logits), set, options, warnings))
    }

    fn prediction_set(&self, logits: &[f32], coverage: f64) -> Result<Vec<usize>, Error> {
        let plain = Calibration { temperature: 1.0, ..self.calibration.clone() }.rescale_logits(logits);
        self.calibration.prediction_set(&plain, coverage).ok_or_else(|| {
            let known: Vec<String> = self.calibration.sets.iter().map(|set| set.coverage.to_string()).collect();
            Error::Coverage { coverage, known: known.join(", ") }
        })
    }
}
