//! `POST /v1/classify`: one or more recordings, with all that is known of each.

use std::sync::Arc;

use ::predict::{Options, Windows};
use axum::extract::{Query, Request, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::model::ModelName;
use crate::json::Json;
use crate::problem::Problem;
use crate::service::{Answer, Service};
use crate::upload::Upload;

/// How to answer, as the query tells.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// How many classes to rank.
    #[serde(default = "top_k")]
    top_k: usize,
    /// Abstain where the most probable class is less probable than this.
    #[schemars(range(min = 0.0, max = 1.0))]
    min_confidence: Option<f32>,
    /// Give prediction sets that hold the true class this often, and abstain where one does not hold exactly one class. `GET /v1/model`
    /// tells which coverages there are.
    #[schemars(range(min = 0.0, max = 1.0))]
    coverage: Option<f64>,
    /// Cut the recording into windows of this length, s, at least 0.5 and at most what the model listens to.
    #[schemars(range(min = 0.5, max = 60.0))]
    window: Option<f64>,
    /// From the beginning of a window to that of the next, s, at least 0.1; the window's length if absent.
    #[schemars(range(min = 0.1, max = 60.0))]
    hop: Option<f64>,
}

/// The answers to all recordings of a request, in the order in which they were sent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answers {
    /// Who says so.
    pub model: ModelName,
    /// One for each recording.
    pub recordings: Vec<Answer>,
}

fn top_k() -> usize {
    3
}

impl Parameters {
    fn options(&self) -> Result<Options, Problem> {
        if self.min_confidence.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
            return Err(Problem::Invalid(vec!["query", "min_confidence"], "it is 0 to 1".into()));
        }
        Ok(Options { top_k: self.top_k, min_confidence: self.min_confidence, coverage: self.coverage })
    }

    fn windows(&self, clip_seconds: f64) -> Option<Windows> {
        let window_seconds = self.window.or_else(|| self.hop.map(|_| clip_seconds))?;
        Some(Windows { window_seconds, hop_seconds: self.hop.unwrap_or(window_seconds) })
    }
}

/// Classifies the recordings of a request. One that cannot be used is an error if it is alone, and has its reason in its place otherwise.
pub async fn classify(State(service): State<Arc<Service>>, request: Request) -> Result<Json<Answers>, Problem> {
    let query = Query::<Parameters>::try_from_uri(request.uri());
    let Query(parameters) = query.map_err(|error| Problem::Invalid(vec!["query"], error.body_text()))?;
    let options = parameters.options()?;
    let windows = parameters.windows(service.classifier.features().clip_seconds);
    let upload = Upload::read(request, &service).await?;
    let names: Vec<Option<String>> = upload.sounds.iter().map(|sound| sound.name.clone()).collect();
    let answers = service.classify(upload.sounds, options, windows).await?;
    let is_alone = answers.len() == 1;
    let recordings = names.into_iter().zip(answers).map(|(file, answer)| match answer {
        Err(problem @ Problem::Unusable(_)) if !is_alone => {
            Ok(Answer { file, prediction: None, warnings: vec![], segments: vec![], error: Some(problem.detail()) })
        }
        answer => answer,
    });
    let recordings = recordings.collect::<Result<_, Problem>>()?;
    Ok(Json(Answers { model: ModelName::of(&service.classifier), recordings }))
}
