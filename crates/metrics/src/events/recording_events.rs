//! True and detected events of a recording.

use crate::Error;

/// An event that is in a recording, such as a cry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrueEvent {
    /// Start, s from the start of the recording.
    pub onset_seconds: f64,
    /// End, s from the start of the recording; at least the onset.
    pub end_seconds: f64,
}

/// An event that a detector reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectedEvent {
    /// Start, s from the start of the recording.
    pub onset_seconds: f64,
    /// End, s from the start of the recording; at least the onset.
    pub end_seconds: f64,
    /// How sure the detector is; higher means more likely an event. Not NaN.
    pub score: Option<f64>,
    /// When the detector reported the event to a listener who follows, s from the start of the recording.
    pub confirmed_seconds: Option<f64>,
}

/// What is in a recording, and what was detected in it; both in any order.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingEvents {
    /// Length of the recording, s.
    pub seconds: f64,
    /// The true events, which may overlap.
    pub truth: Vec<TrueEvent>,
    /// The detected events, which may overlap.
    pub detected: Vec<DetectedEvent>,
}

impl DetectedEvent {
    /// Whether some time belongs to both events. Events that touch do not overlap.
    pub(super) fn overlaps(&self, truth: &TrueEvent) -> bool {
        self.onset_seconds < truth.end_seconds && truth.onset_seconds < self.end_seconds
    }
}

impl RecordingEvents {
    /// Fails unless every number is one that the fields allow; `recording` is the index of this one.
    pub(super) fn check(&self, recording: usize) -> Result<(), Error> {
        let is_valid = |onset: f64, end: f64| onset.is_finite() && end.is_finite() && onset <= end;
        let truth = |event: &TrueEvent| is_valid(event.onset_seconds, event.end_seconds);
        let detected = |event: &DetectedEvent| {
            is_valid(event.onset_seconds, event.end_seconds)
                && event.score.is_none_or(|score| !score.is_nan())
                && event.confirmed_seconds.is_none_or(f64::is_finite)
        };
        let is_long = self.seconds.is_finite() && self.seconds >= 0.0;
        let all_valid = is_long && self.truth.iter().all(truth) && self.detected.iter().all(detected);
        if all_valid { Ok(()) } else { Err(Error::Events { recording }) }
    }

    /// The detected events that overlap a true one.
    pub(super) fn detections_of(&self, truth: &TrueEvent) -> impl Iterator<Item = &DetectedEvent> {
        self.detected.iter().filter(|detected| detected.overlaps(truth))
    }

    /// The detected events that overlap no true one.
    pub(super) fn false_alarms(&self) -> impl Iterator<Item = &DetectedEvent> {
        self.detected.iter().filter(|detected| !self.truth.iter().any(|truth| detected.overlaps(truth)))
    }
}
