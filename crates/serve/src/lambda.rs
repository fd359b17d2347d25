//! The service as an AWS Lambda function.
//!
//! Events of API Gateway and load balancers are handled as HTTP requests. The events of the handler that this one replaces,
//! `{"url": ...}` and proxy events with only a body, are handled as `POST /predict`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Uri, header};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Error, Service as _, service_fn};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::router::router;
use crate::service::Service;

/// Whether this process runs in Lambda, or in an emulator of its runtime API.
pub fn is_here() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Handles events until Lambda ends the process.
///
/// # Errors
/// An error of the runtime API, for instance if it cannot be reached.
pub async fn run(service: Arc<Service>) -> Result<(), Error> {
    let router = router(service);
    lambda_runtime::run(service_fn(|event| handle(&router, event))).await
}

async fn handle(router: &Router, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    if payload.get("requestContext").is_none() {
        return handle_plain(router, &payload).await;
    }
    let request: LambdaRequest = serde_json::from_value(payload)?;
    let answer = |request: lambda_http::Request| {
        let (parts, body) = request.into_parts();
        route(router.clone(), Request::from_parts(parts, body.to_vec()))
    };
    Ok(serde_json::to_value(Adapter::from(service_fn(answer)).call(LambdaEvent::new(request, context)).await?)?)
}

/// Handles an event that is not an HTTP request: a URL, whose answer is only the prediction, or a body.
async fn handle_plain(router: &Router, event: &Value) -> Result<Value, Error> {
    let (body, is_url) = match event {
        Value::Object(event) if event.contains_key("url") => (json!({ "url": event["url"] }).to_string().into(), true),
        Value::Object(event) => match (event.get("body"), event.get("isBase64Encoded").and_then(Value::as_bool)) {
            (Some(Value::String(body)), Some(true)) => {
                (BASE64_STANDARD.decode(body).map_err(|_| "the body is not valid base64")?, false)
            }
            (Some(Value::String(body)), _) => (body.clone().into_bytes(), false),
            _ => return Err("the event has neither `url` nor `body`".into()),
        },
        _ => return Err("the event is not a JSON object".into()),
    };
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    let response = route(router.clone(), request).await?;
    let status = response.status();
    let text = String::from_utf8(response.into_body().collect().await?.to_bytes().into())?;
    match is_url {
        true if status.is_success() => Ok(serde_json::from_str(&text)?),
        true => Err(text.into()),
        false => Ok(json!({
            "statusCode": status.as_u16(),
            "headers": { "content-type": "application/json" },
            "body": text,
            "isBase64Encoded": false,
        })),
    }
}

/// Passes a request to the router. `POST /` becomes `POST /predict`; without a content type, its body counts as JSON if it is a JSON
/// object, otherwise as audio.
async fn route(router: Router, mut request: Request<Vec<u8>>) -> Result<Response, Error> {
    if request.method() == Method::POST && request.uri().path() == "/" {
        *request.uri_mut() = match request.uri().query() {
            Some(query) => format!("/predict?{query}").parse()?,
            None => Uri::from_static("/predict"),
        };
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            let is_json = serde_json::from_slice::<serde_json::Map<String, Value>>(request.body()).is_ok();
            let media_type = if is_json { "application/json" } else { "application/octet-stream" };
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
    }
    Ok(router.oneshot(request.map(Body::from)).await?)
}
