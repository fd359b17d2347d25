//! Settings of a synthetic corpus.

use serde::{Deserialize, Serialize};

/// Settings of a synthetic corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynthConfig {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Number of recordings over all classes, at least 40.
    pub n_recordings: usize,
}

impl Default for SynthConfig {
    fn default() -> Self {
        Self { seed: 7, n_recordings: 512 }
    }
}
