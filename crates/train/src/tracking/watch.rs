//! What a run tells, and to whom.

use std::path::PathBuf;

use experiment::{Epoch, TrialConfig};

/// Is told what a run does. Calls come from several threads, and must return at once.
pub trait Watch: Send + Sync {
    /// Takes note of `event`.
    fn tell(&self, event: &Event);
}

/// What happens in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A run begins, or is resumed.
    RunStarted {
        /// Name of its folder.
        run: String,
        /// Its resolved configuration, TOML.
        config: String,
    },
    /// A search on one split begins.
    SearchStarted {
        /// Number of its trials.
        n_trials: usize,
    },
    /// A trial has trained an epoch.
    EpochEnded {
        /// The trial.
        trial: TrialName,
        /// The epoch.
        epoch: Epoch,
    },
    /// A trial has ended, now or in an earlier process.
    TrialEnded {
        /// The trial.
        trial: TrialName,
        /// Its settings.
        config: TrialConfig,
        /// How it ended.
        outcome: TrialOutcome,
    },
    /// Everything is written.
    RunEnded {
        /// Scores by name, such as `test/macro-F1`.
        scores: Vec<(String, f64)>,
        /// Files that others may want.
        artefacts: Vec<PathBuf>,
    },
}

/// Which trial of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrialName {
    /// Its search: `folds/NAME`, or empty for the saved model's.
    pub search: String,
    /// [`TrialConfig::id`].
    pub id: String,
}

impl TrialName {
    /// Its folder inside the run's, without `trials/`, with `/` between the parts.
    pub fn path(&self) -> String {
        if self.search.is_empty() { self.id.clone() } else { format!("{}/{}", self.search, self.id) }
    }
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TrialOutcome {
    /// Trained.
    Trained {
        /// Every epoch.
        epochs: Vec<Epoch>,
        /// The chosen one.
        chosen: Epoch,
    },
    /// Diverged, with the message.
    Failed(String),
}

/// Tells several.
pub struct Watchers(pub Vec<Box<dyn Watch>>);

/// Tells nobody.
pub static NOBODY: Watchers = Watchers(Vec::new());

impl Watch for Watchers {
    fn tell(&self, event: &Event) {
        self.0.iter().for_each(|watch| watch.tell(event));
    }
}
