//! Merging neighbouring windows with the same answer into events.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{Prediction, Span};

/// A part of a recording with one answer.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Event {
    /// Start, s from the start of the recording.
    pub start_seconds: f64,
    /// End, s from the start of the recording.
    pub end_seconds: f64,
    /// The most probable class.
    pub label: String,
    /// Probability of that class, 0 to 1; mean over the windows.
    pub probability: f32,
    /// How much it sounds like a cry, 0 to 1; mean over the windows. Absent if the model has no gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cry_score: Option<f32>,
    /// True if the classifier is not sure enough to decide. Absent unless a minimum confidence or a coverage was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abstains: Option<bool>,
    /// Number of windows in the event.
    pub n_windows: usize,
}

/// Merges windows into events as they arrive. It holds one open event.
///
/// Where two windows overlap, the boundary is the middle of the overlap. A window that is not a cry gives no event and ends the open one.
#[derive(Debug, Default)]
pub struct Timeline {
    open: Option<Event>,
    /// End of the last window, s.
    last_end_seconds: f64,
}

impl Timeline {
    /// Adds the next window; returns the event that it ends, if any.
    pub fn push(&mut self, span: Span, prediction: &Prediction) -> Option<Event> {
        let is_cry = prediction.not_a_cry != Some(true);
        let last_end_seconds = std::mem::replace(&mut self.last_end_seconds, span.end_seconds);
        if let Some(event) = &mut self.open
            && is_cry
            && span.start_seconds <= last_end_seconds
            && event.label == prediction.label
            && event.abstains == prediction.abstains
        {
            event.n_windows += 1;
            let share = 1.0 / event.n_windows as f32;
            event.probability += share * (prediction.probability - event.probability);
            let scores = event.cry_score.zip(prediction.cry_score);
            event.cry_score = scores.map(|(mean, score)| mean + share * (score - mean));
            event.end_seconds = span.end_seconds;
            return None;
        }
        let boundary = match last_end_seconds > span.start_seconds {
            true => (last_end_seconds + span.start_seconds) / 2.0,
            false => span.start_seconds,
        };
        let ended = self.open.take();
        self.open = is_cry.then(|| Event {
            start_seconds: boundary,
            end_seconds: span.end_seconds,
            label: prediction.label.clone(),
            probability: prediction.probability,
            cry_score: prediction.cry_score,
            abstains: prediction.abstains,
            n_windows: 1,
        });
        ended.map(|event| Event { end_seconds: boundary.min(last_end_seconds), ..event })
    }

    /// The event that is still open.
    pub fn open(&self) -> Option<&Event> {
        self.open.as_ref()
    }

    /// Ends the timeline; returns the event that was still open.
    pub fn finish(self) -> Option<Event> {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn prediction(label: usize, score: Option<f32>) -> Prediction {
        let labels = ["hungry", "tired"].map(String::from);
        let probabilities = if label == 0 { [0.75, 0.25] } else { [0.5, 0.5 + f32::EPSILON] };
        let options = Options { top_k: 1, min_confidence: None, coverage: None };
        let prediction = Prediction::new(&labels, &probabilities, None, &options, vec![]);
        Prediction { cry_score: score, not_a_cry: score.map(|score| score < 0.5), ..prediction }
    }

    /// Events of 4 s windows every `hop` s: start, end, label and number of windows.
    fn events(hop: f64, windows: &[(usize, Option<f32>)]) -> Vec<(f64, f64, String, usize)> {
        let mut timeline = Timeline::default();
        let mut events = Vec::new();
        for (i, (label, score)) in windows.iter().enumerate() {
            let start_seconds = hop * i as f64;
            let span = Span { start_seconds, end_seconds: start_seconds + 4.0 };
            events.extend(timeline.push(span, &prediction(*label, *score)));
        }
        events.extend(timeline.finish());
        events.into_iter().map(|e| (e.start_seconds, e.end_seconds, e.label, e.n_windows)).collect()
    }

    #[test]
    fn neighbours_with_the_same_answer_become_one_event_and_events_do_not_overlap() {
        let event = |start, end, label: &str, n| (start, end, label.to_owned(), n);
        let (cry, none) = (Some(0.9), Some(0.1));
        for (hop, windows, expected) in [
            (2.0, vec![], vec![]),
            (2.0, vec![(0, None), (0, None), (0, None)], vec![event(0.0, 8.0, "hungry", 3)]),
            (2.0, vec![(0, None), (1, None)], vec![event(0.0, 3.0, "hungry", 1), event(3.0, 6.0, "tired", 1)]),
            (4.0, vec![(0, None), (1, None)], vec![event(0.0, 4.0, "hungry", 1), event(4.0, 8.0, "tired", 1)]),
            // A window that is not a cry gives no event and separates its neighbours.
            (2.0, vec![(0, none), (1, none)], vec![]),
            (2.0, vec![(0, none), (0, cry), (0, cry), (0, none)], vec![event(3.0, 7.0, "hungry", 2)]),
            (
                2.0,
                vec![(0, cry), (0, none), (0, cry)],
                vec![event(0.0, 3.0, "hungry", 1), event(5.0, 8.0, "hungry", 1)],
            ),
        ] {
            assert_eq!(events(hop, &windows), expected, "{hop} {windows:?}");
        }
    }

    #[test]
    fn a_gap_between_windows_separates_their_events() {
        let event = |start, end| (start, end, "hungry".to_owned(), 1);
        assert_eq!(events(4.0, &[(0, None), (0, None)]), [(0.0, 8.0, "hungry".to_owned(), 2)]);
        assert_eq!(events(6.0, &[(0, None), (0, None)]), [event(0.0, 4.0), event(6.0, 10.0)]);
    }

    #[test]
    fn an_event_is_either_sure_or_not() {
        let mut timeline = Timeline::default();
        let mut ended = vec![];
        for (i, abstains) in [Some(false), Some(true), Some(true), None].into_iter().enumerate() {
            let span = Span { start_seconds: i as f64, end_seconds: i as f64 + 2.0 };
            ended.extend(timeline.push(span, &Prediction { abstains, ..prediction(0, None) }));
        }
        ended.extend(timeline.finish());
        let events: Vec<_> = ended.iter().map(|e| (e.start_seconds, e.end_seconds, e.abstains, e.n_windows)).collect();
        let expected = [(0.0, 1.5, Some(false), 1), (1.5, 3.5, Some(true), 2), (3.5, 5.0, None, 1)];
        assert_eq!(events, expected);
    }

    #[test]
    fn probability_and_cry_score_of_an_event_are_means_over_its_windows() {
        let mut timeline = Timeline::default();
        for (i, (probability, score)) in [(0.25, 0.5), (0.5, 0.75), (1.0, 1.0), (0.25, 0.75)].into_iter().enumerate() {
            let span = Span { start_seconds: i as f64, end_seconds: i as f64 + 4.0 };
            let prediction = Prediction { probability, ..prediction(0, Some(score)) };
            assert_eq!(timeline.push(span, &prediction), None);
        }
        let Some(event) = timeline.open() else { panic!("the event is open") };
        let close = |found: f32, expected: f32| (found - expected).abs() < 1e-6;
        assert!(close(event.probability, 0.5) && event.cry_score.is_some_and(|score| close(score, 0.75)), "{event:?}");
        assert_eq!((event.end_seconds, event.n_windows), (7.0, 4));
    }
}
