//! The frozen ResNet.

use burn::module::{Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::Error;
use crate::arch::{Layers, POOL_KERNEL, POOL_PADDING, POOL_STRIDE};
use crate::fold::Conv;

/// ResNet up to the global average pooling, without autodiff: no gradient and no batch statistics
/// reach it.
#[derive(Module, Debug)]
pub struct Backbone {
    stem: Conv2d,
    max_pool: MaxPool2d,
    blocks: Vec<Block>,
    average_pool: AdaptiveAvgPool2d,
}

#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    conv2: Conv2d,
    downsample: Option<Conv2d>,
}

impl Backbone {
    pub(crate) fn new(layers: &Layers<Conv>, device: &Device) -> Backbone {
        let device = device.clone().without_autodiff();
        let blocks = layers.blocks.iter().map(|block| Block {
            conv1: conv2d(&block.conv1, &device),
            conv2: conv2d(&block.conv2, &device),
            downsample: block.downsample.as_ref().map(|conv| conv2d(conv, &device)),
        });
        let max_pool = MaxPool2dConfig::new([POOL_KERNEL; 2])
            .with_strides([POOL_STRIDE; 2])
            .with_padding(PaddingConfig2d::Explicit(POOL_PADDING, POOL_PADDING, POOL_PADDING, POOL_PADDING));
        let backbone = Backbone {
            stem: conv2d(&layers.stem, &device),
            max_pool: max_pool.init(),
            blocks: blocks.collect(),
            average_pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
        };
        backbone.freeze()
    }

    /// Images `[n, 1, height, width]` in 0..1 to embeddings `[n, n_outputs]`, both `float32` and
    /// outside any autodiff graph.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.stem.forward(images.without_autodiff())); // [n, 64, h/2, w/2]
        let mut x = self.max_pool.forward(x); // [n, 64, h/4, w/4]
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.average_pool.forward(x).flatten(1, 3) // [n, 512, h/32, w/32] to [n, 512]
    }

    /// The length of an embedding: 512 at full width.
    pub fn n_outputs(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.conv2.weight.dims()[0])
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.stem.weight.device()
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

fn conv2d(conv: &Conv, device: &Device) -> Conv2d {
    let ([inputs, outputs], kernel) = (conv.spec.channels, conv.spec.kernel);
    let padding = kernel / 2;
    let mut layer = Conv2dConfig::new([inputs, outputs], [kernel; 2])
        .with_stride([conv.spec.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .init(device);
    layer.weight = Param::from_data(TensorData::new(conv.weight.clone(), [outputs, inputs, kernel, kernel]), device);
    layer.bias = Some(Param::from_data(TensorData::new(conv.bias.clone(), [outputs]), device));
    layer
}
