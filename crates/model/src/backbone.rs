//! The backbones in burn.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::Error;
use crate::arch::{ConvSpec, PATCH, PATCH_HOP, POOL_KERNEL, POOL_PADDING, POOL_STRIDE, ResNetLayers};
use crate::fold::Conv;
use crate::pooling::{CryPool, CryPooling};
use crate::weights::frames_below;

/// A backbone up to the global average pooling, or a stretch of a ResNet's residual blocks.
///
/// A frozen one lives on a plain device: no gradient reaches it. Batch statistics reach none: there is no batch norm.
#[allow(clippy::large_enum_variant)] // there is one of it, and burn's modules go in no box
#[derive(Module, Debug)]
pub enum Backbone {
    /// ResNet18 or ResNet34.
    ResNet(ResNet),
    /// YAMNet.
    Yamnet(Yamnet),
    /// Two together.
    Both(Both),
}

/// A ResNet, and YAMNet beside it.
#[derive(Module, Debug)]
pub struct Both {
    pub(crate) resnet: ResNet,
    pub(crate) yamnet: Yamnet,
}

/// A ResNet, or a stretch of its residual blocks.
#[derive(Module, Debug)]
pub struct ResNet {
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

/// YAMNet. What it hears at once is a patch of 96 frames; an embedding is pooled over the patches of a spectrogram:
/// see [`Pooling`](crate::Pooling).
#[derive(Module, Debug)]
pub struct Yamnet {
    convs: Vec<Conv2d>,
    average_pool: AdaptiveAvgPool2d,
    cry_pool: Option<CryPool>,
}

impl Backbone {
    /// Images `[n, 1, height, width]`, or what the layers before this stretch made of them, to embeddings
    /// `[n, 512]` (YAMNet: `[n, 1024]`, or `[n, 2048]` with [`Pooling::Cry`](crate::Pooling)), or to flattened feature maps if
    /// the stretch ends before the pooling; all `float32`.
    /// A ResNet's images are in 0..1; YAMNet's are log-mel spectrograms, `height` frames (a multiple of 48, at least 96) by 64
    /// mel bands. For two together the image is a square and, below it, such a spectrogram, row after row, filled up to whole rows of the
    /// square's width; the embeddings follow one another. Gradients are followed if the weights are on an autodiff device.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = if self.device().is_autodiff() { x } else { x.without_autodiff() };
        match self {
            Self::ResNet(resnet) => resnet.forward(x),
            Self::Yamnet(yamnet) => yamnet.forward(x),
            Self::Both(Both { resnet, yamnet }) => {
                let [n, _, height, width] = x.dims();
                let frames = frames_below([height, width]);
                let below = x.clone().narrow(2, width, height - width).flatten::<2>(1, 3);
                let spectrogram = below.narrow(1, 0, frames * PATCH[1]).reshape([n, 1, frames, PATCH[1]]);
                Tensor::cat(vec![resnet.forward(x.narrow(2, 0, width)), yamnet.forward(spectrogram)], 1)
            }
        }
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.convolutions().next().map_or_else(crate::cpu, |conv| conv.weight.device())
    }

    /// Its convolutions, in the order of [`Layers::iter`](crate::arch::Layers::iter).
    pub(crate) fn convolutions(&self) -> Box<dyn Iterator<Item = &Conv2d> + '_> {
        match self {
            Self::ResNet(resnet) => Box::new(resnet.convolutions()),
            Self::Yamnet(yamnet) => Box::new(yamnet.convs.iter()),
            Self::Both(Both { resnet, yamnet }) => Box::new(resnet.convolutions().chain(&yamnet.convs)),
        }
    }
}

impl ResNet {
    /// The stretch `blocks` of `layers`, with the stem if it starts with the first and the average pooling if it ends
    /// with the last.
    pub(crate) fn new(layers: &ResNetLayers<Conv>, blocks: Range<usize>, device: &Device) -> Self {
        let stem = (blocks.start == 0).then(|| conv2d(&layers.stem, device));
        let average_pool = (blocks.end == layers.blocks.len()).then(|| AdaptiveAvgPool2dConfig::new([1, 1]).init());
        let blocks = layers.blocks[blocks].iter().map(|block| Block {
            conv1: conv2d(&block.conv1, device),
            conv2: conv2d(&block.conv2, device),
            downsample: block.downsample.as_ref().map(|conv| conv2d(conv, device)),
        });
        Self { stem, max_pool: max_pool(), blocks: blocks.collect(), average_pool }
    }

    fn convolutions(&self) -> impl Iterator<Item = &Conv2d> {
        let blocks = self.blocks.iter();
        self.stem
            .iter()
            .chain(blocks.flat_map(|block| [&block.conv1, &block.conv2].into_iter().chain(&block.downsample)))
    }

    fn forward(&self, mut x: Tensor<4>) -> Tensor<2> {
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

impl Yamnet {
    pub(crate) fn new(convs: &[Conv], pooling: Option<&CryPooling>, device: &Device) -> Self {
        let convs = convs.iter().map(|conv| conv2d(conv, device)).collect();
        Self {
            convs,
            average_pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            cry_pool: pooling.map(|pooling| pooling.to_module(device)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let [n, _, frames, bands] = x.dims();
        let halves = frames / PATCH_HOP;
        let patches = halves - 1;
        let x = x.reshape([n, halves, PATCH_HOP, bands]);
        let x = Tensor::cat(vec![x.clone().narrow(1, 0, patches), x.narrow(1, 1, patches)], 2); // [n, patches, 96, 64]
        let mut x = x.reshape([n * patches, 1, PATCH[0], bands]);
        for conv in &self.convs {
            x = relu(conv.forward(x)); // to [n * patches, 1024, 3, 2]
        }
        let x = self.average_pool.forward(x).flatten::<2>(1, 3);
        let n_outputs = x.dims()[1];
        let x = x.reshape([n, patches, n_outputs]);
        match &self.cry_pool {
            Some(pool) => pool.forward(x),
            None => x.mean_dim(1).squeeze_dim(1),
        }
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
    let ([inputs, outputs], groups, [before, after]) = (spec.channels, spec.groups(), spec.padding);
    Conv2dConfig::new([inputs * groups, outputs], [spec.kernel; 2])
        .with_stride([spec.stride; 2])
        .with_groups(groups)
        .with_padding(PaddingConfig2d::Explicit(before, before, after, after))
}

fn conv2d(conv: &Conv, device: &Device) -> Conv2d {
    let ([inputs, outputs], kernel) = (conv.spec.channels, conv.spec.kernel);
    let mut layer = conv2d_config(&conv.spec).init(device);
    layer.weight = Param::from_data(TensorData::new(conv.weight.clone(), [outputs, inputs, kernel, kernel]), device);
    layer.bias = Some(Param::from_data(TensorData::new(conv.bias.clone(), [outputs]), device));
    layer
}
