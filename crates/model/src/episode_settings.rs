//! How cry scores of windows become episodes of crying.

use serde::{Deserialize, Serialize};

/// How cry scores of overlapping windows become episodes of crying.
///
/// The score of a window, smoothed over the windows before it, is compared with two thresholds. An episode begins where
/// `confirm_windows` of `confirm_of` windows in a row reach the upper one, and ends where the score stays below the lower one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpisodeSettings {
    /// Length of a window, s.
    pub window_seconds: f64,
    /// Time from the start of one window to the start of the next, s.
    pub hop_seconds: f64,
    /// The score is the mean over the windows that began within this time, s; 0 for each window's own.
    pub smoothing_seconds: f64,
    /// Score that a cry reaches, 0 to 1.
    pub on_threshold: f32,
    /// Score below which there is no cry, 0 to `on_threshold`.
    pub off_threshold: f32,
    /// So many windows must reach `on_threshold`, at least 1 ...
    pub confirm_windows: usize,
    /// ... of this many in a row, `confirm_windows` to 100.
    pub confirm_of: usize,
    /// A pause of up to this length, s, does not end an episode, 0 to 600.
    pub hold_seconds: f64,
    /// Shortest episode, s, 0 to 600.
    pub min_seconds: f64,
}

impl EpisodeSettings {
    /// The settings for a gate with this threshold that was trained without its own; without a gate every window is a cry. An episode
    /// begins a third of the way from the gate's threshold to 1 and lasts down to half of it (docs/monitor.md says what that gives).
    pub fn of_threshold(threshold: Option<f32>, clip_seconds: f64) -> Self {
        let threshold = threshold.unwrap_or_default();
        let window_seconds = clip_seconds.min(3.0);
        Self {
            window_seconds,
            hop_seconds: window_seconds / 6.0,
            smoothing_seconds: 0.0,
            on_threshold: (2.0 * threshold + 1.0) / 3.0,
            off_threshold: threshold / 2.0,
            confirm_windows: 2,
            confirm_of: 3,
            hold_seconds: 5.0,
            min_seconds: 1.0,
        }
    }

    /// What is wrong with these settings, apart from the windows; `None` if they are valid.
    pub fn problem(&self) -> Option<&'static str> {
        let is_time = |seconds: f64| (0.0..=600.0).contains(&seconds);
        if !(0.0..=1.0).contains(&self.on_threshold) {
            return Some("the threshold that begins an episode must be 0 to 1");
        }
        if !(0.0..=self.on_threshold).contains(&self.off_threshold) {
            return Some("the threshold that ends an episode must be 0 to the one that begins it");
        }
        if !(1..=100).contains(&self.confirm_of) || !(1..=self.confirm_of).contains(&self.confirm_windows) {
            return Some("an episode is confirmed by K of N windows, with K from 1 to N and N up to 100");
        }
        let times = [self.smoothing_seconds, self.hold_seconds, self.min_seconds];
        (!times.into_iter().all(is_time)).then_some("smoothing, hold and shortest length must be 0 to 600 s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let good = EpisodeSettings::of_threshold(Some(0.4), 7.0);
        assert_eq!((good.problem(), good.window_seconds, good.hop_seconds), (None, 3.0, 0.5));
        assert!((good.on_threshold - 0.6).abs() < 1e-6 && good.off_threshold == 0.2, "{good:?}");
        assert_eq!(EpisodeSettings::of_threshold(None, 2.0).window_seconds, 2.0);
        for (wrong, word) in [
            (EpisodeSettings { on_threshold: 1.1, ..good }, "begins"),
            (EpisodeSettings { on_threshold: f32::NAN, ..good }, "begins"),
            (EpisodeSettings { off_threshold: 0.7, ..good }, "ends"),
            (EpisodeSettings { off_threshold: -0.1, ..good }, "ends"),
            (EpisodeSettings { confirm_windows: 0, ..good }, "confirmed"),
            (EpisodeSettings { confirm_windows: 4, ..good }, "confirmed"),
            (EpisodeSettings { confirm_of: 101, ..good }, "confirmed"),
            (EpisodeSettings { hold_seconds: -1.0, ..good }, "hold"),
            (EpisodeSettings { min_seconds: f64::NAN, ..good }, "shortest"),
            (EpisodeSettings { smoothing_seconds: 601.0, ..good }, "smoothing"),
        ] {
            assert!(wrong.problem().is_some_and(|problem| problem.contains(word)), "{wrong:?}: {:?}", wrong.problem());
        }
    }
}
