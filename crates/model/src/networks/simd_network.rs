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
    /// Maps records of `record_len` values, `[n, record_len]`, to `[n, n_outputs]`. An image that occurs several times in a
    /// record, as when a short sound is repeated, is computed once.
    pub fn run(&self, records: &[f32], record_len: usize) -> Result<Vec<f32>, Error> {
        let mut distinct: Vec<&[f32]> = Vec::with_capacity(records.len() / record_len * self.images.len());
        let mut places = Vec::with_capacity(distinct.capacity());
        for record in records.chunks_exact(record_len) {
            let start = distinct.len();
            for image in &self.images {
                let image = &record[image.clone()];
                let known = distinct[start..].iter().position(|other| *other == image);
                places.push(known.map_or(distinct.len(), |place| start + place));
                if known.is_none() {
                    distinct.push(image);
                }
            }
        }
        let outputs = self.network.run(&distinct)?; // [n distinct, network.n_outputs()]
        let length = self.network.n_outputs();
        let of_records = places.chunks_exact(self.images.len()).map(|places| {
            places.iter().flat_map(|place| &outputs[place * length..][..length]).copied().collect::<Vec<f32>>()
        });
        Ok(match &self.pooling {
            Some(pooling) => of_records.flat_map(|outputs| pooling.pool(&outputs)).collect(),
            None => of_records.flatten().collect(),
        })
    }
}
