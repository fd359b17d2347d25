//! One network in burn, whichever it is.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};

use crate::device::cpu;
use crate::networks::resnet::module::ResNet;
use crate::networks::yamnet::module::Yamnet;

/// One network up to its pooling, or a stretch of a ResNet's residual blocks.
///
/// A frozen one lives on a plain device: no gradient reaches it. There is no batch norm, so batch statistics do not either.
#[allow(clippy::large_enum_variant)] // there are few of them, and burn's modules cannot be boxed
#[derive(Module, Debug)]
pub enum Backbone {
    /// A ResNet.
    ResNet(ResNet),
    /// YAMNet.
    Yamnet(Yamnet),
}

impl Backbone {
    /// Inputs `[n, 1, height, width]`, or what the layers before this stretch gave, to embeddings `[n, n_outputs]`, or to flattened
    /// feature maps if the stretch ends before the pooling; all `float32`.
    ///
    /// A ResNet's inputs are images in 0..1; its embedding has 512 numbers at full width. YAMNet's are log-mel spectrograms, `height`
    /// frames (a multiple of 48, at least 96) by 64 mel bands; its embedding has 1024 numbers, or 2048 with
    /// [`Pooling::Cry`](crate::Pooling). Gradients are followed if the weights are on an autodiff device.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = if self.device().is_autodiff() { x } else { x.without_autodiff() };
        match self {
            Self::ResNet(resnet) => resnet.forward(x),
            Self::Yamnet(yamnet) => yamnet.forward(x),
        }
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.convolutions().first().map_or_else(cpu, |conv| conv.weight.device())
    }

    /// Its convolutions, in order.
    pub(crate) fn convolutions(&self) -> Vec<&Conv2d> {
        match self {
            Self::ResNet(resnet) => resnet.convolutions().collect(),
            Self::Yamnet(yamnet) => yamnet.convolutions().collect(),
        }
    }
}
