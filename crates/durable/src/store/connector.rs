//! The HTTP client of object stores: `ureq`, which other parts of the program use as well.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full};
use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use ureq::http::{Request, Response, header};
use ureq::{Agent, Error};

use super::object::MAX_OBJECT_BYTES;

/// Time limit for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Environment variable with the time after which a silent server counts as gone, s.
const SILENCE_VARIABLE: &str = "WAIL_STORE_SECONDS";
/// That time without the variable.
const SILENCE: Duration = Duration::from_secs(30);

/// Makes the HTTP client.
#[derive(Debug)]
pub struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let silence = std::env::var(SILENCE_VARIABLE).ok().and_then(|text| text.parse().ok());
        let silence = Some(silence.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(SILENCE));
        let allows_http = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(!allows_http)
            .max_redirects(0)
            .accept_encoding("identity")
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(silence)
            .timeout_per_read(silence)
            .timeout_per_write(silence)
            .build();
        Ok(HttpClient::new(Client(config.into())))
    }
}

#[derive(Debug)]
struct Client(Agent);

/// Requests block: the store's own runtime has nothing else to do.
#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        // The agent writes its own.
        head.headers.remove(header::CONTENT_LENGTH);
        let response = match body.is_empty() && matches!(head.method.as_str(), "GET" | "HEAD" | "DELETE") {
            true => self.0.run(Request::from_parts(head, ())),
            false => self.0.run(Request::from_parts(head, &body[..])),
        };
        let (head, mut body) = response.map_err(failed)?.into_parts();
        let bytes = body.with_config().limit(MAX_OBJECT_BYTES + 1).read_to_vec().map_err(failed)?;
        let body = Full::from(bytes).map_err(|never| match never {});
        Ok(Response::from_parts(head, HttpResponseBody::new(body)))
    }
}

/// Which errors are tried again: a connection that was not made always, a broken one if the request changes nothing.
fn failed(error: Error) -> HttpError {
    let kind = match &error {
        Error::HostNotFound | Error::ConnectionFailed => HttpErrorKind::Connect,
        Error::Timeout(_) => HttpErrorKind::Timeout,
        Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => HttpErrorKind::Connect,
        Error::Io(_) | Error::Protocol(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
