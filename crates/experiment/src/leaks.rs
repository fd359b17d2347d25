//! Leaks: held-out recordings that training contains in the same or another form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Numbers of validation and test recordings that training contains in some form, summed over the folds of a cross-validation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaks {
    /// All held-out recordings; each counts once for each fold in which it is in validation or test.
    pub held_out: usize,
    /// Recordings whose bytes are also in training.
    pub copies: usize,
    /// Recordings whose sound is also in training: the same bytes, the same sound, or a name that reveals a copy.
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
