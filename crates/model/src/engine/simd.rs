//! One network in the crate `engine`: the fastest of the three on the CPU, see docs/engine.md.

use ::engine::Cpu;

use crate::engine::Engine;
use crate::error::Error;
use crate::networks::NetworkWeights;
use crate::networks::simd_network::SimdNetwork;
use crate::trainable::Trainable;

/// Runs the layers of a network before those that are trained.
pub(super) struct SimdEngine {
    network: SimdNetwork,
    n_outputs: usize,
    record_len: usize,
}

impl SimdEngine {
    /// The layers before those that `trainable` names, for inputs of `shape`.
    pub fn new(network: &NetworkWeights, trainable: Trainable, shape: [usize; 2]) -> Result<Self, Error> {
        let cpu = Cpu::for_channels(network.encoder().convolutions().first().map_or(1, |conv| conv.bias.len()));
        Ok(Self {
            network: network.encoder().to_simd(cpu, trainable, shape).map_err(failed)?,
            n_outputs: network.encoder().trainable_input(trainable, shape).iter().product(),
            record_len: shape.iter().product(),
        })
    }
}

impl Engine for SimdEngine {
    fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    fn record_len(&self) -> usize {
        self.record_len
    }

    fn forward(&self, records: &[f32]) -> Result<Vec<f32>, Error> {
        self.network.run(records, self.record_len).map_err(failed)
    }
}

fn failed(error: ::engine::Error) -> Error {
    Error::engine("simd", error)
}
