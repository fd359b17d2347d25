//! `GET /v1/model`: the model that is served.

use std::sync::Arc;

use ::predict::{Classifier, Tested};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::json::Json;
use crate::service::Service;

/// Identity of a model.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ModelName {
    /// Architecture of the encoder.
    pub arch: String,
    /// SHA-256 of the model file, 64 hexadecimal digits.
    pub sha256: String,
    /// Version of a model that was published with `wail push`, 64 hexadecimal digits; null for another one.
    pub version: Option<String>,
}

/// Description of the model that is served.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Model {
    /// Identity of the model.
    pub model: ModelName,
    /// The classes, in the order of the logits.
    pub labels: Vec<String>,
    /// Where the encoder's weights came from.
    pub backbone_source: String,
    /// Length of sound that the model takes, s.
    pub clip_seconds: f64,
    /// Feature settings.
    pub features: serde_json::Value,
    /// Temperature that the logits are divided by, above 0.
    pub temperature: f64,
    /// Values of `coverage` that `POST /v1/classify` accepts.
    pub coverages: Vec<f64>,
    /// Cry score from which a recording counts as a cry, 0 to 1; null if the model has no gate.
    pub cry_threshold: Option<f32>,
    /// How well the model did on test; null if its file does not say.
    pub tested: Option<Tested>,
    /// Model card, Markdown; null if the model has none.
    pub card: Option<String>,
}

impl ModelName {
    pub(crate) fn of(classifier: &Classifier) -> Self {
        Self {
            arch: classifier.info().arch.to_string(),
            sha256: classifier.sha256().into(),
            version: classifier.version().map(String::from),
        }
    }
}

/// Describes the model that is served.
pub async fn model(State(service): State<Arc<Service>>) -> Json<Model> {
    let classifier = service.classifier();
    Json(Model {
        model: ModelName::of(&classifier),
        labels: classifier.labels().to_vec(),
        backbone_source: classifier.info().backbone_source.clone(),
        clip_seconds: classifier.features().clip_seconds,
        features: classifier.info().features.clone(),
        temperature: classifier.calibration().temperature,
        coverages: classifier.calibration().sets.iter().map(|set| set.coverage).collect(),
        cry_threshold: classifier.info().gate.as_ref().map(|gate| gate.threshold),
        tested: classifier.tested(),
        card: classifier.card().map(String::from),
    })
}
