//! `POST /predict`: the interface of the older service that this one replaces.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::predict::{Options, Prediction, Ranked};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Serialize;

use crate::json::Json;
use crate::problem::Problem;
use crate::service::{Question, Service};
use crate::upload;

/// Header with the cry score, 0 to 1.
pub const CRY_SCORE: HeaderName = HeaderName::from_static("x-cry-score");
/// Header that says whether the cry score is below the model's threshold: `true` or `false`.
pub const NOT_A_CRY: HeaderName = HeaderName::from_static("x-not-a-cry");
/// Header with the quality warnings, separated by `; `.
pub const WARNINGS: HeaderName = HeaderName::from_static("x-warnings");

/// Default number of classes to rank.
const TOP_K: usize = 3;

/// Prediction for a recording.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Plain {
    /// The most probable class.
    pub label: String,
    /// Probability of that class, 0 to 1.
    pub probability: f32,
    /// The most probable classes, best first.
    pub top_k: Vec<Ranked>,
    /// Probability of every class; they sum to 1.
    pub all_probs: BTreeMap<String, f32>,
}

/// Classifies one recording.
pub async fn predict(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<(HeaderMap, Json<Plain>), Problem> {
    let Ok(Query(query)) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()) else {
        return Err(Problem::Invalid(vec!["query"], "the query string cannot be parsed".into()));
    };
    let top_k = query.iter().rev().find(|(key, _)| key == "top_k").map_or(Ok(TOP_K), |(_, text)| count(text))?;
    let sounds = upload::recordings(request, &service).await.map_err(|problem| match problem {
        Problem::MediaType => Problem::Invalid(
            vec!["body", "file"],
            "unsupported content type; send multipart/form-data with a field `file`".into(),
        ),
        problem => problem,
    })?;
    let options = Options { top_k, min_confidence: None, coverage: None };
    let first = sounds.into_iter().take(1).collect();
    let question = Question { options, episodes: None, explain: false };
    let answer =
        service.classify(&service.classifier(), first, question).await?.pop().unwrap_or(Err(Problem::Internal))?;
    let prediction = answer.prediction.ok_or(Problem::Internal)?;
    let headers = headers(&prediction, &answer.warnings);
    let Prediction { label, probability, top_k, all_probs, .. } = prediction;
    Ok((headers, Json(Plain { label, probability, top_k, all_probs })))
}

/// What the older service's fields have no room for.
fn headers(prediction: &Prediction, warnings: &[String]) -> HeaderMap {
    let warnings = (!warnings.is_empty()).then(|| warnings.join("; "));
    let texts = [
        (CRY_SCORE, prediction.cry_score.map(|score| score.to_string())),
        (NOT_A_CRY, prediction.not_a_cry.map(|is_none| is_none.to_string())),
        (WARNINGS, warnings),
    ];
    let header = |(name, text): (HeaderName, Option<String>)| Some((name, HeaderValue::from_str(&text?).ok()?));
    texts.into_iter().filter_map(header).collect()
}

/// Parses a number of classes: a whole number, at least 0.
fn count(text: &str) -> Result<usize, Problem> {
    let digits = text.trim().trim_start_matches('+');
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Invalid(vec!["query", "top_k"], "not a whole number of at least 0".into()));
    }
    Ok(digits.parse().unwrap_or(usize::MAX)) // larger than usize: all classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_from_0_are_counts() {
        for (text, expected) in [
            ("0", Some(0)),
            ("3", Some(3)),
            ("+3", Some(3)),
            ("99999999999999999999999", Some(usize::MAX)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("three", None),
        ] {
            assert_eq!(count(text).ok(), expected, "{text}");
        }
    }
}
