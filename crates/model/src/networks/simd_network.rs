//! A network of the crate `engine` on records.

use std::ops::Range;

use ::engine::{Error, Network};

use crate::networks::frame_pooling::FramePooling;

/// A network, the images that it takes from a record, and what becomes of their outputs.
pub(crate) struct SimdNetwork {
    pub network: Network,
    /// Where the images are in a record.
    pub images: Vec<Range<usize>>,
    /// Pools the outputs of a record's images; otherwise they stay apart, one after the other.
    pub pooling: Option<FramePooling>,
}

impl SimdNetwork {
    /// Maps records of `record_len` values, `[n, record_len]`, to `[n, n_outputs]`.
    pub fn run(&self, records: &[f32], record_len: usize) -> Result<Vec<f32>, Error> {
        let mut images = Vec::with_capacity(records.len() / record_len * self.images.len());
        for record in records.chunks_exact(record_len) {
            images.extend(self.images.iter().map(|image| &record[image.clone()]));
        }
        let outputs = self.network.run(&images)?; // [n * images of a record, network.n_outputs()]
        let of_records = outputs.chunks_exact(self.images.len() * self.network.n_outputs());
        Ok(match &self.pooling {
            Some(pooling) => of_records.flat_map(|outputs| pooling.pool(outputs)).collect(),
            None => outputs,
        })
    }
}
