//! A ResNet in burn.

use std::ops::Range;

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::spec::{POOL_KERNEL, POOL_PADDING, POOL_STRIDE, ResNetLayers};
use crate::burn_layers::conv2d;
use crate::conv::Conv;

/// A ResNet, or a contiguous range of its residual blocks.
#[derive(Module, Debug)]
pub struct ResNet {
    /// Before the first block.
    stem: Option<Conv2d>,
    max_pool: MaxPool2d,
    blocks: Vec<Block>,
    /// After the last block.
    average_pool: Option<AdaptiveAvgPool2d>,
    /// Whether the columns of the last feature map are the output.
    gives_frames: bool,
}

#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    conv2: Conv2d,
    downsample: Option<Conv2d>,
}

/// A convolution, with or without batch norm.
pub(super) trait Layer {
    fn apply(&self, x: Tensor<4>) -> Tensor<4>;
}

impl Layer for Conv2d {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward(x)
    }
}

impl ResNet {
    /// The range `blocks` of `layers`, with the stem if it starts at the first block. If it ends at the last, the average
    /// pooling follows, over each column if it `gives_frames`, otherwise over the whole map.
    pub(crate) fn new(layers: &ResNetLayers<Conv>, blocks: Range<usize>, gives_frames: bool, device: &Device) -> Self {
        let stem = (blocks.start == 0).then(|| conv2d(&layers.stem, device));
        let average_pool = (blocks.end == layers.blocks.len() && !gives_frames).then(average_pool);
        let blocks = layers.blocks[blocks].iter().map(|block| Block {
            conv1: conv2d(&block.conv1, device),
            conv2: conv2d(&block.conv2, device),
            downsample: block.downsample.as_ref().map(|conv| conv2d(conv, device)),
        });
        Self { stem, max_pool: max_pool(), blocks: blocks.collect(), average_pool, gives_frames }
    }

    /// The convolutions, in the order of [`ResNetLayers::iter`].
    pub(crate) fn convolutions(&self) -> impl Iterator<Item = &Conv2d> {
        let blocks = self.blocks.iter();
        self.stem
            .iter()
            .chain(blocks.flat_map(|block| [&block.conv1, &block.conv2].into_iter().chain(&block.downsample)))
    }

    /// Maps images `[n, 1, height, width]`, or the output of the layers before this range, to embeddings `[n, n_outputs]`, to
    /// flattened frames `[n, t * d]`, or to flattened feature maps if the range ends before the pooling.
    pub(crate) fn forward(&self, mut x: Tensor<4>) -> Tensor<2> {
        if let Some(stem) = &self.stem {
            x = apply_stem(x, stem, &self.max_pool);
        }
        for Block { conv1, conv2, downsample } in &self.blocks {
            x = apply_block(x, conv1, conv2, downsample.as_ref());
        }
        if self.gives_frames {
            return x.mean_dim(2).swap_dims(1, 3).flatten(1, 3); // [n, d, h, t] to [n, t, 1, d] to [n, t * d]
        }
        if let Some(pool) = &self.average_pool {
            x = pool.forward(x); // [n, 512, h/32, w/32] to [n, 512, 1, 1]
        }
        x.flatten(1, 3)
    }
}

/// The stem: `[n, 1, h, w]` to `[n, 64, h/4, w/4]`.
pub(super) fn apply_stem(x: Tensor<4>, stem: &impl Layer, pool: &MaxPool2d) -> Tensor<4> {
    let x = relu(stem.apply(x)); // [n, 64, h/2, w/2]
    pool.forward(x)
}

/// A basic block: the sum of two convolutions and a shortcut.
pub(super) fn apply_block<L: Layer>(x: Tensor<4>, conv1: &L, conv2: &L, downsample: Option<&L>) -> Tensor<4> {
    let y = conv2.apply(relu(conv1.apply(x.clone())));
    let shortcut = match downsample {
        Some(downsample) => downsample.apply(x),
        None => x,
    };
    relu(y + shortcut)
}

/// Max pooling after the stem.
pub(super) fn max_pool() -> MaxPool2d {
    MaxPool2dConfig::new([POOL_KERNEL; 2])
        .with_strides([POOL_STRIDE; 2])
        .with_padding(PaddingConfig2d::Explicit(POOL_PADDING, POOL_PADDING, POOL_PADDING, POOL_PADDING))
        .init()
}

/// Global average pooling after the last block.
pub(super) fn average_pool() -> AdaptiveAvgPool2d {
    AdaptiveAvgPool2dConfig::new([1, 1]).init()
}
