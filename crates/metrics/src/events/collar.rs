//! Matching detected events with true ones by their onsets, as `sed_eval` 0.2.1 does with `event_matching_type="optimal"`.

use std::collections::VecDeque;

use serde::Serialize;

use super::recording_events::{DetectedEvent, RecordingEvents, TrueEvent};

/// How much the times of a detected event may differ from those of the true one that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Collar {
    /// Largest difference of the onsets, s; at least 0.
    pub seconds: f64,
    /// If given, the ends must agree as well: they may differ by `seconds` or by this share of the true event's length, 0 to 1,
    /// whichever is more (`percentage_of_length` of `sed_eval`).
    pub share_of_length: Option<f64>,
}

impl Default for Collar {
    /// 0.2 s, the default of `sed_eval`; only onsets.
    fn default() -> Self {
        Self { seconds: 0.2, share_of_length: None }
    }
}

impl Collar {
    fn admits(&self, truth: &TrueEvent, detected: &DetectedEvent) -> bool {
        let end_agrees = |share: f64| {
            let most = self.seconds.max(share * (truth.end_seconds - truth.onset_seconds));
            (truth.end_seconds - detected.end_seconds).abs() <= most
        };
        (truth.onset_seconds - detected.onset_seconds).abs() <= self.seconds
            && self.share_of_length.is_none_or(end_agrees)
    }

    /// The largest number of pairs of a true and a detected event that agree, where no event is in two pairs.
    pub(super) fn n_matched(&self, recording: &RecordingEvents) -> usize {
        let admitted = |truth: &TrueEvent| {
            let detected = recording.detected.iter().enumerate();
            detected.filter(|(_, detected)| self.admits(truth, detected)).map(|(index, _)| index).collect()
        };
        let edges: Vec<Vec<usize>> = recording.truth.iter().map(admitted).collect();
        maximum_matching(&edges, recording.detected.len())
    }
}

/// The number of edges of a maximum matching of a bipartite graph, by augmenting paths (Kuhn 1955). `edges` are the right
/// vertices, below `n_right`, beside each left one, `[n_left]`.
fn maximum_matching(edges: &[Vec<usize>], n_right: usize) -> usize {
    let mut of_left = vec![None; edges.len()];
    let mut of_right = vec![None; n_right];
    (0..edges.len()).filter(|left| augment(*left, edges, &mut of_left, &mut of_right)).count()
}

/// Matches the left vertex `start`, along a shortest path on which edges outside and inside the matching alternate. False if
/// there is none.
fn augment(start: usize, edges: &[Vec<usize>], of_left: &mut [Option<usize>], of_right: &mut [Option<usize>]) -> bool {
    let mut reached_from = vec![None; of_right.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(left) = queue.pop_front() {
        for right in &edges[left] {
            if reached_from[*right].is_some() {
                continue;
            }
            reached_from[*right] = Some(left);
            if let Some(next) = of_right[*right] {
                queue.push_back(next);
                continue;
            }
            // The path back to `start`, of which every other edge is in the matching until now.
            let mut end = Some(*right);
            while let Some((right, left)) = end.and_then(|right| Some((right, reached_from[right]?))) {
                of_right[right] = Some(left);
                end = of_left[left].replace(right);
            }
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn truth(onset_seconds: f64, end_seconds: f64) -> TrueEvent {
        TrueEvent { onset_seconds, end_seconds }
    }

    fn detected(onset_seconds: f64, end_seconds: f64) -> DetectedEvent {
        DetectedEvent { onset_seconds, end_seconds, score: None, confirmed_seconds: None }
    }

    #[test]
    fn the_collar_is_that_of_sed_eval() {
        let onsets = Collar::default();
        let both = Collar { share_of_length: Some(0.5), ..onsets };
        for (event, [by_onset, by_both]) in [
            (detected(9.8, 14.0), [true, true]), // |10 - 9.8| = 0.1999999999999993; the end may differ by 2 s
            (detected(10.2, 16.0), [true, true]), // |10 - 10.2| = 0.1999999999999993
            (detected(10.2, 16.1), [true, false]), // the end differs by 2.1 s
            (detected(10.21, 14.0), [false, false]),
        ] {
            let found = [onsets, both].map(|collar| collar.admits(&truth(10.0, 14.0), &event));
            assert_eq!(found, [by_onset, by_both], "{event:?}");
        }
        // The collar is more than half of the length.
        assert!(both.admits(&truth(1.0, 1.1), &detected(1.0, 1.25)));
    }

    #[test]
    fn an_event_is_in_one_pair_and_the_pairs_are_as_many_as_possible() {
        let matched = |truth: &[TrueEvent], detected: &[DetectedEvent]| {
            let recording = RecordingEvents { seconds: 60.0, truth: truth.to_vec(), detected: detected.to_vec() };
            Collar { seconds: 1.0, share_of_length: None }.n_matched(&recording)
        };
        assert_eq!(matched(&[], &[detected(1.0, 2.0)]), 0);
        assert_eq!(matched(&[truth(5.0, 6.0)], &[detected(4.5, 6.0), detected(5.5, 6.0)]), 1);
        // The first found pair, 5 with 5.5, would leave 6.2 without a partner.
        assert_eq!(matched(&[truth(5.0, 6.0), truth(6.2, 7.0)], &[detected(5.5, 6.0), detected(4.2, 5.0)]), 2);
    }

    /// The size of a maximum matching, by trying every choice for each left vertex.
    fn largest(edges: &[Vec<usize>], taken: u32) -> usize {
        let Some((first, rest)) = edges.split_first() else { return 0 };
        let free = first.iter().filter(|right| taken & (1 << **right) == 0);
        let with_first = free.map(|right| 1 + largest(rest, taken | (1 << right))).max();
        with_first.unwrap_or(0).max(largest(rest, taken))
    }

    proptest! {
        #[test]
        fn no_matching_is_larger(edges in prop::collection::vec(prop::collection::vec(0_usize..6, 0..4), 0..7)) {
            prop_assert_eq!(maximum_matching(&edges, 6), largest(&edges, 0));
        }
    }
}
