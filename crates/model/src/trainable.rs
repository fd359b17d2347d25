//! Where the frozen part of a backbone ends.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arch::ResNetLayers;
use crate::fold::Conv;

/// Which part of the backbone training changes; batch norm is folded in, so that there are only convolutions.
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

impl Trainable {
    /// Index of the first residual block that is trained, the number of blocks if none is. What is trained from block 0
    /// has the stem before it, too.
    pub(crate) fn first_block(self, layers: &ResNetLayers<Conv>) -> usize {
        match self {
            Self::None => layers.blocks.len(),
            Self::Layer4 => {
                let trained = |conv: &Conv| conv.spec.name.starts_with("layer4.");
                layers.blocks.iter().position(|block| trained(&block.conv1)).unwrap_or(layers.blocks.len())
            }
            Self::All => 0,
        }
    }
}
