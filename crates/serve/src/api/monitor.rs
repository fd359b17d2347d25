//! `GET /v1/monitor`: the microphones and cameras that are listened to.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use monitor::{Monitor, SourceStatus};
use schemars::JsonSchema;
use serde::Serialize;

use crate::json::Json;
use crate::problem::Problem;
use crate::service::Service;

/// The state of the monitor.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MonitorState {
    /// The microphones and cameras, in the order of its configuration.
    pub sources: Vec<SourceStatus>,
    /// Whether the sound of episodes is kept.
    pub keeps_clips: bool,
    /// The reasons that a review can name: the classes of the model.
    pub labels: Vec<String>,
}

/// The monitor of `service`.
///
/// # Errors
/// [`Problem::Missing`] if it has none.
pub(crate) fn running(service: &Service) -> Result<&Monitor, Problem> {
    let none = || Problem::Missing("no monitor runs here; start wail-serve with --monitor FILE".into());
    service.monitor.as_ref().ok_or_else(none)
}

/// Rejects requests that name another machine, unless there is a token. Otherwise any page on the web could read what this machine hears:
/// its own name may be made to lead here once it is loaded (DNS rebinding).
pub(crate) async fn only_this_machine(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if service.settings.token.is_some() || host.is_none_or(is_this_machine) {
        next.run(request).await
    } else {
        Problem::Elsewhere.into_response()
    }
}

/// Whether the value of a `Host` header is a name of this machine.
fn is_this_machine(host: &str) -> bool {
    host.parse().is_ok_and(|authority: Authority| {
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

/// Describes the sources.
pub async fn monitor(State(service): State<Arc<Service>>) -> Result<Json<MonitorState>, Problem> {
    let monitor = running(&service)?;
    Ok(Json(MonitorState {
        sources: monitor.sources(),
        keeps_clips: monitor.keeps_clips(),
        labels: service.classifier().labels().to_vec(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost:8000", true),
            ("127.0.0.1:8000", true),
            ("[::1]:8000", true),
            ("example.org", false),
            ("localhost.example.org:8000", false),
            ("192.168.1.7:8000", false),
            ("", false),
        ] {
            assert_eq!(is_this_machine(host), expected, "{host}");
        }
    }
}
