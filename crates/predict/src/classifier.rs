//! From bytes to probabilities, by the road that training took.

use std::path::Path;

use features::{Extractor, FeatureConfig};
use model::SavedModel;

use crate::{Error, Prediction};

/// A trained model and the feature settings that it was trained with.
pub struct Classifier {
    extractor: Extractor,
    model: SavedModel,
}

impl Classifier {
    /// Loads a model file; `device` is a name that [`model::device`] takes.
    ///
    /// # Errors
    /// [`Error::Device`], [`Error::Model`] or [`Error::FeatureSettings`].
    pub fn load(path: &Path, device: &str) -> Result<Self, Error> {
        let device = model::device(device).map_err(|e| Error::Device(e.to_string()))?;
        let model = model::load_model(path, &device)?;
        let wrong = |reason: String| Error::FeatureSettings { path: path.into(), reason };
        let config: FeatureConfig =
            serde_json::from_value(model.info.features.clone()).map_err(|e| wrong(e.to_string()))?;
        let extractor = Extractor::new(&config).map_err(|e| wrong(e.to_string()))?;
        Ok(Self { extractor, model })
    }

    /// The classes.
    pub fn labels(&self) -> &[String] {
        &self.model.info.labels
    }

    /// Classifies one recording. `extension` is a hint for the decoder.
    ///
    /// # Errors
    /// [`Error::Sound`] if the bytes are not a usable recording, [`Error::Model`] if the device gives no result.
    pub fn classify(&self, bytes: &[u8], extension: Option<&str>, top_k: usize) -> Result<Prediction, Error> {
        let (image, warnings) = self.extractor.image_from_bytes(bytes, extension)?;
        let probabilities = self.model.probabilities(&image, self.extractor.config().image_size)?;
        let warnings = warnings.iter().map(ToString::to_string).collect();
        Ok(Prediction::new(self.labels(), &probabilities, top_k, warnings))
    }
}
