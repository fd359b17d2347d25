//! `[head]`: which head is trained on the embeddings.

use model::HeadKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The head, from embedding to logits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeadChoice {
    /// Kind of the head. It decides which keys `[sweep]` has, and some defaults of `[train]`.
    pub kind: HeadKind,
    /// gru, lstm: whether a second layer runs from the last frame to the first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bidirectional: bool,
}
