//! `GET /v1/events`: what the monitor hears, as it hears it, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, sse};
use futures_util::stream::unfold;
use monitor::Event;
use serde::Serialize;

use crate::api::monitor::running;
use crate::problem::Problem;
use crate::service::Service;

/// Time after which a comment line keeps the connection open.
const SILENCE: Duration = Duration::from_secs(15);

/// Sends events until the client leaves or the service stops.
pub async fn events(State(service): State<Arc<Service>>) -> Result<impl IntoResponse, Problem> {
    let subscription = running(&service)?.subscribe();
    let events = unfold(subscription, |mut subscription| async {
        let event = subscription.next().await?;
        Some((Ok::<_, Infallible>(sent(&event)), subscription))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(SILENCE)))
}

fn sent(event: &Event) -> sse::Event {
    match event {
        Event::Start(episode) => with_data("start", episode),
        Event::End(episode) => with_data("end", episode),
        Event::Review(episode) => with_data("review", episode),
        Event::Level(level) => with_data("level", level),
        Event::Source(status) => with_data("source", status),
    }
}

fn with_data(name: &str, data: &impl Serialize) -> sse::Event {
    // JSON has no line break, which would divide the data.
    sse::Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
