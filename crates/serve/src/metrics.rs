//! Counters, gauges and histograms of the service, in the Prometheus text format.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// Upper bounds of the time histograms, s.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of the histogram of images per model call.
const IMAGES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Counters, gauges and histograms of the service.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabel, Histogram>,
    stage_seconds: Family<StageLabel, Histogram>,
    batch_images: Histogram,
    rejections: Family<ReasonLabel, Counter>,
    /// Recordings that are waiting or being classified.
    pub recordings: Gauge,
    /// Open connections.
    pub connections: Gauge,
    /// Bytes of request bodies, fetched recordings and model inputs in memory.
    pub body_bytes: Gauge,
}

/// A step from bytes to logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Stage {
    /// Bytes to waveform.
    Decode,
    /// Waveform to images.
    Features,
    /// Images to logits.
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
        let mut registry = Registry::with_prefix("wail");
        let r = &mut registry;
        Self {
            requests: register(r, "requests", "Requests answered", Family::default()),
            request_seconds: register(
                r,
                "request_seconds",
                "Time from the head of a request to the head of its answer",
                Family::new_with_constructor(times as fn() -> Histogram),
            ),
            stage_seconds: register(
                r,
                "stage_seconds",
                "Time of each step from bytes to logits",
                Family::new_with_constructor(times as fn() -> Histogram),
            ),
            batch_images: register(r, "batch_images", "Images per model call", Histogram::new(IMAGES)),
            rejections: register(r, "rejections", "Requests rejected before classification", Family::default()),
            recordings: register(r, "recordings", "Recordings waiting or being classified", Gauge::default()),
            connections: register(r, "connections", "Open connections", Gauge::default()),
            body_bytes: register(
                r,
                "body_bytes",
                "Bytes of bodies, fetched recordings and model inputs in memory",
                Gauge::default(),
            ),
            registry,
        }
    }
}

/// Registers `metric` and returns it.
fn register<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// Counts and times an answer.
    pub fn answered(&self, route: &str, method: &str, status: u16, time: Duration) {
        let labels = RequestLabels { route: route.into(), method: method.into(), status };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&RouteLabel { route: route.into() }).observe(time.as_secs_f64());
    }

    /// Records the time of a step.
    pub fn timed(&self, stage: Stage, time: Duration) {
        self.stage_seconds.get_or_create(&StageLabel { stage }).observe(time.as_secs_f64());
    }

    /// Records the number of images of a model call.
    pub fn batch(&self, n_images: usize) {
        self.batch_images.observe(n_images as f64);
    }

    /// Counts a rejected request.
    pub fn rejected(&self, reason: &'static str) {
        self.rejections.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// All metrics as OpenMetrics 1.0 text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail by itself.
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("cannot write the metrics");
        }
        text
    }
}
