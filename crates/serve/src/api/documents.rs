//! `GET /docs`, `/redoc`, `/openapi.json`: documentation of the API for programmers. The pages contain their scripts and styles.

use aide::redoc::Redoc;
use aide::swagger::Swagger;
use axum::http::header;
use axum::routing::{MethodRouter, get};

use crate::openapi;

/// Content security policy of the two pages: only scripts and styles inside them, and requests only to this service.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
    img-src 'self' data:; font-src data:; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TITLE: &str = "Wail API";

/// The three routes.
pub fn routes<S: Clone + Send + Sync + 'static>() -> [(&'static str, MethodRouter<S>); 3] {
    let page = |html: String| {
        let html = hyper::body::Bytes::from(html);
        let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
        get(move || async move { (headers, html) })
    };
    let document = hyper::body::Bytes::from(openapi::document().to_string());
    let json = [(header::CONTENT_TYPE, "application/json")];
    [
        ("/docs", page(Swagger::new("/openapi.json").with_title(TITLE).html())),
        ("/redoc", page(Redoc::new("/openapi.json").with_title(TITLE).html())),
        ("/openapi.json", get(move || async move { (json, document) })),
    ]
}
