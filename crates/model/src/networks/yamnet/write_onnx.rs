//! Writes YAMNet as nodes of an ONNX graph.

use super::spec::{PATCH, PATCH_HOP, n_patches};
use crate::conv::Conv;
use crate::onnx::nodes::Nodes;

/// Shape of all patches of a batch, one after the other.
pub(super) const EACH_PATCH: [i64; 4] = [-1, 1, PATCH[0] as i64, PATCH[1] as i64];

/// Cuts the spectrograms named `x`, `[batch, 1, frames, 64]`, into patches: `[batch * n_patches, 1, 96, 64]`.
pub(super) fn cut(nodes: &mut Nodes, x: &str, frames: usize) -> String {
    let (halves, patches) = (frames / PATCH_HOP, n_patches(frames));
    let x = nodes.reshape(x, &[-1, halves as i64, PATCH_HOP as i64, PATCH[1] as i64], "halves");
    let first = nodes.slice(&x, 1, 0..patches, "first_halves");
    let second = nodes.slice(&x, 1, 1..halves, "second_halves");
    let x = nodes.join(&[&first, &second], 2, "patches_of_each");
    nodes.reshape(&x, &EACH_PATCH, "patches")
}

/// Adds the network on each of the patches named `x`, `[batch * n_patches, 1, 96, 64]`, up to the value named `frames`,
/// `[batch, n_patches, n_outputs]`.
pub(super) fn network(nodes: &mut Nodes, x: &str, convs: &[Conv], patches: usize, frames: &str) -> String {
    let n_outputs = convs.last().map_or(0, |conv| conv.bias.len());
    let mut x = x.to_owned();
    for conv in convs {
        x = nodes.conv(&x, &conv.spec);
        x = nodes.add("Relu", &[&x], &format!("{}.relu", conv.spec.name), vec![]);
    }
    let x = nodes.add("GlobalAveragePool", &[&x], "patches.average_pool", vec![]);
    nodes.reshape(&x, &[-1, patches as i64, n_outputs as i64], frames)
}
