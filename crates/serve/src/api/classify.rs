//! `POST /v1/classify`: predictions with all details for one or more recordings.

use std::sync::Arc;

use ::predict::{Classifier, Options};
use axum::extract::{Query, Request, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::model::ModelName;
use crate::json::Json;
use crate::problem::Problem;
use crate::service::{Answer, Question, Service};
use crate::upload;

/// Query parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Number of classes to rank.
    #[serde(default = "top_k")]
    top_k: usize,
    /// Abstain if the most probable class has a lower probability than this.
    #[schemars(range(min = 0.0, max = 1.0))]
    min_confidence: Option<f32>,
    /// Return the prediction set that contains the true class with this probability, and abstain unless it has exactly one class.
    /// `GET /v1/model` lists the possible values.
    #[schemars(range(min = 0.0, max = 1.0))]
    coverage: Option<f64>,
    /// Also find the episodes of crying in the first 120 s of each recording, in at most 240 windows. `window` and `hop` ask for them,
    /// too. They are those of `wail infer --episodes`.
    #[serde(default)]
    episodes: bool,
    /// Length of the windows, s: 0.5 to the model's clip length. Default: the model's own.
    #[schemars(range(min = 0.5, max = 60.0))]
    window: Option<f64>,
    /// Time from the start of one window to the start of the next, s: 0.1 to the length of a window. Default: the model's own.
    #[schemars(range(min = 0.1, max = 60.0))]
    hop: Option<f64>,
    /// Also return how much the prediction depends on each part of the clip, of one recording and without windows. It takes about a
    /// hundred times as long, and counts as 16 recordings in the queue.
    #[serde(default)]
    explain: bool,
}

/// The answers to all recordings of a request.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answers {
    /// The model that was used.
    pub model: ModelName,
    /// One answer per recording, in the order in which they were sent.
    pub recordings: Vec<Answer>,
}

fn top_k() -> usize {
    3
}

impl Parameters {
    fn options(&self) -> Result<Options, Problem> {
        if self.min_confidence.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
            return Err(Problem::Invalid(vec!["query", "min_confidence"], "out of range: 0 to 1".into()));
        }
        Ok(Options { top_k: self.top_k, min_confidence: self.min_confidence, coverage: self.coverage })
    }

    /// What the parameters ask of `classifier`.
    fn question(&self, classifier: &Classifier) -> Result<Question, Problem> {
        let has_episodes = self.episodes || self.window.is_some() || self.hop.is_some();
        if self.explain && has_episodes {
            let problem = "an explanation is of a recording without windows: leave out `episodes`, `window` and `hop`";
            return Err(Problem::Invalid(vec!["query", "explain"], problem.into()));
        }
        let own = classifier.episode_settings();
        let clip_seconds = classifier.features().clip_seconds;
        let episodes = has_episodes.then(|| own.with_windows(self.window, self.hop, clip_seconds));
        Ok(Question { options: self.options()?, episodes, explain: self.explain })
    }
}

/// Classifies the recordings of a request. If a single recording is unusable, the request fails; among several, its entry
/// holds the reason.
pub async fn classify(State(service): State<Arc<Service>>, request: Request) -> Result<Json<Answers>, Problem> {
    let query = Query::<Parameters>::try_from_uri(request.uri());
    let Query(parameters) = query.map_err(|error| Problem::Invalid(vec!["query"], error.body_text()))?;
    let classifier = service.classifier();
    let question = parameters.question(&classifier)?;
    let sounds = upload::recordings(request, &service).await?;
    if question.explain && sounds.len() > 1 {
        let problem = "one recording at a time is explained".into();
        return Err(Problem::Invalid(vec!["query", "explain"], problem));
    }
    let names: Vec<Option<String>> = sounds.iter().map(|sound| sound.name.clone()).collect();
    let answers = service.classify(&classifier, sounds, question).await?;
    let is_alone = answers.len() == 1;
    let recordings = names.into_iter().zip(answers).map(|(file, answer)| match answer {
        Err(problem @ Problem::Unusable(_)) if !is_alone => Ok(Answer {
            file,
            prediction: None,
            warnings: vec![],
            segments: vec![],
            episodes: vec![],
            explanation: None,
            error: Some(problem.detail()),
        }),
        answer => answer,
    });
    let recordings = recordings.collect::<Result<_, Problem>>()?;
    Ok(Json(Answers { model: ModelName::of(&classifier), recordings }))
}
