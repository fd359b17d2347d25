//! `GET /health`, `/livez`, `/readyz`, `/metrics`: the state of the service.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::json::Json;
use crate::problem::Problem;
use crate::service::Service;

/// The service is healthy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
}

/// `GET /health`, `GET /livez`: the process answers.
pub async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// `GET /readyz`: a new request would be accepted.
pub async fn ready(State(service): State<Arc<Service>>) -> Result<Json<Health>, Problem> {
    if service.is_ready() { Ok(live().await) } else { Err(Problem::Busy) }
}

/// `GET /metrics`: OpenMetrics text.
pub async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    service.metrics.body_bytes.set(service.memory.n_held() as i64);
    service.metrics.recordings.set(service.n_recordings() as i64);
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (StatusCode::OK, [(header::CONTENT_TYPE, content_type)], service.metrics.text())
}
