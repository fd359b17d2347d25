//! One network in burn, of any kind.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};

use crate::device::cpu;
use crate::networks::resnet::module::ResNet;
use crate::networks::yamnet::module::Yamnet;

/// One network up to its pooling, or a contiguous range of a ResNet's residual blocks.
///
/// A frozen backbone is on a plain device, so no gradient flows into it. Batch norm is folded in, so there are no batch
/// statistics to update.
#[allow(clippy::large_enum_variant)] // there are few of them, and burn's modules cannot be boxed
#[derive(Module, Debug)]
pub enum Backbone {
    /// A ResNet.
    ResNet(ResNet),
    /// YAMNet.
    Yamnet(Yamnet),
}

impl Backbone {
    /// Maps inputs `[n, 1, height, width]`, or the output of the layers before this range, to embeddings `[n, n_outputs]`, or
    /// to flattened feature maps if the range ends before the pooling; all `float32`.
    ///
    /// A ResNet takes images in 0..1; at full width its embedding has 512 values. YAMNet takes log-mel spectrograms of
    /// `height` frames (a multiple of 48, at least 96) by 64 mel bands; its embedding has 1024 values, or 2048 with
    /// [`Pooling::Cry`](crate::Pooling). Gradients are tracked if the weights are on an autodiff device.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = if self.device().is_autodiff() { x } else { x.without_autodiff() };
        match self {
            Self::ResNet(resnet) => resnet.forward(x),
            Self::Yamnet(yamnet) => yamnet.forward(x),
        }
    }

    /// The device that holds the weights.
    pub fn device(&self) -> Device {
        self.convolutions().first().map_or_else(cpu, |conv| conv.weight.device())
    }

    /// The convolutions, in order.
    pub(crate) fn convolutions(&self) -> Vec<&Conv2d> {
        match self {
            Self::ResNet(resnet) => resnet.convolutions().collect(),
            Self::Yamnet(yamnet) => yamnet.convolutions().collect(),
        }
    }
}
