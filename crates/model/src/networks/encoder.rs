//! What every network has in common.

use burn::tensor::Device;

use crate::backbone::Backbone;
use crate::conv::Conv;
use crate::error::Error;
use crate::host_tensor::TensorView;
use crate::onnx::nodes::Nodes;
use crate::trainable::Trainable;

/// What a network takes in as part of an ONNX graph.
#[derive(Clone, Copy)]
pub(crate) enum OnnxInput {
    /// The record of a network that stands alone, `[batch, 1, height, width]`.
    Record,
    /// An input of its own name beside those of other networks, in the form that its authors' network takes.
    Named,
}

/// A network's weights, and how they are run, trained and written. The defaults are those of a network that is never trained.
pub(crate) trait Encoder {
    /// The length of an embedding.
    fn n_outputs(&self) -> usize;

    /// Its convolutions, in order.
    fn convolutions(&self) -> Vec<&Conv>;

    /// Its convolutions in order, to be changed.
    fn convolutions_mut(&mut self) -> Vec<&mut Conv>;

    /// What it has beside convolutions.
    fn other_tensors(&self) -> Vec<TensorView<'_>> {
        Vec::new()
    }

    /// An error unless it takes inputs of that height and width and can train what `trainable` names.
    fn check(&self, trainable: Trainable, shape: [usize; 2]) -> Result<(), Error>;

    /// How many convolutions stand before those that `trainable` names.
    fn n_frozen(&self, _trainable: Trainable) -> usize {
        self.convolutions().len()
    }

    /// Channels, height and width of what the part that `trainable` names takes in, for inputs of that height and width. Training
    /// nothing starts after the pooling.
    fn trainable_input(&self, _trainable: Trainable, _shape: [usize; 2]) -> [usize; 3] {
        [self.n_outputs(), 1, 1]
    }

    /// The layers before the part that `trainable` names, frozen, on `device`; `None` if there are none.
    fn to_frozen(&self, trainable: Trainable, device: &Device) -> Option<Backbone>;

    /// The part that `trainable` names, on `device`; `None` if it names none.
    fn to_trainable(&self, _trainable: Trainable, _device: &Device) -> Option<Backbone> {
        None
    }

    /// Sizes of `input` after the batch.
    fn onnx_sizes(&self, input: OnnxInput, shape: [usize; 2]) -> Vec<usize>;

    /// Adds the layers before the part that `trainable` names to an ONNX graph, from the value called `input.0` to the one called
    /// `embedding`, `[batch, n]`; gives `embedding` back.
    fn to_onnx(
        &self,
        nodes: &mut Nodes,
        input: (&str, OnnxInput),
        shape: [usize; 2],
        trainable: Trainable,
        embedding: &str,
    ) -> String;
}
