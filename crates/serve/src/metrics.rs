//! What the service counts and times, in Prometheus' text format.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of the time histograms, s.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of the histogram of images that the model gets at once.
const IMAGES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// What the service counts and times.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabel, Histogram>,
    stage_seconds: Family<StageLabel, Histogram>,
    batch_images: Histogram,
    rejections: Family<ReasonLabel, Counter>,
    /// Recordings that wait or are worked on.
    pub recordings: Gauge,
    /// Open connections.
    pub connections: Gauge,
    /// Bytes of request bodies that are held.
    pub body_bytes: Gauge,
}

/// A step from bytes to logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(missing_docs)]
pub enum Stage {
    Decode,
    Features,
    Model,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let times = || Histogram::new(SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("wail"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(times as fn() -> Histogram),
            stage_seconds: Family::new_with_constructor(times as fn() -> Histogram),
            batch_images: Histogram::new(IMAGES),
            rejections: Family::default(),
            recordings: Gauge::default(),
            connections: Gauge::default(),
            body_bytes: Gauge::default(),
        };
        let Self {
            registry,
            requests,
            request_seconds,
            stage_seconds,
            batch_images,
            rejections,
            recordings,
            connections,
            body_bytes,
        } = &mut metrics;
        registry.register("requests", "Requests answered", requests.clone());
        registry.register(
            "request_seconds",
            "From the head of a request to that of its answer",
            request_seconds.clone(),
        );
        registry.register("stage_seconds", "Time of each step from bytes to logits", stage_seconds.clone());
        registry.register("batch_images", "Images that the model gets at once", batch_images.clone());
        registry.register("rejections", "Requests not let through to the classifier", rejections.clone());
        registry.register("recordings", "Recordings that wait or are worked on", recordings.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("body_bytes", "Bytes of request bodies that are held", body_bytes.clone());
        metrics
    }
}

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, route: &str, method: &str, status: u16, time: Duration) {
        let labels = RequestLabels { route: route.into(), method: method.into(), status };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&RouteLabel { route: route.into() }).observe(time.as_secs_f64());
    }

    /// Times a step.
    pub fn timed(&self, stage: Stage, time: Duration) {
        self.stage_seconds.get_or_create(&StageLabel { stage }).observe(time.as_secs_f64());
    }

    /// Counts the images of one call of the model.
    pub fn batch(&self, n_images: usize) {
        self.batch_images.observe(n_images as f64);
    }

    /// Counts a request that was not let through.
    pub fn rejected(&self, reason: &'static str) {
        self.rejections.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// All of it as text (OpenMetrics 1.0).
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails for no other reason than a formatter's own.
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics cannot be written");
        }
        text
    }
}
