//! Cry scores of windows → episodes of crying.

use std::collections::{BTreeMap, VecDeque};

use model::EpisodeSettings;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Prediction, Span};

/// A window of a recording with its answer.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Window {
    /// Start and end of the window.
    pub span: Span,
    /// Level of its sound: root mean square, dB relative to full scale; -120 for silence.
    pub level_dbfs: f32,
    /// Prediction for the window.
    pub prediction: Prediction,
}

/// An episode of crying. Means are over its windows, without those in its pauses.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Episode {
    /// Number of the episode in its recording, from 1.
    pub id: usize,
    /// Onset, s from the start of the recording.
    pub start_seconds: f64,
    /// End, s from the start of the recording. Absent while the episode lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_seconds: Option<f64>,
    /// End of the window that confirmed it, s from the start of the recording: when a listener knew of it.
    pub confirmed_seconds: f64,
    /// The most probable reason.
    pub label: String,
    /// Mean probability of that reason, 0 to 1.
    pub probability: f32,
    /// Mean probability of every reason; they sum to 1.
    pub all_probs: BTreeMap<String, f32>,
    /// True if the classifier is not sure enough to decide in more than half of the windows. Absent unless a minimum confidence or a
    /// coverage was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abstains: Option<bool>,
    /// Mean of the cry scores, 0 to 1. Absent if the model has no gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cry_score: Option<f32>,
    /// Highest cry score of a window, 0 to 1. Absent if the model has no gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_cry_score: Option<f32>,
    /// Level: root mean square over the windows, dB relative to full scale.
    pub level_dbfs: f32,
    /// Number of windows.
    pub n_windows: usize,
}

/// What a window changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// This episode is confirmed, and lasts.
    Began(Episode),
    /// This episode, which had begun, has ended.
    Ended(Episode),
}

/// Joins windows into episodes as they arrive.
///
/// Of each window only the middle counts, as long as a hop; of the first one also what is before it, and of the last one what is
/// after it. It holds a few windows and one open episode, whatever the length of the recording. What the most probable reason is
/// never divides an episode.
#[derive(Debug)]
pub struct Episodes {
    settings: EpisodeSettings,
    /// Scores that are smoothed over, the newest last.
    scores: VecDeque<f32>,
    /// The last windows, at most `confirm_of`, the newest last; those of an episode that ended are gone.
    recent: VecDeque<Heard>,
    open: Option<Open>,
    /// Number of confirmed episodes.
    n_confirmed: usize,
    /// Number of windows.
    n_windows: usize,
    /// End of the last window, s, if it belongs to the open episode.
    last_end_seconds: Option<f64>,
}

/// A window, as episodes need it.
#[derive(Debug, Clone)]
struct Heard {
    /// The part that it stands for.
    part: Span,
    reaches_on: bool,
    reaches_off: bool,
    window: Window,
}

/// An episode that lasts.
#[derive(Debug, Clone)]
struct Open {
    start_seconds: f64,
    /// End of the last part that reached the lower threshold, s.
    end_seconds: f64,
    confirmed_seconds: Option<f64>,
    sums: Sums,
}

/// Sums over the windows of an episode.
#[derive(Debug, Clone, Default)]
struct Sums {
    n_windows: usize,
    probabilities: BTreeMap<String, f64>,
    /// Number of windows whose prediction abstains; `None` if that was not asked for.
    n_abstain: Option<usize>,
    scores: Option<f64>,
    peak: Option<f32>,
    power: f64,
}

impl Episodes {
    /// Episodes of a recording that begins now. The windows have the length and hop of `settings`.
    pub fn new(settings: EpisodeSettings) -> Self {
        Self {
            settings,
            scores: VecDeque::new(),
            recent: VecDeque::new(),
            open: None,
            n_confirmed: 0,
            n_windows: 0,
            last_end_seconds: None,
        }
    }

    /// The episodes of a recording with these windows.
    pub fn of_windows(settings: EpisodeSettings, windows: &[Window]) -> Vec<Episode> {
        let mut episodes = Self::new(settings);
        let mut changes: Vec<Change> = windows.iter().filter_map(|window| episodes.push(window.clone())).collect();
        changes.extend(episodes.finish());
        let ended = |change| match change {
            Change::Began(_) => None,
            Change::Ended(episode) => Some(episode),
        };
        changes.into_iter().filter_map(ended).collect()
    }

    /// Adds the next window.
    pub fn push(&mut self, window: Window) -> Option<Change> {
        let heard = self.hear(window);
        let end_seconds = heard.window.span.end_seconds;
        self.last_end_seconds = heard.reaches_off.then_some(end_seconds);
        match &mut self.open {
            Some(open) if heard.reaches_off => open.add(&heard),
            Some(open) if heard.part.end_seconds - open.end_seconds >= self.settings.hold_seconds => {
                self.recent.clear();
                return self.close(None);
            }
            Some(_) => {}
            None => self.open_if_confirmed(heard),
        }
        let (open, min_seconds) = (self.open.as_mut()?, self.settings.min_seconds);
        if open.confirmed_seconds.is_some() || open.end_seconds - open.start_seconds < min_seconds {
            return None;
        }
        open.confirmed_seconds = Some(end_seconds);
        self.n_confirmed += 1;
        Some(Change::Began(open.episode(self.n_confirmed, end_seconds, None)))
    }

    /// Ends the recording. An episode that lasted to its last window ends with that.
    pub fn finish(mut self) -> Option<Change> {
        self.close(self.last_end_seconds)
    }

    /// The window with its smoothed score against both thresholds.
    fn hear(&mut self, window: Window) -> Heard {
        let EpisodeSettings { window_seconds, hop_seconds, smoothing_seconds, on_threshold, off_threshold, .. } =
            self.settings;
        self.scores.push_back(window.prediction.cry_score.unwrap_or(1.0));
        // Rounded, since a hop such as 0.1 is not exact.
        while self.scores.len() > 1 + (smoothing_seconds / hop_seconds + 1e-6) as usize {
            self.scores.pop_front();
        }
        let score = self.scores.iter().sum::<f32>() / self.scores.len() as f32;
        let Span { start_seconds, end_seconds } = window.span;
        let before = (window_seconds - hop_seconds) / 2.0;
        let part_start = if self.n_windows == 0 { start_seconds } else { start_seconds + before };
        self.n_windows += 1;
        let part_end = (start_seconds + before + hop_seconds).min(end_seconds);
        Heard {
            part: Span { start_seconds: part_start.min(part_end), end_seconds: part_end },
            reaches_on: score >= on_threshold,
            reaches_off: score >= off_threshold,
            window,
        }
    }

    /// Opens an episode if enough of the last windows reach the upper threshold.
    fn open_if_confirmed(&mut self, heard: Heard) {
        self.recent.push_back(heard);
        while self.recent.len() > self.settings.confirm_of {
            self.recent.pop_front();
        }
        let n_on = self.recent.iter().filter(|heard| heard.reaches_on).count();
        if n_on < self.settings.confirm_windows {
            return;
        }
        let mut of_episode = self.recent.iter().skip_while(|heard| !heard.reaches_on);
        let Some(first) = of_episode.next() else { return };
        let Span { start_seconds, end_seconds } = first.part;
        let mut open = Open { start_seconds, end_seconds, confirmed_seconds: None, sums: Sums::default() };
        open.add(first);
        of_episode.filter(|heard| heard.reaches_off).for_each(|heard| open.add(heard));
        self.open = Some(open);
    }

    /// Ends the open episode, at `end_seconds` or where it was last heard; one that was never confirmed is forgotten.
    fn close(&mut self, end_seconds: Option<f64>) -> Option<Change> {
        let open = self.open.take()?;
        let confirmed_seconds = open.confirmed_seconds?;
        let end_seconds = end_seconds.unwrap_or(open.end_seconds);
        Some(Change::Ended(open.episode(self.n_confirmed, confirmed_seconds, Some(end_seconds))))
    }
}

impl Open {
    fn add(&mut self, heard: &Heard) {
        self.end_seconds = heard.part.end_seconds;
        let Window { level_dbfs, prediction, .. } = &heard.window;
        let Sums { n_windows, probabilities, n_abstain, scores, peak, power } = &mut self.sums;
        *n_windows += 1;
        for (label, probability) in &prediction.all_probs {
            *probabilities.entry(label.clone()).or_default() += f64::from(*probability);
        }
        if let Some(abstains) = prediction.abstains {
            *n_abstain.get_or_insert(0) += usize::from(abstains);
        }
        if let Some(score) = prediction.cry_score {
            *scores.get_or_insert(0.0) += f64::from(score);
            *peak = Some(peak.map_or(score, |peak| peak.max(score)));
        }
        *power += 10_f64.powf(f64::from(*level_dbfs) / 10.0);
    }

    fn episode(&self, id: usize, confirmed_seconds: f64, end_seconds: Option<f64>) -> Episode {
        let Sums { n_windows, probabilities, n_abstain, scores, peak, power } = &self.sums;
        let n = *n_windows as f64;
        let all_probs: BTreeMap<String, f32> =
            probabilities.iter().map(|(label, sum)| (label.clone(), (sum / n) as f32)).collect();
        // Of equal ones the first.
        let best = all_probs.iter().rev().max_by(|(_, one), (_, other)| one.total_cmp(other));
        let (label, probability) = best.map(|(label, p)| (label.clone(), *p)).unwrap_or_default();
        Episode {
            id,
            start_seconds: self.start_seconds,
            end_seconds,
            confirmed_seconds,
            label,
            probability,
            all_probs,
            abstains: n_abstain.map(|n_abstain| 2 * n_abstain > *n_windows),
            cry_score: scores.map(|sum| (sum / n) as f32),
            peak_cry_score: *peak,
            level_dbfs: (10.0 * (power / n).log10()) as f32,
            n_windows: *n_windows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    /// Windows of 2 s every second, two of three of which confirm.
    const SETTINGS: EpisodeSettings = EpisodeSettings {
        window_seconds: 2.0,
        hop_seconds: 1.0,
        smoothing_seconds: 0.0,
        on_threshold: 0.5,
        off_threshold: 0.25,
        confirm_windows: 2,
        confirm_of: 3,
        hold_seconds: 3.0,
        min_seconds: 0.0,
    };

    fn window(index: usize, score: Option<f32>, first: f32, abstains: Option<bool>) -> Window {
        let labels = ["hungry", "tired"].map(String::from);
        let options = Options { top_k: 1, min_confidence: None, coverage: None };
        let prediction = Prediction::new(&labels, &[first, 1.0 - first], None, &options, vec![]);
        let start_seconds = index as f64;
        Window {
            span: Span { start_seconds, end_seconds: start_seconds + 2.0 },
            level_dbfs: -20.0,
            prediction: Prediction { cry_score: score, abstains, ..prediction },
        }
    }

    fn changes(settings: EpisodeSettings, windows: impl IntoIterator<Item = Window>) -> Vec<Change> {
        let mut episodes = Episodes::new(settings);
        let mut changes: Vec<Change> = windows.into_iter().filter_map(|window| episodes.push(window)).collect();
        changes.extend(episodes.finish());
        changes
    }

    /// Start, end and time of confirmation of the episodes of windows with these scores in tenths.
    fn times(settings: EpisodeSettings, tenths: &[u8]) -> Vec<(f64, f64, f64)> {
        let score = |tenths: &u8| Some(f32::from(*tenths) / 10.0);
        let windows = tenths.iter().enumerate().map(|(index, tenths)| window(index, score(tenths), 0.75, None));
        let mut begun = Vec::new();
        let mut found = Vec::new();
        for change in changes(settings, windows) {
            match change {
                Change::Began(episode) => {
                    assert_eq!(episode.end_seconds, None);
                    begun.push((episode.id, episode.start_seconds, episode.confirmed_seconds));
                }
                Change::Ended(episode) => {
                    let known = (episode.id, episode.start_seconds, episode.confirmed_seconds);
                    assert_eq!(begun.last(), Some(&known), "it began before it ended");
                    found.push((known.1, episode.end_seconds.unwrap_or(f64::NAN), known.2));
                }
            }
        }
        assert_eq!(begun.iter().map(|begun| begun.0).collect::<Vec<_>>(), Vec::from_iter(1..=found.len()));
        found
    }

    #[test]
    fn an_episode_lasts_from_the_first_high_window_over_short_pauses_to_the_last_that_is_not_low() {
        // Window i stands for i + 0.5 to i + 1.5 s.
        for (tenths, expected) in [
            (&[0, 0, 9, 9, 0, 0, 0, 0][..], vec![(2.5, 4.5, 5.0)]),
            (&[0, 9, 9, 3, 3, 0, 0, 0, 0], vec![(1.5, 5.5, 4.0)]), // 0.3 keeps it alive
            (&[0, 3, 3, 3, 3, 0, 0], vec![]),                      // but does not begin one
            (&[0, 9, 0, 9, 0, 0, 0, 0], vec![(1.5, 4.5, 5.0)]),    // two of three
            (&[0, 9, 0, 0, 9, 0, 0, 9, 0], vec![]),                // never two of three
            (&[9, 9, 0, 0, 9, 9, 0, 0, 0, 0], vec![(0.0, 6.5, 3.0)]), // a pause of 2 s; the first window begins at 0
            (&[9, 9, 0, 0, 0, 9, 9], vec![(0.0, 2.5, 3.0), (5.5, 8.0, 8.0)]), // of 3 s; the last window ends at 8
            (&[0, 9, 9, 0, 0], vec![(1.5, 3.5, 4.0)]),             // the recording ends in the pause
            (&[9], vec![]),
            (&[], vec![]),
        ] {
            assert_eq!(times(SETTINGS, tenths), expected, "{tenths:?}");
        }
    }

    #[test]
    fn smoothing_fills_gaps_and_a_shortest_length_leaves_out_short_episodes() {
        let smooth = EpisodeSettings { smoothing_seconds: 1.0, confirm_windows: 1, confirm_of: 1, ..SETTINGS };
        assert_eq!(times(smooth, &[0, 0, 8, 0, 0, 0, 0, 0]), [], "0.4 twice");
        assert_eq!(times(smooth, &[0, 0, 8, 8, 0, 0, 0, 0]), [(3.5, 5.5, 5.0)], "0.4, 0.8, 0.4");
        let long = EpisodeSettings { min_seconds: 3.0, ..SETTINGS };
        assert_eq!(times(long, &[0, 9, 9, 0, 0, 0, 0, 0]), []);
        assert_eq!(times(long, &[0, 9, 9, 3, 0, 0, 0, 0]), [(1.5, 4.5, 5.0)], "confirmed when it is long enough");
    }

    #[test]
    fn a_change_of_the_reason_does_not_divide_an_episode_and_the_mean_decides() {
        let windows =
            [0.75, 0.75, 0.0, 0.25].into_iter().enumerate().map(|(index, first)| window(index, Some(0.5), first, None));
        let found = changes(SETTINGS, windows);
        let [Change::Began(began), Change::Ended(episode)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((began.label.as_str(), began.probability, began.n_windows), ("hungry", 0.75, 2));
        assert_eq!((episode.label.as_str(), episode.probability, episode.n_windows), ("tired", 0.5625, 4));
        assert_eq!(episode.all_probs, BTreeMap::from([("hungry".into(), 0.4375), ("tired".into(), 0.5625)]));
    }

    #[test]
    fn an_episode_is_unsure_where_most_of_its_windows_are() {
        for (unsure, expected) in [([true, false, true, false], false), ([true, false, true, true], true)] {
            let windows =
                unsure.iter().enumerate().map(|(index, unsure)| window(index, Some(0.5), 0.75, Some(*unsure)));
            let found = changes(SETTINGS, windows);
            assert!(matches!(&found[1], Change::Ended(episode) if episode.abstains == Some(expected)), "{found:?}");
        }
    }

    #[test]
    fn scores_and_level_are_means_and_a_peak() {
        let scores = [0.5, 1.0, 0.75, 0.75];
        let windows = scores.into_iter().enumerate().map(|(index, score)| Window {
            level_dbfs: [-20.0, -120.0, -20.0, -120.0][index],
            ..window(index, Some(score), 0.75, None)
        });
        let found = changes(SETTINGS, windows);
        let Change::Ended(episode) = &found[1] else { panic!("{found:?}") };
        assert_eq!((episode.cry_score, episode.peak_cry_score), (Some(0.75), Some(1.0)));
        assert!((episode.level_dbfs + 23.01).abs() < 0.01, "half of the power: {}", episode.level_dbfs);
    }

    #[test]
    fn without_a_gate_a_recording_is_one_episode() {
        let found = changes(SETTINGS, (0..4).map(|index| window(index, None, 0.75, None)));
        let Change::Ended(episode) = &found[1] else { panic!("{found:?}") };
        assert_eq!((episode.start_seconds, episode.end_seconds, episode.cry_score), (0.0, Some(5.0), None));
    }
}
