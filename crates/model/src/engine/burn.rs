//! One network in burn, on any device.

use burn::tensor::{Tensor, TensorData};

use crate::backbone::Backbone;
use crate::burn_layers::host_vec;
use crate::engine::Engine;
use crate::error::Error;

/// One network in burn.
pub(super) struct BurnEngine {
    pub backbone: Backbone,
    pub n_outputs: usize,
    /// Height and width of the input.
    pub shape: [usize; 2],
}

impl Engine for BurnEngine {
    fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    fn record_len(&self) -> usize {
        self.shape.iter().product()
    }

    fn forward(&self, records: &[f32]) -> Result<Vec<f32>, Error> {
        let [height, width] = self.shape;
        let shape = [records.len() / (height * width), 1, height, width];
        let records = Tensor::<4>::from_data(TensorData::new(records.to_vec(), shape), &self.backbone.device());
        host_vec(self.backbone.forward(records))
    }
}
