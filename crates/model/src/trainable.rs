//! Which part of a network is trained.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which part of the backbone training changes. Batch norm is folded in, so there are only convolutions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trainable {
    /// Nothing: the head alone learns.
    #[default]
    None,
    /// The last stage, three quarters of the weights and a quarter of the work.
    Layer4,
    /// Everything.
    All,
}

/// In words, for reports.
impl fmt::Display for Trainable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "frozen",
            Self::Layer4 => "layer4 trained, the rest frozen",
            Self::All => "all of it trained",
        })
    }
}
