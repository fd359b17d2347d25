//! `GET /v1/episodes`, `GET /v1/episodes/{id}/clip`, `POST /v1/episodes/{id}/review`: the episodes that the monitor found.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use monitor::{Filter, Recorded, Review, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::api::monitor::running;
use crate::json::Json;
use crate::problem::Problem;
use crate::service::Service;

/// Query parameters of `GET /v1/episodes`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Name of the source.
    source: Option<String>,
    /// First time at which they may have begun, RFC 3339 in UTC, such as 2026-11-27T20:00:00Z.
    since: Option<String>,
    /// Time before which they began, RFC 3339 in UTC.
    until: Option<String>,
    /// The newest of this number, 1 to 10000.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 10_000))]
    limit: usize,
}

fn limit() -> usize {
    1000
}

/// Episodes of crying.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EpisodeList {
    /// The newest first.
    pub episodes: Vec<Recorded>,
}

/// Lists the episodes that `query` asks for, of the last 10,000.
pub async fn episodes(State(service): State<Arc<Service>>, request: Request) -> Result<Json<EpisodeList>, Problem> {
    let monitor = running(&service)?;
    let query = Query::<Parameters>::try_from_uri(request.uri());
    let Query(parameters) = query.map_err(|error| Problem::Invalid(vec!["query"], error.body_text()))?;
    if !(1..=10_000).contains(&parameters.limit) {
        return Err(Problem::Invalid(vec!["query", "limit"], "out of range: 1 to 10000".into()));
    }
    let since = parameters.since.map(|time| normal_time("since", &time)).transpose()?;
    let until = parameters.until.map(|time| normal_time("until", &time)).transpose()?;
    let filter = Filter { source: parameters.source, since, until };
    Ok(Json(EpisodeList { episodes: monitor.episodes(&filter, parameters.limit) }))
}

/// `time` with milliseconds.
fn normal_time(name: &'static str, time: &str) -> Result<String, Problem> {
    let parsed = humantime::parse_rfc3339(time);
    let parsed = parsed
        .map_err(|_| Problem::Invalid(vec!["query", name], "not a time in UTC such as 2026-11-27T20:00:00Z".into()))?;
    Ok(humantime::format_rfc3339_millis(parsed).to_string())
}

/// The sound of an episode.
pub async fn clip(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<impl IntoResponse, Problem> {
    running(&service)?;
    let id = number(&id)?;
    let read = spawn_blocking(move || running(&service).map(|monitor| monitor.clip(id)));
    let bytes = match read.await {
        Ok(Ok(Ok(bytes))) => bytes,
        failed => {
            tracing::error!(?failed, "a clip cannot be read");
            return Err(Problem::Internal);
        }
    };
    let bytes = bytes.ok_or_else(|| Problem::Missing(format!("no sound of an episode {id} is kept")))?;
    Ok(([(header::CONTENT_TYPE, "audio/flac")], bytes))
}

/// Notes what somebody said of an episode.
pub async fn review(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Recorded>, Problem> {
    running(&service)?;
    let id = number(&id)?;
    let review = read_review(request, &service).await?;
    let known = service.classifier().labels().to_vec();
    match (&review.verdict, &review.label) {
        (Verdict::NotACry, Some(_)) => {
            return Err(Problem::Invalid(vec!["body", "label"], "what is not a cry has no reason".into()));
        }
        (_, Some(label)) if !known.contains(label) => {
            let problem = format!("unknown; the model has {}", known.join(", "));
            return Err(Problem::Invalid(vec!["body", "label"], problem));
        }
        _ => {}
    }
    // The disk may be slow.
    let noted = spawn_blocking(move || running(&service).map(|monitor| monitor.review(id, review)));
    let episode = noted.await.map_err(|_| Problem::Internal)??;
    Ok(Json(episode.ok_or_else(|| missing(id))?))
}

/// The number of an episode in a path.
fn number(id: &str) -> Result<u64, Problem> {
    id.parse().map_err(|_| missing(id))
}

fn missing(id: impl std::fmt::Display) -> Problem {
    Problem::Missing(format!("there is no episode {id}"))
}

/// The body. Its content type must be JSON, which pages of other origins cannot send without being allowed to.
async fn read_review(request: Request, service: &Service) -> Result<Review, Problem> {
    let invalid = |problem: String| Problem::Invalid(vec!["body"], problem);
    let (head, body) = request.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(invalid("send JSON, with the header content-type: application/json".into()));
    }
    let body = service.memory.read(body, &service.settings.limits).await?;
    serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))
}
