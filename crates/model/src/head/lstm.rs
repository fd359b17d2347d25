//! An LSTM's step over time (Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; with the forget gate of Gers et al.,
//! 2000), without peepholes.

use burn::tensor::Tensor;
use burn::tensor::activation::{sigmoid, tanh};

/// Gates, in ONNX's order: input, output, forget, cell.
pub(super) const N_GATES: usize = 4;

/// The next hidden and cell state, `[n, hidden]` each, from the `input` and the `recurrent` layer's outputs, `[n, 4 * hidden]`
/// each, and the previous `cell` state.
pub(super) fn step(input: Tensor<2>, recurrent: Tensor<2>, cell: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let hidden = cell.dims()[1];
    let gates = input + recurrent;
    let gate = |index: usize| gates.clone().narrow(1, index * hidden, hidden);
    let cell = sigmoid(gate(2)) * cell + sigmoid(gate(0)) * tanh(gate(3));
    (sigmoid(gate(1)) * tanh(cell.clone()), cell)
}
