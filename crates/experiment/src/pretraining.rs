//! What a backbone was pretrained on.

use serde::{Deserialize, Serialize};

/// What a backbone was pretrained on, so that later runs can detect that they test on it. Provenance stores it under
/// `backbone.heard`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainingData {
    /// SHA-256 of each recording, sorted.
    pub recordings: Vec<String>,
    /// Their recorders, as far as they are known, sorted.
    pub recorders: Vec<String>,
    /// Synthetic sounds of each kind that is not a cry.
    #[serde(default)]
    pub sounds_per_kind: usize,
}
