//! `GET /`: the page for people. Its files are compiled into the program, and it sends requests only to this service.

use axum::http::{StatusCode, header};
use axum::routing::{MethodRouter, get};

/// Content security policy of the page: its own scripts and styles, requests to this service, and sound and pictures that it creates.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; \
    media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Path, content type and content of each file.
const FILES: [(&str, &str, &str); 9] = [
    ("/", "text/html; charset=utf-8", include_str!("../page/index.html")),
    ("/page/style.css", "text/css; charset=utf-8", include_str!("../page/style.css")),
    ("/page/page.js", "text/javascript; charset=utf-8", include_str!("../page/page.js")),
    ("/page/answer.js", "text/javascript; charset=utf-8", include_str!("../page/answer.js")),
    ("/page/episodes.js", "text/javascript; charset=utf-8", include_str!("../page/episodes.js")),
    ("/page/request.js", "text/javascript; charset=utf-8", include_str!("../page/request.js")),
    ("/page/sound.js", "text/javascript; charset=utf-8", include_str!("../page/sound.js")),
    ("/page/recorder.js", "text/javascript; charset=utf-8", include_str!("../page/recorder.js")),
    ("/page/capture.js", "text/javascript; charset=utf-8", include_str!("../page/capture.js")),
];

/// A route per file, and an empty icon, because browsers request one by themselves.
pub fn routes<S: Clone + Send + Sync + 'static>() -> impl Iterator<Item = (&'static str, MethodRouter<S>)> {
    let icon = ("/favicon.ico", get(StatusCode::NO_CONTENT));
    let files = FILES.into_iter().map(|(path, content_type, text)| {
        let headers = [
            (header::CONTENT_TYPE, content_type),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        (path, get(move || async move { (headers, text) }))
    });
    files.chain([icon])
}
