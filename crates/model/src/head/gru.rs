//! A GRU's step over time (Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014), with the reset gate
//! behind the recurrent layer, as torch and cuDNN have it: ONNX's `linear_before_reset`.

use burn::tensor::Tensor;
use burn::tensor::activation::{sigmoid, tanh};

/// Gates, in ONNX's order: update, reset, hidden.
pub(super) const N_GATES: usize = 3;

/// The next hidden state `[n, hidden]` from the `input` and the `recurrent` layer's outputs, `[n, 3 * hidden]` each, and the
/// `previous` state.
pub(super) fn step(input: Tensor<2>, recurrent: Tensor<2>, previous: Tensor<2>) -> Tensor<2> {
    let hidden = previous.dims()[1];
    let gate = |x: &Tensor<2>, index: usize| x.clone().narrow(1, index * hidden, hidden);
    let update = sigmoid(gate(&input, 0) + gate(&recurrent, 0));
    let reset = sigmoid(gate(&input, 1) + gate(&recurrent, 1));
    let candidate = tanh(gate(&input, 2) + reset * gate(&recurrent, 2));
    candidate.clone() + update * (previous - candidate)
}
