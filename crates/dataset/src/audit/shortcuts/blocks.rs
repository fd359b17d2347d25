//! Blocks: the recordings of one group with one label.

use metrics::group_ids;

/// The unit of a permutation: the recordings of one group with one label, blocks in order of first appearance.
pub(super) struct Blocks {
    /// Block of each recording, `[n_recordings]`.
    pub of: Vec<usize>,
    /// Label of each block, `[n_blocks]`.
    pub labels: Vec<usize>,
    /// Number of recordings in each block, `[n_blocks]`.
    pub sizes: Vec<f64>,
}

impl Blocks {
    pub fn new(labels: &[usize], groups: &[usize]) -> Self {
        let of = group_ids(groups.iter().zip(labels).map(Some));
        let mut blocks = Self { of: Vec::new(), labels: Vec::new(), sizes: Vec::new() };
        for (block, label) in of.iter().zip(labels) {
            if *block == blocks.labels.len() {
                blocks.labels.push(*label);
                blocks.sizes.push(0.0);
            }
            blocks.sizes[*block] += 1.0;
        }
        Self { of, ..blocks }
    }
}
