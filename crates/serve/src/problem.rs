//! Errors as the client sees them. They reveal nothing about paths, versions or the machine.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::json::Json;

/// Why a request has no result. Each variant has an HTTP status.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The recording or the request body is not usable: 400.
    Unusable(String),
    /// The token is missing or wrong: 401.
    Unauthorized,
    /// The request names another machine, and there is no token: 403.
    Elsewhere,
    /// There is no such route: 404.
    NotFound,
    /// There is no such thing behind the route: 404. What is missing.
    Missing(String),
    /// The route does not support the method: 405.
    Method,
    /// The client sent the body too slowly: 408.
    Slow,
    /// The body is larger than this many bytes: 413.
    TooLarge(usize),
    /// The content type is not supported: 415.
    MediaType,
    /// The body is compressed: 415.
    Compressed,
    /// A parameter is invalid or missing: 422. Its location, and the reason.
    Invalid(Vec<&'static str>, String),
    /// The service failed: 500. The log has the reason.
    Internal,
    /// The service has no capacity for another request: 503.
    Busy,
    /// The answer took too long: 503.
    Late,
}

/// Body of every error response except 422.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorBody {
    /// What is wrong, as text for people.
    pub detail: String,
}

/// Body of a 422 response, in the format of FastAPI.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InvalidBody {
    /// The invalid parameters.
    pub detail: Vec<Invalid>,
}

/// An invalid parameter.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Invalid {
    /// Location of the parameter: `query` or `body`, then its name.
    pub loc: Vec<&'static str>,
    /// What is wrong, as text for people.
    pub msg: String,
    /// Always `value_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl Problem {
    /// HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unusable(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Elsewhere => StatusCode::FORBIDDEN,
            Self::NotFound | Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType | Self::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy | Self::Late => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is wrong, as text for people.
    pub fn detail(&self) -> String {
        match self {
            Self::Unusable(reason) | Self::Missing(reason) | Self::Invalid(_, reason) => reason.clone(),
            Self::Unauthorized => "an access token is needed; send it as a bearer token".into(),
            Self::Elsewhere => {
                "without a token the monitor answers only under names of this machine, such as localhost; start it with --token-file"
                    .into()
            }
            Self::NotFound => "not found; /docs lists the routes".into(),
            Self::Method => "method not allowed; /docs lists the routes and their methods".into(),
            Self::Slow => "the request was sent too slowly; try again".into(),
            Self::TooLarge(limit) => {
                format!("the request is larger than {} MiB; send a shorter recording", limit >> 20)
            }
            Self::MediaType => {
                "unsupported content type; send audio/*, application/octet-stream or multipart/form-data".into()
            }
            Self::Compressed => "the request body is compressed; send it without a content encoding".into(),
            Self::Internal => "the service failed; its log has the reason".into(),
            Self::Busy => "the service is busy; try again in a moment".into(),
            Self::Late => "the answer took too long; try again".into(),
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            // RFC 9110, section 12.5.3
            Self::Compressed => Some((header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
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
                tracing::error!(error = %other, "classification failed");
                Self::Internal
            }
        }
    }
}
