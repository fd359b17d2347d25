//! The detection error trade-off curve (Martin et al., "The DET curve in assessment of detection task performance", 1997), with
//! false alarms per hour on its other axis, as in keyword spotting and in psds_eval.

use serde::Serialize;

use super::recording_events::{DetectedEvent, RecordingEvents, TrueEvent};

/// What a detector misses, and how often it gives a false alarm, if only detections of at least this score count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TradeoffPoint {
    /// The lowest score that counts.
    pub threshold: f64,
    /// Share of the true events that no counted detection overlaps, 0 to 1.
    pub miss_rate: f64,
    /// Counted detections that overlap no true event, per hour of recording.
    pub false_alarms_per_hour: f64,
}

impl TradeoffPoint {
    /// The point of a curve with the fewest misses that has at most `most` false alarms per hour; `None` if every point has
    /// more. `curve` is in the order of [`EventScores::error_tradeoff`](crate::EventScores::error_tradeoff).
    pub fn at_most(curve: &[Self], most: f64) -> Option<&Self> {
        curve[..curve.partition_point(|point| point.false_alarms_per_hour <= most)].last()
    }
}

/// A point for each score, from the highest to the lowest. Empty without true events or without sound, and if a detection has no
/// score.
pub(super) fn error_tradeoff(recordings: &[RecordingEvents]) -> Vec<TradeoffPoint> {
    let hours = recordings.iter().map(|recording| recording.seconds).sum::<f64>() / 3600.0;
    let n_true: usize = recordings.iter().map(|recording| recording.truth.len()).sum();
    let detected = || recordings.iter().flat_map(|recording| &recording.detected);
    if n_true == 0 || hours == 0.0 || detected().any(|event| event.score.is_none()) {
        return vec![];
    }
    let best = |recording: &RecordingEvents, truth: &TrueEvent| {
        recording.detections_of(truth).filter_map(|event| event.score).max_by(f64::total_cmp)
    };
    let of_recording =
        |recording: &RecordingEvents| recording.truth.iter().filter_map(|truth| best(recording, truth)).collect();
    let found = descending(recordings.iter().flat_map::<Vec<f64>, _>(of_recording));
    let score = |event: &DetectedEvent| event.score;
    let false_alarms = descending(recordings.iter().flat_map(RecordingEvents::false_alarms).filter_map(score));
    let mut thresholds = descending(detected().filter_map(score));
    thresholds.dedup();
    let point = |threshold: f64| {
        let counted = |scores: &[f64]| scores.partition_point(|score| *score >= threshold);
        TradeoffPoint {
            threshold,
            miss_rate: (n_true - counted(&found)) as f64 / n_true as f64,
            false_alarms_per_hour: counted(&false_alarms) as f64 / hours,
        }
    };
    thresholds.into_iter().map(point).collect()
}

fn descending(scores: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = scores.collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted
}
