//! What is counted and measured in each recording.

use serde::Serialize;

use super::collar::Collar;
use super::recording_events::{RecordingEvents, TrueEvent};

/// Counts of one recording or of several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct EventCounts {
    /// Length, s.
    pub seconds: f64,
    /// Number of true events.
    pub n_true: usize,
    /// Number of detected events.
    pub n_detected: usize,
    /// Number of pairs of a true and a detected event that match by the collar; no event is in two pairs.
    pub n_matched: usize,
    /// Number of true events that no detection overlaps.
    pub n_missed: usize,
    /// Number of detections that overlap no true event.
    pub n_false_alarms: usize,
}

impl EventCounts {
    pub(super) fn of(recording: &RecordingEvents, collar: &Collar) -> Self {
        Self {
            seconds: recording.seconds,
            n_true: recording.truth.len(),
            n_detected: recording.detected.len(),
            n_matched: collar.n_matched(recording),
            n_missed: recording.truth.iter().filter(|truth| recording.detections_of(truth).next().is_none()).count(),
            n_false_alarms: recording.false_alarms().count(),
        }
    }

    /// The sum of counts, each as often as the number beside it says.
    pub(super) fn sum(counts: impl Iterator<Item = (Self, usize)>) -> Self {
        counts.fold(Self::default(), |sum, (counts, times)| Self {
            seconds: sum.seconds + times as f64 * counts.seconds,
            n_true: sum.n_true + times * counts.n_true,
            n_detected: sum.n_detected + times * counts.n_detected,
            n_matched: sum.n_matched + times * counts.n_matched,
            n_missed: sum.n_missed + times * counts.n_missed,
            n_false_alarms: sum.n_false_alarms + times * counts.n_false_alarms,
        })
    }
}

/// The latencies of all true events that have one, s, ascending, each with the index of its recording.
pub(super) fn latencies(recordings: &[RecordingEvents]) -> Vec<(f64, usize)> {
    let of_event = |recording: &RecordingEvents, truth: &TrueEvent| {
        let confirmed = recording.detections_of(truth).filter_map(|event| event.confirmed_seconds);
        Some((confirmed.min_by(f64::total_cmp)? - truth.onset_seconds).max(0.0))
    };
    let mut all = Vec::new();
    for (index, recording) in recordings.iter().enumerate() {
        all.extend(recording.truth.iter().filter_map(|truth| Some((of_event(recording, truth)?, index))));
    }
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    all
}
