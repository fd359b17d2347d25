//! What a monitor hears, as everyone who is told of it sees it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{later, text_of};

/// An episode of crying in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recorded {
    /// Number of the episode in the history, from 1.
    pub id: u64,
    /// Name of the source.
    pub source: String,
    /// Onset, RFC 3339 in UTC.
    pub began: String,
    /// When it was confirmed, RFC 3339 in UTC.
    pub confirmed: String,
    /// End, RFC 3339 in UTC. Absent while the episode lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Length, s; up to its confirmation, while the episode lasts.
    pub seconds: f64,
    /// The most probable reason.
    pub label: String,
    /// Mean probability of that reason, 0 to 1.
    pub probability: f32,
    /// Mean probability of every reason; they sum to 1.
    pub all_probs: BTreeMap<String, f32>,
    /// Mean of the cry scores, 0 to 1. Absent if the model has no gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cry_score: Option<f32>,
    /// Highest cry score of a window, 0 to 1. Absent if the model has no gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_cry_score: Option<f32>,
    /// Level: root mean square, dB relative to full scale.
    pub level_dbfs: f32,
    /// Whether the program or its source stopped before the episode ended; `ended` is then the last that was heard of it.
    #[serde(default)]
    pub interrupted: bool,
    /// Whether its sound is kept.
    #[serde(default)]
    pub has_clip: bool,
    /// Where the onset is in its clip, s. Absent if no sound was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_onset_seconds: Option<f64>,
    /// What somebody said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

impl Recorded {
    /// The episode if nothing more was heard of it.
    pub(crate) fn interrupted(self) -> Self {
        let ended = text_of(later(&self.began, self.seconds));
        Self { ended: Some(ended), interrupted: true, ..self }
    }
}

/// What somebody said of an episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Whether it was a cry.
    pub verdict: Verdict,
    /// The reason, if it was a cry and somebody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Whether an episode was a cry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A baby cried.
    Cry,
    /// Something else sounded.
    NotACry,
}

/// What one window of a source sounded like.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Level {
    /// Name of the source.
    pub source: String,
    /// When it was heard, RFC 3339 in UTC.
    pub time: String,
    /// Root mean square, dB relative to full scale; -120 for silence.
    pub level_dbfs: f32,
    /// Cry score, 0 to 1. Absent if the model has no gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cry_score: Option<f32>,
}

/// How a source is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Whether sound arrives.
    pub state: SourceState,
    /// Why no sound arrives, or what else is wrong, such as a full disk, as text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Since when sound arrives, or does not, RFC 3339 in UTC.
    pub since: String,
    /// The last window that was heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Level>,
    /// Number of the episode that lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode: Option<u64>,
}

/// Whether sound arrives from a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Its command was started, and nothing has arrived yet.
    Starting,
    /// Sound arrives.
    Listening,
    /// It ended or is silent, and is started again soon.
    Waiting,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An episode is confirmed, and lasts.
    Start(Recorded),
    /// An episode has ended.
    End(Recorded),
    /// Somebody reviewed an episode.
    Review(Recorded),
    /// A window was heard.
    Level(Level),
    /// A source changed its state.
    Source(SourceStatus),
}
