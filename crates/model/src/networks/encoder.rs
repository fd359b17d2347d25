//! The operations that every network supports.

use ::engine::Cpu;
use burn::tensor::Device;

use crate::backbone::Backbone;
use crate::conv::Conv;
use crate::error::Error;
use crate::frozen_output::FrozenOutput;
use crate::host_tensor::TensorView;
use crate::networks::frame_pooling::FramePooling;
use crate::networks::simd_network::SimdNetwork;
use crate::onnx::nodes::Nodes;
use crate::trainable::Trainable;

/// The form of a network's input in an ONNX graph.
#[derive(Clone, Copy)]
pub(crate) enum OnnxInput {
    /// The whole record, for a single network: `[batch, 1, height, width]`.
    Record,
    /// A named input, next to those of other networks, in the form that the network's authors use.
    Named,
}

/// A network's weights, and how they are run, trained and written. The defaults suit a network that is never trained.
pub(crate) trait Encoder {
    /// Length of an embedding.
    fn n_outputs(&self) -> usize;

    /// The convolutions, in order.
    fn convolutions(&self) -> Vec<&Conv>;

    /// The convolutions in order, mutable.
    fn convolutions_mut(&mut self) -> Vec<&mut Conv>;

    /// The tensors besides the convolutions.
    fn other_tensors(&self) -> Vec<TensorView<'_>> {
        Vec::new()
    }

    /// Fails unless the network takes inputs of this height and width and can train the part that `trainable` names.
    fn check(&self, trainable: Trainable, shape: [usize; 2]) -> Result<(), Error>;

    /// Number of convolutions before those that `trainable` names.
    fn n_frozen(&self, _trainable: Trainable) -> usize {
        self.convolutions().len()
    }

    /// Input shape of the part that `trainable` names, `[channels, height, width]`, for inputs of this height and width. If
    /// nothing is trained, the part starts after the pooling.
    fn trainable_input(&self, _trainable: Trainable, _shape: [usize; 2]) -> [usize; 3] {
        [self.n_outputs(), 1, 1]
    }

    /// Length of a frame; `None` if the network gives only an embedding.
    fn frame_len(&self) -> Option<usize>;

    /// Number of frames for inputs of this height and width; 0 if the network gives only an embedding.
    fn n_frames(&self, shape: [usize; 2]) -> usize;

    /// Place in an embedding of the network's own logit for cries; `None` if it gives none.
    fn cry_logit(&self) -> Option<usize> {
        None
    }

    /// How frames become an embedding.
    fn frame_pooling(&self) -> FramePooling {
        FramePooling::mean(self.n_outputs())
    }

    /// Number of values in `output` for inputs of this height and width.
    fn output_len(&self, output: FrozenOutput, shape: [usize; 2]) -> usize {
        match output {
            FrozenOutput::Before(trainable) => self.trainable_input(trainable, shape).iter().product(),
            FrozenOutput::Frames => self.n_frames(shape) * self.frame_len().unwrap_or_default(),
        }
    }

    /// The layers up to `output`, of which there is at least one, frozen, on `device`; an error for a network that
    /// burn does not run.
    fn to_frozen(&self, output: FrozenOutput, device: &Device) -> Result<Backbone, Error>;

    /// The part that `trainable` names, on `device`; `None` if it names none.
    fn to_trainable(&self, _trainable: Trainable, _device: &Device) -> Option<Backbone> {
        None
    }

    /// The layers up to `output` for the CPU and inputs of this height and width.
    fn to_simd(&self, cpu: Cpu, output: FrozenOutput, shape: [usize; 2]) -> Result<SimdNetwork, ::engine::Error>;

    /// Dimensions of `input` after the batch dimension.
    fn onnx_sizes(&self, input: OnnxInput, shape: [usize; 2]) -> Vec<usize>;

    /// Adds the layers up to `output` to an ONNX graph, from the value named `input.0` to the value named `name`: frames
    /// `[batch, t, d]`, otherwise `[batch, n]`. Returns `name`.
    fn to_onnx(
        &self,
        nodes: &mut Nodes,
        input: (&str, OnnxInput),
        shape: [usize; 2],
        output: FrozenOutput,
        name: &str,
    ) -> String;
}
