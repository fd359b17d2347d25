//! Several networks, each on its own input of a record.

use std::ops::Range;

use crate::engine::Engine;
use crate::error::Error;

/// Runs each network on its input; the embeddings are concatenated in the order of the networks.
pub(super) struct Several {
    /// Each network's engine, and the range of a record that holds its input.
    pub networks: Vec<(Box<dyn Engine>, Range<usize>)>,
    pub record_len: usize,
}

impl Engine for Several {
    fn n_outputs(&self) -> usize {
        self.networks.iter().map(|(engine, _)| engine.n_outputs()).sum()
    }

    fn record_len(&self) -> usize {
        self.record_len
    }

    fn forward(&self, records: &[f32]) -> Result<Vec<f32>, Error> {
        let records = records.chunks_exact(self.record_len);
        let mut embeddings = vec![Vec::with_capacity(self.n_outputs()); records.len()];
        for (engine, input) in &self.networks {
            let inputs: Vec<f32> = records.clone().flat_map(|record| &record[input.clone()]).copied().collect();
            let of_network = engine.forward(&inputs)?; // [n, n_outputs of the network]
            for (embedding, part) in embeddings.iter_mut().zip(of_network.chunks_exact(engine.n_outputs())) {
                embedding.extend_from_slice(part);
            }
        }
        Ok(embeddings.concat())
    }
}
