//! `[evaluation]`: what a report measures besides the scores.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the report measures besides the scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Whether the report shows which parts of the recording each of its most confident mistakes depends on. It takes about a hundred passes
    /// of the encoder for each of at most six mistakes.
    pub explain: bool,
    /// Whether the report and the model card show the scores on test under noise, in rooms, over telephones, through a codec and from a
    /// distance. It takes 17 passes of the encoder for each test recording.
    pub robustness: bool,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { explain: true, robustness: false }
    }
}
