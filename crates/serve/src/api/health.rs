//! Is it there, is it ready, and how is it doing?

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::json::Json;
use crate::problem::Problem;
use crate::service::Service;

/// All is well.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
}

/// `GET /health`, `GET /livez`: the process answers.
pub async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// `GET /readyz`: a request would be taken now.
pub async fn ready(State(service): State<Arc<Service>>) -> Result<Json<Health>, Problem> {
    if service.is_ready() { Ok(live().await) } else { Err(Problem::Busy) }
}

/// `GET /metrics`.
pub async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    service.metrics.body_bytes.set(service.memory.n_held() as i64);
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (StatusCode::OK, [(header::CONTENT_TYPE, content_type)], service.metrics.text())
}
