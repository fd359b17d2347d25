//! One network in the crate `engine`: the fastest of the three on the CPU, see docs/engine.md.

use std::sync::LazyLock;

use ::engine::Cpu;

use crate::engine::Engine;
use crate::error::Error;
use crate::frozen_output::FrozenOutput;
use crate::networks::NetworkWeights;
use crate::networks::simd_network::SimdNetwork;

type Built = Result<SimdNetwork, ::engine::Error>;

/// Runs the frozen layers of a network.
pub(super) struct SimdEngine {
    /// The first pass packs the weights, and frees those that it was made of.
    network: LazyLock<Built, Box<dyn FnOnce() -> Built + Send>>,
    n_outputs: usize,
    record_len: usize,
}

impl SimdEngine {
    /// The layers up to `output`, for inputs of `shape`.
    pub fn new(network: &NetworkWeights, output: FrozenOutput, shape: [usize; 2]) -> Self {
        let weights = network.clone();
        let pack = move || {
            let encoder = weights.encoder();
            let cpu = Cpu::for_channels(encoder.convolutions().first().map_or(1, |conv| conv.bias.len()));
            encoder.to_simd(cpu, output, shape)
        };
        Self {
            network: LazyLock::new(Box::new(pack)),
            n_outputs: network.encoder().output_len(output, shape),
            record_len: shape.iter().product(),
        }
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
        let network = self.network.as_ref().map_err(Clone::clone);
        let outputs = network.and_then(|network| network.run(records, self.record_len));
        outputs.map_err(|error| Error::engine("simd", error))
    }
}
