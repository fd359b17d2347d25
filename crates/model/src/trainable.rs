//! The trainable part of a network.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The part of the backbone that training changes. Batch norm is folded in, so it consists of convolutions only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trainable {
    /// Nothing: only the head is trained.
    #[default]
    None,
    /// The last stage: three quarters of the weights and a quarter of the computation.
    Layer4,
    /// All layers.
    All,
}

/// A phrase for reports.
impl fmt::Display for Trainable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "frozen",
            Self::Layer4 => "layer4 trained, the rest frozen",
            Self::All => "all layers trained",
        })
    }
}
