//! All routes, and the layers that each request passes: request id, log, metrics, token and security headers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::api::{classify, documents, episodes, events, health, model, monitor, page, predict};
use crate::problem::Problem;
use crate::service::Service;

/// Header of the request id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of a request id that the client may choose, bytes.
const MAX_ID: usize = 64;

/// Default headers of every response.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
];

/// A path and its handlers.
type Route = (&'static str, MethodRouter<Arc<Service>>);

/// The whole service as a router.
pub fn router(service: Arc<Service>) -> Router {
    let health = [("/health", get(health::live)), ("/livez", get(health::live)), ("/readyz", get(health::ready))];
    let open: Vec<Route> = health.into_iter().chain(page::routes()).chain(documents::routes()).collect();
    let protected: Vec<Route> = vec![
        ("/predict", post(predict::predict)),
        ("/v1/classify", post(classify::classify)),
        ("/v1/model", get(model::model)),
        ("/metrics", get(health::metrics)),
    ];
    let of_monitor: Vec<Route> = vec![
        ("/v1/monitor", get(monitor::monitor)),
        ("/v1/episodes", get(episodes::episodes)),
        ("/v1/episodes/{id}/clip", get(episodes::clip)),
        ("/v1/episodes/{id}/review", post(episodes::review)),
        ("/v1/events", get(events::events)),
    ];
    let paths: Vec<&str> = open.iter().chain(&protected).chain(&of_monitor).map(|(path, _)| *path).collect();
    let all = |routes: Vec<Route>| routes.into_iter().fold(Router::new(), |all, (path, route)| all.route(path, route));
    let of_monitor = all(of_monitor).route_layer(from_fn_with_state(Arc::clone(&service), monitor::only_this_machine));
    let protected = all(protected).merge(of_monitor).route_layer(from_fn_with_state(Arc::clone(&service), authorize));
    let mut router = all(open)
        .merge(protected)
        .method_not_allowed_fallback(|| async { Problem::Method })
        .fallback(move |uri: Uri| {
            let answer = redirect(&uri, &paths);
            async { answer.ok_or(Problem::NotFound) }
        })
        .layer(CatchPanicLayer::custom(|_| Problem::Internal.into_response()));
    let origins: Vec<HeaderValue> =
        service.settings.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    if !origins.is_empty() {
        let headers = [header::CONTENT_TYPE, header::AUTHORIZATION];
        let cors = CorsLayer::new().allow_origin(origins).allow_methods([Method::GET, Method::POST]);
        let answered = [predict::CRY_SCORE, predict::NOT_A_CRY, predict::WARNINGS];
        router = router.layer(cors.allow_headers(headers).expose_headers(answered));
    }
    for (name, value) in HEADERS {
        router = router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)));
    }
    router.layer(from_fn_with_state(Arc::clone(&service), account)).with_state(service)
}

/// Redirects a path with a slash at its end to the one of `paths` without it, as FastAPI does. With status 307 the client sends the same
/// method and body again.
fn redirect(uri: &Uri, paths: &[&str]) -> Option<impl IntoResponse + use<>> {
    let path = paths.iter().find(|path| **path == uri.path().trim_end_matches('/'))?;
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    Some((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, format!("{path}{query}"))]))
}

/// Rejects requests without the token, if there is one.
async fn authorize(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|header| header.to_str().ok());
    match &service.settings.token {
        Some(token) if !token.is_in(header.unwrap_or_default()) => Problem::Unauthorized.into_response(),
        _ => next.run(request).await,
    }
}

/// Counts, times and logs each request. The log has the route but never the path or the query, which may hold private data of the
/// client.
async fn account(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let route = request.extensions().get::<MatchedPath>().map_or("none", |path| path.as_str()).to_owned();
    let method = match request.method() {
        known @ (&Method::GET | &Method::POST | &Method::HEAD | &Method::OPTIONS) => known.to_string(),
        _ => "other".into(),
    };
    let mut response = next.run(request).await;
    let (status, time) = (response.status().as_u16(), started.elapsed());
    service.metrics.answered(&route, &method, status, time);
    let reason = match status {
        401 => Some("token"),
        408 => Some("slow"),
        413 => Some("size"),
        503 => Some("busy"),
        _ => None,
    };
    reason.into_iter().for_each(|reason| service.metrics.rejected(reason));
    let id_text = id.to_str().unwrap_or_default();
    tracing::info!(id = id_text, method, route, status, milliseconds = time.as_secs_f64() * 1000.0, "answered");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The request id that the client sent if it is short and plain, otherwise a new one.
fn request_id(request: &Request) -> HeaderValue {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let is_plain = |id: &&HeaderValue| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=MAX_ID).contains(&id.len()) && id.as_bytes().iter().all(plain)
    };
    let number = || HeaderValue::from_str(&format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let sent = request.headers().get(REQUEST_ID).filter(is_plain).cloned();
    sent.or_else(|| number().ok()).unwrap_or(HeaderValue::from_static("0"))
}
