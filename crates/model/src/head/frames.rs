//! What the heads over frames have in common.

use burn::tensor::Tensor;

use crate::onnx::nodes::Nodes;

/// Largest number of units.
pub(super) const MAX_HIDDEN: usize = 4096;

/// Rows of flattened frames `[n, t * d]` as frames `[n, t, d]`.
pub(super) fn frames_of(rows: Tensor<2>, frame_len: usize) -> Tensor<3> {
    let [n, length] = rows.dims();
    rows.reshape([n, length / frame_len, frame_len])
}

/// A linear layer with the initialisers `name.weight` `[out, in]` and `name.bias` on each frame of the value named `x`,
/// `[batch, t, in]`.
pub(super) fn linear_to_onnx(nodes: &mut Nodes, x: &str, name: &str) -> String {
    let weight = nodes.transpose(&format!("{name}.weight"), &[1, 0], &format!("{name}.transposed"));
    let product = nodes.add("MatMul", &[x, &weight], &format!("{name}.product"), vec![]);
    nodes.add("Add", &[&product, &format!("{name}.bias")], &format!("{name}.out"), vec![])
}
