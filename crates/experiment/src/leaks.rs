//! How many held-out recordings training knows in another form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Validation and test recordings that training knows in another form; summed over the folds of a cross-validation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaks {
    /// Held-out recordings in all: each counts once per fold in which it is validated or tested.
    pub held_out: usize,
    /// Recordings whose bytes are also in training.
    pub copies: usize,
    /// Recordings whose sound is also in training: the same bytes, the same sound, or a name that says so.
    pub families: usize,
    /// Recordings whose recorder is also in training, as far as recorders are known.
    pub recorders: usize,
    /// Recordings that the backbone was pretrained on, or whose sound or recorder it was pretrained on.
    #[serde(default)]
    pub pretraining: usize,
}

impl Leaks {
    /// Whether there is any leak.
    pub fn any(&self) -> bool {
        self.copies + self.families + self.recorders + self.pretraining > 0
    }
}
