//! How cry scores of windows become episodes of crying.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How cry scores of overlapping windows become episodes of crying.
///
/// The score of a window, smoothed over the windows before it, is compared with two thresholds. An episode begins where
/// `confirm_windows` of `confirm_of` windows in a row reach the upper one, and ends where the score stays below the lower one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
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

    /// These settings with the values of `keys`, which serialises as a map of some of the fields, in place of their own.
    ///
    /// # Errors
    /// [`serde_json::Error`] for a key that is not a field, and a value of another type.
    pub fn with_keys(self, keys: &impl Serialize) -> Result<Self, serde_json::Error> {
        let mut fields: serde_json::Map<_, _> = serde_json::from_value(serde_json::to_value(self)?)?;
        fields.extend(serde_json::from_value::<serde_json::Map<_, _>>(serde_json::to_value(keys)?)?);
        serde_json::from_value(fields.into())
    }

    /// These settings with another window or hop, s, if they are given. A window that is not is at least as long as a longer hop, but
    /// not longer than a clip; a hop that is not is at most a window.
    pub fn with_windows(self, window_seconds: Option<f64>, hop_seconds: Option<f64>, clip_seconds: f64) -> Self {
        let of_hop = hop_seconds.unwrap_or_default().min(clip_seconds);
        let window_seconds = window_seconds.unwrap_or(self.window_seconds.max(of_hop));
        let hop_seconds = hop_seconds.unwrap_or(self.hop_seconds.min(window_seconds));
        Self { window_seconds, hop_seconds, ..self }
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_replace_fields_and_unknown_ones_are_named() {
        let own = EpisodeSettings::of_threshold(Some(0.4), 7.0);
        let keys = serde_json::json!({"confirm_of": 5, "on_threshold": 0.875});
        assert_eq!(own.with_keys(&keys).unwrap(), EpisodeSettings { confirm_of: 5, on_threshold: 0.875, ..own });
        let message = |keys| own.with_keys(&keys).unwrap_err().to_string();
        assert!(message(serde_json::json!({"threshold": 0.5})).contains("unknown field `threshold`"));
        assert!(message(serde_json::json!({"hold_seconds": "long"})).contains("invalid type"));
    }

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
