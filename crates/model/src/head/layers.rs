//! What every kind of head can do.

use burn::tensor::{Device, Tensor};
use rand::Rng;

use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::Nodes;

/// The layers of a head.
///
/// A head prepares an embedding (an mlp rectifies it), and its layers map what it prepared to logits. Trials are trained on
/// prepared embeddings, which may be whitened as well. Heads over frames take rows of frames, `[n, t * n_inputs]`, wherever
/// others take embeddings, `[n, n_inputs]`.
pub(crate) trait HeadLayers {
    /// Prepares embeddings `[n, n_inputs]`.
    fn prepare(&self, embeddings: Tensor<2>) -> Tensor<2>;

    /// Maps prepared embeddings `[n, n_inputs]` to logits `[n, n_classes]`, without dropout.
    fn logits(&self, inputs: Tensor<2>) -> Tensor<2>;

    /// As [`HeadLayers::logits`], with the dropout of training drawn from `rng`.
    fn forward_train(&self, inputs: Tensor<2>, rng: &mut dyn Rng) -> Tensor<2>;

    /// The device that holds the weights.
    fn device(&self) -> Device;

    /// Length of an embedding or of a frame.
    fn n_inputs(&self) -> usize;

    /// Number of logits.
    fn n_classes(&self) -> usize;

    /// The weights by name; linear layers as torch stores them.
    fn tensors(&self) -> Result<Vec<HostTensor>, Error>;

    /// Adds the layers to an ONNX graph, from the value named `input`, embeddings `[batch, n_inputs]` or frames
    /// `[batch, t, n_inputs]`, to the value named `logits`.
    fn to_onnx(&self, nodes: &mut Nodes, input: &str, logits: &str);
}
