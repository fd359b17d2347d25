//! From bytes to probabilities, by the road that training took.

use std::path::Path;

use features::{Extractor, FeatureConfig};
use model::{Compute, Engine, Head};

use crate::{Error, Prediction};

/// A trained model and the feature settings that it was trained with.
pub struct Classifier {
    labels: Vec<String>,
    extractor: Extractor,
    engine: Box<dyn Engine>,
    head: Head,
}

impl Classifier {
    /// Loads a model file.
    ///
    /// # Errors
    /// [`Error::Model`] or [`Error::FeatureSettings`].
    pub fn load(path: &Path, compute: &Compute) -> Result<Self, Error> {
        let model = model::load_model(path, compute.device())?;
        let wrong = |reason: String| Error::FeatureSettings { path: path.into(), reason };
        let config: FeatureConfig =
            serde_json::from_value(model.info.features.clone()).map_err(|e| wrong(e.to_string()))?;
        let extractor = Extractor::new(&config).map_err(|e| wrong(e.to_string()))?;
        let engine = compute.engine(&model.weights, config.image_size)?;
        Ok(Self { labels: model.info.labels, extractor, engine, head: model.head })
    }

    /// The classes.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Classifies one recording. `extension` is a hint for the decoder.
    ///
    /// # Errors
    /// [`Error::Sound`] if the bytes are not a usable recording, [`Error::Model`] if the device gives no result.
    pub fn classify(&self, bytes: &[u8], extension: Option<&str>, top_k: usize) -> Result<Prediction, Error> {
        let (image, warnings) = self.extractor.image_from_bytes(bytes, extension)?;
        let probabilities = softmax(&self.engine.classify(&self.head, &image)?);
        let warnings = warnings.iter().map(ToString::to_string).collect();
        Ok(Prediction::new(self.labels(), &probabilities, top_k, warnings))
    }
}

/// Logits of one recording to probabilities.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
