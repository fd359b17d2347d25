//! How well events are detected in recordings of any length: event-based precision, recall and F1, misses, false alarms per hour,
//! latency.
//!
//! Two questions need two definitions. Precision, recall and F1 count a detection as right if its *onset* is near that of a true
//! event (Mesaros, Heittola and Virtanen, "Metrics for Polyphonic Sound Event Detection", 2016; `sed_eval`). For
//! whoever is to be called it only matters whether a detection *overlaps* a true event: misses, false alarms and latency are
//! counted by that.

mod collar;
mod counts;
mod error_tradeoff;
mod recording_events;

use std::iter::repeat_n;

use rand::RngExt;
use serde::Serialize;

pub use collar::Collar;
pub use counts::EventCounts;
pub use error_tradeoff::TradeoffPoint;
pub use recording_events::{DetectedEvent, RecordingEvents, TrueEvent};

use crate::bootstrap::{RESAMPLES, interval};
use crate::quantile::quantile;
use crate::random::{Purpose, generator};
use crate::{Error, Estimate};
use counts::latencies;
use error_tradeoff::error_tradeoff;

/// How well events were detected. Intervals resample whole recordings; they cannot include an error that no recording has, so
/// that 0 false alarms always have the interval 0 to 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventScores {
    /// All recordings together.
    pub total: EventCounts,
    /// Each recording, in the order given.
    pub recordings: Vec<EventCounts>,
    /// Matched pairs by detected events, 0 to 1. `None` without a detection.
    pub precision: Option<Estimate>,
    /// Matched pairs by true events, 0 to 1. `None` without a true event.
    pub recall: Option<Estimate>,
    /// 2 × matched pairs by true and detected events, 0 to 1: the harmonic mean of precision and recall where both are defined.
    /// `None` without any event.
    pub f1: Option<Estimate>,
    /// Share of the true events that no detection overlaps, 0 to 1. `None` without a true event.
    pub miss_rate: Option<Estimate>,
    /// Detections that overlap no true event, per hour of recording. `None` for 0 s.
    pub false_alarms_per_hour: Option<Estimate>,
    /// Detections that match no true event by the collar (insertions), per hour of recording. `None` for 0 s.
    pub unmatched_per_hour: Option<Estimate>,
    /// Median latency, s. The latency of a true event is the time from its onset until the first detection that overlaps it was
    /// confirmed, 0 if that was before. Events without a confirmed detection have none. `None` if no event has one.
    pub median_latency_seconds: Option<Estimate>,
    /// The latency that 90 % of the events that have one do not exceed, s.
    pub latency_90_seconds: Option<Estimate>,
    /// Misses against false alarms for each score as a threshold, from the highest to the lowest. Empty without true events or
    /// without sound, and if a detection has no score.
    pub error_tradeoff: Vec<TradeoffPoint>,
}

/// Number of scores with an interval.
const N: usize = 8;

impl EventScores {
    /// Scores the detected events of `recordings`. `seed` decides the resamples.
    ///
    /// # Errors
    /// [`Error::Empty`] without a recording; [`Error::Events`] for times, lengths or scores that are not finite, and for events
    /// that end before they start; [`Error::Collar`] for a collar outside its ranges.
    ///
    /// ```
    /// use metrics::{Collar, DetectedEvent, EventScores, RecordingEvents, TrueEvent};
    ///
    /// # fn main() -> Result<(), metrics::Error> {
    /// let cry = |onset_seconds, end_seconds| TrueEvent { onset_seconds, end_seconds };
    /// let detected = |onset_seconds, end_seconds, confirmed| DetectedEvent {
    ///     onset_seconds,
    ///     end_seconds,
    ///     score: None,
    ///     confirmed_seconds: Some(confirmed),
    /// };
    /// let night = RecordingEvents {
    ///     seconds: 1800.0,
    ///     truth: vec![cry(60.0, 90.0), cry(300.0, 330.0)],
    ///     detected: vec![detected(60.5, 88.0, 63.0), detected(310.0, 330.0, 313.0), detected(900.0, 905.0, 903.0)],
    /// };
    /// let scores = EventScores::new(&[night], &Collar { seconds: 1.0, share_of_length: None }, 7)?;
    /// let value = |estimate: Option<metrics::Estimate>| estimate.map(|estimate| estimate.value);
    /// assert_eq!(value(scores.recall), Some(0.5)); // 310 s is too late for 300 s
    /// assert_eq!(value(scores.miss_rate), Some(0.0)); // but it overlaps
    /// assert_eq!(value(scores.false_alarms_per_hour), Some(2.0));
    /// assert_eq!(value(scores.median_latency_seconds), Some(8.0)); // 3 and 13 s
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(recordings: &[RecordingEvents], collar: &Collar, seed: u64) -> Result<Self, Error> {
        if recordings.is_empty() {
            return Err(Error::Empty);
        }
        let share = collar.share_of_length.unwrap_or(0.0);
        if !(collar.seconds.is_finite() && collar.seconds >= 0.0 && (0.0..=1.0).contains(&share)) {
            return Err(Error::Collar);
        }
        recordings.iter().enumerate().try_for_each(|(index, recording)| recording.check(index))?;
        let counts: Vec<EventCounts> = recordings.iter().map(|recording| EventCounts::of(recording, collar)).collect();
        let latencies = latencies(recordings);
        let mut rng = generator(seed, Purpose::Events);
        let mut resampled: [Vec<f64>; N] = Default::default();
        for _ in 0..RESAMPLES {
            let mut weights = vec![0; recordings.len()];
            (0..recordings.len()).for_each(|_| weights[rng.random_range(0..recordings.len())] += 1);
            for (values, value) in resampled.iter_mut().zip(scores(&counts, &latencies, &weights)) {
                values.extend(value);
            }
        }
        let whole = scores(&counts, &latencies, &vec![1; recordings.len()]);
        let [
            precision,
            recall,
            f1,
            miss_rate,
            false_alarms_per_hour,
            unmatched_per_hour,
            median_latency_seconds,
            latency_90_seconds,
        ] = std::array::from_fn(|i| {
            let interval = interval(std::mem::take(&mut resampled[i]), recordings.len());
            whole[i].map(|value| Estimate { value, interval })
        });
        Ok(Self {
            precision,
            recall,
            f1,
            miss_rate,
            false_alarms_per_hour,
            unmatched_per_hour,
            median_latency_seconds,
            latency_90_seconds,
            error_tradeoff: error_tradeoff(recordings),
            total: EventCounts::sum(counts.iter().map(|counts| (*counts, 1))),
            recordings: counts,
        })
    }
}

/// The scores in the order of [`EventScores`], of the recordings that count as often as `weights`, `[n_recordings]`, says.
fn scores(counts: &[EventCounts], latencies: &[(f64, usize)], weights: &[usize]) -> [Option<f64>; N] {
    let sum = EventCounts::sum(counts.iter().copied().zip(weights.iter().copied()));
    let ratio = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    let per_hour = |n: usize| (sum.seconds > 0.0).then(|| 3600.0 * n as f64 / sum.seconds);
    let drawn: Vec<f64> =
        latencies.iter().flat_map(|(latency, recording)| repeat_n(*latency, weights[*recording])).collect();
    let latency = |share: f64| (!drawn.is_empty()).then(|| quantile(&drawn, share));
    [
        ratio(sum.n_matched, sum.n_detected),
        ratio(sum.n_matched, sum.n_true),
        ratio(2 * sum.n_matched, sum.n_true + sum.n_detected),
        ratio(sum.n_missed, sum.n_true),
        per_hour(sum.n_false_alarms),
        per_hour(sum.n_detected - sum.n_matched),
        latency(0.5),
        latency(0.9),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn truth(onset_seconds: f64, end_seconds: f64) -> TrueEvent {
        TrueEvent { onset_seconds, end_seconds }
    }

    fn detected(onset_seconds: f64, end_seconds: f64, score: f64, confirmed_seconds: f64) -> DetectedEvent {
        let confirmed_seconds = Some(confirmed_seconds);
        DetectedEvent { onset_seconds, end_seconds, score: Some(score), confirmed_seconds }
    }

    fn recording(seconds: f64, truth: &[TrueEvent], detected: &[DetectedEvent]) -> RecordingEvents {
        RecordingEvents { seconds, truth: truth.to_vec(), detected: detected.to_vec() }
    }

    /// Two recordings of half an hour: three events of which one is missed, two detections on the first, two false alarms.
    fn two_recordings() -> [RecordingEvents; 2] {
        let first = [
            detected(10.1, 20.0, 0.9, 12.0),
            detected(10.15, 12.0, 0.5, 14.0),
            detected(38.0, 45.0, 0.7, 41.0),
            detected(100.0, 110.0, 0.8, 103.0),
        ];
        [
            recording(1800.0, &[truth(10.0, 20.0), truth(30.0, 40.0), truth(50.0, 60.0)], &first),
            recording(1800.0, &[], &[DetectedEvent { confirmed_seconds: None, ..detected(5.0, 6.0, 0.6, 0.0) }]),
        ]
    }

    fn values(scores: &EventScores) -> [Option<f64>; N] {
        [
            scores.precision,
            scores.recall,
            scores.f1,
            scores.miss_rate,
            scores.false_alarms_per_hour,
            scores.unmatched_per_hour,
            scores.median_latency_seconds,
            scores.latency_90_seconds,
        ]
        .map(|estimate| estimate.map(|estimate| estimate.value))
    }

    #[test]
    fn scores_are_those_computed_by_hand() {
        let scores = EventScores::new(&two_recordings(), &Collar::default(), 1).unwrap();
        let expected = [1.0 / 5.0, 1.0 / 3.0, 2.0 / 8.0, 1.0 / 3.0, 2.0, 4.0, 6.5, 2.0 + 0.9 * 9.0];
        for (found, expected) in values(&scores).into_iter().zip(expected) {
            assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?}, not {expected}");
        }
        let counts = |seconds, n_true, n_detected, n_matched, n_missed, n_false_alarms| EventCounts {
            seconds,
            n_true,
            n_detected,
            n_matched,
            n_missed,
            n_false_alarms,
        };
        assert_eq!(scores.recordings, [counts(1800.0, 3, 4, 1, 1, 1), counts(1800.0, 0, 1, 0, 0, 1)]);
        assert_eq!(scores.total, counts(3600.0, 3, 5, 1, 1, 2));
        assert_eq!(scores.precision.unwrap().interval, None, "two recordings are too few");
    }

    #[test]
    fn the_trade_off_has_a_point_for_each_score() {
        let curve = EventScores::new(&two_recordings(), &Collar::default(), 1).unwrap().error_tradeoff;
        let points: Vec<[f64; 3]> =
            curve.iter().map(|p| [p.threshold, 3.0 * p.miss_rate, p.false_alarms_per_hour]).collect();
        assert_eq!(points, [[0.9, 2.0, 0.0], [0.8, 2.0, 1.0], [0.7, 1.0, 1.0], [0.6, 1.0, 2.0], [0.5, 1.0, 2.0]]);
        let at_most = |most: f64| TradeoffPoint::at_most(&curve, most).map(|point| point.threshold);
        assert_eq!([0.0, 1.5, 9.0].map(at_most), [Some(0.9), Some(0.7), Some(0.5)]);
        assert_eq!(TradeoffPoint::at_most(&curve[1..], 0.5), None);

        let mut without_score = two_recordings();
        without_score[0].detected[0].score = None;
        assert_eq!(EventScores::new(&without_score, &Collar::default(), 1).unwrap().error_tradeoff, []);
    }

    #[test]
    fn a_score_is_absent_where_it_is_not_defined() {
        let (cry, heard) = ([truth(10.0, 20.0)], [detected(10.0, 20.0, 0.5, 11.0)]);
        for (seconds, truth, detected, expected) in [
            (3600.0, &[][..], &[][..], [None, None, None, None, Some(0.0), Some(0.0), None, None]),
            (3600.0, &cry, &[], [None, Some(0.0), Some(0.0), Some(1.0), Some(0.0), Some(0.0), None, None]),
            (3600.0, &[], &heard, [Some(0.0), None, Some(0.0), None, Some(1.0), Some(1.0), None, None]),
            (0.0, &cry, &heard, [Some(1.0), Some(1.0), Some(1.0), Some(0.0), None, None, Some(1.0), Some(1.0)]),
        ] {
            let scores = EventScores::new(&[recording(seconds, truth, detected)], &Collar::default(), 1).unwrap();
            assert_eq!(values(&scores), expected, "{truth:?} {detected:?}");
            assert_eq!(scores.error_tradeoff, []);
        }
    }

    #[test]
    fn an_event_is_found_by_overlap_and_its_latency_is_that_of_the_first_confirmation() {
        let cries = [truth(10.0, 20.0), truth(30.0, 40.0), truth(50.0, 60.0)];
        let heard = [
            detected(5.0, 35.0, 0.5, 12.0), // one detection for two cries, on before the second begins
            detected(15.0, 18.0, 0.5, 11.0), // confirmed earlier than the one above
            detected(40.0, 50.0, 0.5, 45.0), // between two cries, touching both
        ];
        let scores = EventScores::new(&[recording(3600.0, &cries, &heard)], &Collar::default(), 1).unwrap();
        assert_eq!((scores.total.n_missed, scores.total.n_false_alarms, scores.total.n_matched), (1, 1, 0));
        // 1 and 0 s.
        assert_eq!(scores.median_latency_seconds.unwrap().value, 0.5);
    }

    #[test]
    fn intervals_resample_recordings_and_depend_on_the_seed_alone() {
        let [first, second] = two_recordings();
        let many = [first.clone(), second.clone(), first.clone(), second.clone(), first.clone(), second];
        let scores = EventScores::new(&many, &Collar::default(), 1).unwrap();
        let [low, high] = scores.precision.unwrap().interval.unwrap();
        // 2.5 % of the resamples have at most one of the first kind, as many at most one of the second.
        assert_eq!([low, high], [1.0 / (4.0 + 5.0 * 1.0), 5.0 / (5.0 * 4.0 + 1.0)]);
        assert_eq!(scores, EventScores::new(&many, &Collar::default(), 1).unwrap());
        let alike = EventScores::new(&vec![first; 5], &Collar::default(), 1).unwrap();
        assert_eq!(alike.median_latency_seconds, Some(Estimate { value: 6.5, interval: Some([6.5, 6.5]) }));
    }

    #[test]
    fn invalid_events_and_collars_are_refused() {
        let score = |recording, collar| EventScores::new(&[recording], &collar, 1).err();
        let (nan, collar) = (f64::NAN, Collar::default());
        for invalid in [
            recording(-1.0, &[], &[]),
            recording(nan, &[], &[]),
            recording(9.0, &[truth(2.0, 1.0)], &[]),
            recording(9.0, &[truth(nan, 1.0)], &[]),
            recording(9.0, &[], &[detected(0.0, f64::INFINITY, 0.5, 1.0)]),
            recording(9.0, &[], &[detected(0.0, 1.0, nan, 1.0)]),
            recording(9.0, &[], &[detected(0.0, 1.0, 0.5, nan)]),
        ] {
            assert_eq!(score(invalid.clone(), collar), Some(Error::Events { recording: 0 }), "{invalid:?}");
        }
        let silence = || recording(9.0, &[], &[]);
        for (seconds, share_of_length) in [(-0.1, None), (nan, None), (0.2, Some(1.1)), (0.2, Some(nan))] {
            assert_eq!(score(silence(), Collar { seconds, share_of_length }), Some(Error::Collar));
        }
        assert_eq!(score(silence(), Collar { seconds: 0.0, share_of_length: Some(1.0) }), None);
        assert_eq!(EventScores::new(&[], &collar, 1), Err(Error::Empty));
    }

    /// Onsets, lengths and scores of up to five events, in steps that make ties likely.
    fn some_events() -> impl Strategy<Value = Vec<(f64, f64, f64)>> {
        let event = (0_u8..20, 0_u8..8, 0_u8..4).prop_map(|(onset, length, score)| {
            (f64::from(onset) / 2.0, f64::from(onset + length) / 2.0, f64::from(score))
        });
        prop::collection::vec(event, 0..5)
    }

    proptest! {
        #[test]
        fn roles_collars_and_the_trade_off_are_consistent(a in some_events(), b in some_events()) {
            let truths = |events: &[(f64, f64, f64)]| Vec::from_iter(events.iter().map(|e| truth(e.0, e.1)));
            let detections = |events: &[(f64, f64, f64)]| Vec::from_iter(events.iter().map(|e| detected(e.0, e.1, e.2, e.1)));
            let score = |recording: &RecordingEvents, seconds, share_of_length| {
                EventScores::new(std::slice::from_ref(recording), &Collar { seconds, share_of_length }, 1).unwrap()
            };
            let one = recording(3600.0, &truths(&a), &detections(&b));
            let scores = score(&one, 0.5, None);
            let swapped = score(&recording(3600.0, &truths(&b), &detections(&a)), 0.5, None);
            prop_assert_eq!(scores.total.n_matched, swapped.total.n_matched);
            prop_assert_eq!(values(&scores)[..3].to_vec(), [1, 0, 2].map(|i| values(&swapped)[i]).to_vec());

            prop_assert!(score(&one, 1.0, None).total.n_matched >= scores.total.n_matched);
            prop_assert!(score(&one, 0.5, Some(0.5)).total.n_matched <= scores.total.n_matched);

            let curve = &scores.error_tradeoff;
            prop_assert!(curve.windows(2).all(|pair| pair[0].threshold > pair[1].threshold
                && pair[0].miss_rate >= pair[1].miss_rate
                && pair[0].false_alarms_per_hour <= pair[1].false_alarms_per_hour));
            if let Some(last) = curve.last() {
                let whole = [scores.miss_rate, scores.false_alarms_per_hour].map(|estimate| estimate.unwrap().value);
                prop_assert_eq!([last.miss_rate, last.false_alarms_per_hour], whole);
            }
        }
    }
}
