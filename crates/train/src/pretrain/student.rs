//! The network of a pretraining, and its epochs.

use burn::module::Module;
use model::NormedBackbone;
use serde::{Deserialize, Serialize};

use super::objective::Projector;

/// The network that is trained: the backbone, and the projector that the objective needs behind it.
#[derive(Module, Debug)]
pub(super) struct Student {
    pub backbone: NormedBackbone,
    pub projector: Projector,
}

/// A row of `epochs.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Learning rate of its last step.
    pub learning_rate: f64,
    /// Mean loss of its steps.
    pub loss: f64,
}
