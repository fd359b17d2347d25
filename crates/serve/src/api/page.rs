//! `GET /` and `GET /monitor`: the pages for people. Their files are compiled into the program, and they send requests only to
//! this service.

use axum::http::{StatusCode, header};
use axum::routing::{MethodRouter, get};

/// Content security policy of the pages: their own scripts and styles, requests to this service, and sound and pictures that they
/// create.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; \
    media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Content types.
const PAGE: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, content type and content of each file.
const FILES: [(&str, &str, &str); 23] = [
    ("/", PAGE, include_str!("../page/index.html")),
    ("/monitor", PAGE, include_str!("../page/monitor/index.html")),
    ("/page/style.css", STYLE, include_str!("../page/style.css")),
    ("/page/monitor/style.css", STYLE, include_str!("../page/monitor/style.css")),
    ("/page/element.js", SCRIPT, include_str!("../page/element.js")),
    ("/page/request.js", SCRIPT, include_str!("../page/request.js")),
    ("/page/answer.js", SCRIPT, include_str!("../page/answer.js")),
    ("/page/episodes.js", SCRIPT, include_str!("../page/episodes.js")),
    ("/page/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/page/sound.js", SCRIPT, include_str!("../page/sound.js")),
    ("/page/recorder.js", SCRIPT, include_str!("../page/recorder.js")),
    ("/page/capture.js", SCRIPT, include_str!("../page/capture.js")),
    ("/page/monitor/page.js", SCRIPT, include_str!("../page/monitor/page.js")),
    ("/page/monitor/connection.js", SCRIPT, include_str!("../page/monitor/connection.js")),
    ("/page/monitor/history.js", SCRIPT, include_str!("../page/monitor/history.js")),
    ("/page/monitor/source.js", SCRIPT, include_str!("../page/monitor/source.js")),
    ("/page/monitor/night.js", SCRIPT, include_str!("../page/monitor/night.js")),
    ("/page/monitor/timeline.js", SCRIPT, include_str!("../page/monitor/timeline.js")),
    ("/page/monitor/entry.js", SCRIPT, include_str!("../page/monitor/entry.js")),
    ("/page/monitor/review.js", SCRIPT, include_str!("../page/monitor/review.js")),
    ("/page/monitor/clip.js", SCRIPT, include_str!("../page/monitor/clip.js")),
    ("/page/monitor/notifications.js", SCRIPT, include_str!("../page/monitor/notifications.js")),
    ("/page/monitor/times.js", SCRIPT, include_str!("../page/monitor/times.js")),
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
