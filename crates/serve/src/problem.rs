//! Why a request is not answered, as the client sees it. Nothing here tells of paths, versions or the machine.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::json::Json;

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The recording, or the body around it, cannot be used: 400.
    Unusable(String),
    /// The token is missing or wrong: 401.
    Unauthorized,
    /// No such page: 404.
    NotFound,
    /// Not with this method: 405.
    Method,
    /// The client sends too slowly: 408.
    Slow,
    /// The body is larger than this many bytes: 413.
    TooLarge(usize),
    /// A body of this type is not read: 415.
    MediaType,
    /// A parameter makes no sense, or is missing: 422. Where it stands, and why.
    Invalid(Vec<&'static str>, String),
    /// It is our fault: 500. The log says more.
    Internal,
    /// There is no room for another request now: 503.
    Busy,
    /// It took too long: 503.
    Late,
}

/// The body of every answer that is no success.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorBody {
    /// What is wrong, for people.
    pub detail: String,
}

/// The body of a 422, in FastAPI's form.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InvalidBody {
    /// What is wrong with which parameter.
    pub detail: Vec<Invalid>,
}

/// What is wrong with a parameter.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Invalid {
    /// Where it stands: `query` or `body`, then its name.
    pub loc: Vec<&'static str>,
    /// What is wrong, for people.
    pub msg: String,
    /// Always `value_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl Problem {
    /// The status code that stands for it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unusable(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy | Self::Late => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is told.
    pub fn detail(&self) -> String {
        match self {
            Self::Unusable(reason) | Self::Invalid(_, reason) => reason.clone(),
            Self::Unauthorized => "a bearer token is needed".into(),
            Self::NotFound => "not found".into(),
            Self::Method => "method not allowed".into(),
            Self::Slow => "the request came too slowly".into(),
            Self::TooLarge(limit) => format!("the body is larger than {} MiB", limit >> 20),
            Self::MediaType => "send audio/*, application/octet-stream or multipart/form-data".into(),
            Self::Internal => "internal error".into(),
            Self::Busy => "too busy now; try again".into(),
            Self::Late => "it took too long; try again".into(),
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Busy | Self::Late => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = match &self {
            Self::Invalid(loc, msg) => {
                let invalid = Invalid { loc: loc.clone(), msg: msg.clone(), kind: "value_error" };
                Json(InvalidBody { detail: vec![invalid] }).into_response()
            }
            _ => Json(ErrorBody { detail: self.detail() }).into_response(),
        };
        *response.status_mut() = self.status();
        response.headers_mut().extend(self.header());
        response
    }
}

impl From<predict::Error> for Problem {
    fn from(error: predict::Error) -> Self {
        match error {
            predict::Error::Sound(error) => Self::Unusable(error.to_string()),
            predict::Error::Coverage { .. } => Self::Invalid(vec!["query", "coverage"], error.to_string()),
            predict::Error::Windows(problem) => Self::Invalid(vec!["query", "window"], problem),
            other => {
                tracing::error!(error = %other, "the classifier failed");
                Self::Internal
            }
        }
    }
}
