//! `GET /v1/model`: who answers here.

use std::sync::Arc;

use ::predict::Classifier;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::json::Json;
use crate::service::Service;

/// Which model it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ModelName {
    /// Its backbone's architecture.
    pub arch: String,
    /// SHA-256 of its file.
    pub sha256: String,
}

/// What is known of a model.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Model {
    /// Which model it is.
    pub model: ModelName,
    /// The classes, in the order of the logits.
    pub labels: Vec<String>,
    /// Where the backbone's weights came from.
    pub backbone_source: String,
    /// Length of sound that it listens to, s.
    pub clip_seconds: f64,
    /// All feature settings.
    pub features: serde_json::Value,
    /// What softens its probabilities, above 0.
    pub temperature: f64,
    /// Coverages that `POST /v1/classify` takes.
    pub coverages: Vec<f64>,
    /// Its description, Markdown; null if it has none.
    pub card: Option<String>,
}

impl ModelName {
    pub(crate) fn of(classifier: &Classifier) -> Self {
        Self { arch: classifier.info().arch.to_string(), sha256: classifier.sha256().into() }
    }
}

/// Tells which model answers, and what is known of it.
pub async fn model(State(service): State<Arc<Service>>) -> Json<Model> {
    let classifier = &service.classifier;
    Json(Model {
        model: ModelName::of(classifier),
        labels: classifier.labels().to_vec(),
        backbone_source: classifier.info().backbone_source.clone(),
        clip_seconds: classifier.features().clip_seconds,
        features: classifier.info().features.clone(),
        temperature: classifier.calibration().temperature,
        coverages: classifier.calibration().sets.iter().map(|set| set.coverage).collect(),
        card: classifier.card().map(String::from),
    })
}
