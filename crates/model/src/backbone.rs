//! The frozen ResNet.

use burn::module::{Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::Error;
use crate::arch::Layers;
use crate::fold::Conv;

/// Images per forward pass of [`Backbone::embed`].
const BATCH: usize = 8;

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
        let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
        let backbone = Backbone {
            stem: conv2d(&layers.stem, &device),
            max_pool: MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).with_padding(padding).init(),
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

    /// Embeds `images` (`[n, size, size]` row-major, in 0..1) a few at a time; returns `[n,
    /// n_outputs]` row-major.
    ///
    /// # Errors
    /// [`Error::Argument`] if `images` is not a whole number of images, [`Error::Device`] if the
    /// device cannot give the result back.
    pub fn embed(&self, images: &[f32], size: usize) -> Result<Vec<f32>, Error> {
        let area = size.saturating_mul(size);
        if area == 0 || !images.len().is_multiple_of(area) {
            return Err(Error::Argument(format!(
                "{} pixels are not a whole number of {size} x {size} images",
                images.len()
            )));
        }
        let device = self.device();
        let mut embeddings = Vec::new();
        for batch in images.chunks(BATCH * area) {
            let shape = [batch.len() / area, 1, size, size];
            let images = Tensor::<4>::from_data(TensorData::new(batch.to_vec(), shape), &device);
            embeddings.extend(host_vec(self.forward(images))?);
        }
        Ok(embeddings)
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
