//! The ResNet in burn.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::Error;
use crate::arch::{ConvSpec, Layers, POOL_KERNEL, POOL_PADDING, POOL_STRIDE};
use crate::fold::Conv;

/// ResNet up to the global average pooling, or a stretch of its residual blocks.
///
/// A frozen one lives on a plain device: no gradient reaches it. Batch statistics reach none: there is no batch norm.
#[derive(Module, Debug)]
pub struct Backbone {
    /// Before the first block.
    stem: Option<Conv2d>,
    max_pool: MaxPool2d,
    blocks: Vec<Block>,
    /// After the last block.
    average_pool: Option<AdaptiveAvgPool2d>,
}

#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    conv2: Conv2d,
    downsample: Option<Conv2d>,
}

impl Backbone {
    /// The stretch `blocks` of `layers`, with the stem if it starts with the first and the average pooling if it ends
    /// with the last.
    pub(crate) fn new(layers: &Layers<Conv>, blocks: Range<usize>, device: &Device) -> Backbone {
        let stem = (blocks.start == 0).then(|| conv2d(&layers.stem, device));
        let average_pool = (blocks.end == layers.blocks.len()).then(|| AdaptiveAvgPool2dConfig::new([1, 1]).init());
        let blocks = layers.blocks[blocks].iter().map(|block| Block {
            conv1: conv2d(&block.conv1, device),
            conv2: conv2d(&block.conv2, device),
            downsample: block.downsample.as_ref().map(|conv| conv2d(conv, device)),
        });
        Backbone { stem, max_pool: max_pool(), blocks: blocks.collect(), average_pool }
    }

    /// Images `[n, 1, height, width]` in 0..1, or what the layers before this stretch made of them, to embeddings
    /// `[n, 512]`, or to flattened feature maps if the stretch ends before the pooling; all `float32`. Gradients are
    /// followed if the weights are on an autodiff device.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let mut x = if self.device().is_autodiff() { x } else { x.without_autodiff() };
        if let Some(stem) = &self.stem {
            x = relu(stem.forward(x)); // [n, 64, h/2, w/2]
            x = self.max_pool.forward(x); // [n, 64, h/4, w/4]
        }
        for block in &self.blocks {
            x = block.forward(x);
        }
        if let Some(pool) = &self.average_pool {
            x = pool.forward(x); // [n, 512, h/32, w/32] to [n, 512, 1, 1]
        }
        x.flatten(1, 3)
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.convolutions().next().map_or_else(crate::cpu, |conv| conv.weight.device())
    }

    /// Its convolutions, in the order of [`Layers::iter`].
    pub(crate) fn convolutions(&self) -> impl Iterator<Item = &Conv2d> {
        let blocks =
            self.blocks.iter().flat_map(|block| [&block.conv1, &block.conv2].into_iter().chain(&block.downsample));
        self.stem.iter().chain(blocks)
    }
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.conv2.forward(relu(self.conv1.forward(x.clone())));
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.forward(x),
            None => x,
        };
        relu(y + shortcut)
    }
}

/// The numbers of a `float32` tensor, row-major.
pub(crate) fn host_vec<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
    let device = format!("{:?}", tensor.device());
    tensor.into_data().try_into_vec().map_err(|error| Error::Device { name: device, problem: format!("{error:?}") })
}

/// The maximum pooling after the stem.
pub(crate) fn max_pool() -> MaxPool2d {
    MaxPool2dConfig::new([POOL_KERNEL; 2])
        .with_strides([POOL_STRIDE; 2])
        .with_padding(PaddingConfig2d::Explicit(POOL_PADDING, POOL_PADDING, POOL_PADDING, POOL_PADDING))
        .init()
}

/// The settings of a convolution, with a bias.
pub(crate) fn conv2d_config(spec: &ConvSpec) -> Conv2dConfig {
    let padding = spec.kernel / 2;
    Conv2dConfig::new(spec.channels, [spec.kernel; 2])
        .with_stride([spec.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
}

fn conv2d(conv: &Conv, device: &Device) -> Conv2d {
    let ([inputs, outputs], kernel) = (conv.spec.channels, conv.spec.kernel);
    let mut layer = conv2d_config(&conv.spec).init(device);
    layer.weight = Param::from_data(TensorData::new(conv.weight.clone(), [outputs, inputs, kernel, kernel]), device);
    layer.bias = Some(Param::from_data(TensorData::new(conv.bias.clone(), [outputs]), device));
    layer
}
