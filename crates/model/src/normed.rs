//! The ResNet as it is trained from scratch: with batch norm, which is folded into the convolutions afterwards.

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d};
use burn::nn::{BatchNorm as BatchNorm2d, BatchNormConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::arch::{ConvSpec, Layers};
use crate::backbone::{conv2d_config, host_vec, max_pool};
use crate::fold::{BatchNorm, RawBackbone, RawConv};
use crate::host_tensor::HostTensor;
use crate::random::NormalDraws;
use crate::{Arch, BackboneWeights, Error};

/// A ResNet with batch norm, up to the global average pooling. On an autodiff device it norms by the batch and follows its
/// statistics with momentum 0.1; on a plain one it norms by what it has followed.
#[derive(Module, Debug)]
pub struct NormedBackbone {
    stem: NormedConv,
    max_pool: MaxPool2d,
    blocks: Vec<NormedBlock>,
    average_pool: AdaptiveAvgPool2d,
    #[module(skip)]
    arch: Arch,
}

#[derive(Module, Debug)]
struct NormedBlock {
    conv1: NormedConv,
    conv2: NormedConv,
    downsample: Option<NormedConv>,
}

/// A convolution without bias, then batch norm.
#[derive(Module, Debug)]
struct NormedConv {
    conv: Conv2d,
    norm: BatchNorm2d,
}

impl NormedBackbone {
    /// The network that [`BackboneWeights::random`] draws, with batch norm the identity.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is no ResNet.
    pub fn random(arch: Arch, seed: u64, device: &Device) -> Result<Self, Error> {
        let mut draws = NormalDraws::new(seed);
        let Ok(layers) = arch
            .layers()
            .try_map(|spec| Ok::<_, std::convert::Infallible>(NormedConv::random(spec, &mut draws, device)));
        let Layers::ResNet(layers) = layers else {
            return Err(Error::Argument(format!("{arch} is not trained from scratch: only a ResNet is")));
        };
        let blocks = layers.blocks.into_iter().map(|block| NormedBlock {
            conv1: block.conv1,
            conv2: block.conv2,
            downsample: block.downsample,
        });
        Ok(Self {
            stem: layers.stem,
            max_pool: max_pool(),
            blocks: blocks.collect(),
            average_pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            arch,
        })
    }

    /// Images `[n, 1, height, width]` in 0..1 to embeddings `[n, channels of the last stage]`, `float32`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.max_pool.forward(relu(self.stem.forward(images))); // [n, width, h/4, w/4]
        for block in &self.blocks {
            let y = block.conv2.forward(relu(block.conv1.forward(x.clone())));
            let shortcut = match &block.downsample {
                Some(downsample) => downsample.forward(x),
                None => x,
            };
            x = relu(y + shortcut);
        }
        self.average_pool.forward(x).flatten(1, 3)
    }

    /// The length of an embedding.
    pub fn n_outputs(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.conv2.norm.gamma.dims()[0])
    }

    /// The same network for plain devices: each batch norm goes into the convolution before it, in `f64`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a number is not finite: training diverged. [`Error::Device`] if the device does not give them.
    pub fn fold(&self) -> Result<BackboneWeights, Error> {
        // Also brings the statistics up to the last batch.
        let plain = self.valid();
        let blocks = plain.blocks.iter();
        let blocks = blocks.flat_map(|block| [&block.conv1, &block.conv2].into_iter().chain(&block.downsample));
        let mut layers = std::iter::once(&plain.stem).chain(blocks);
        let raw = self.arch.layers().try_map(|spec| {
            let layer = layers.next().ok_or_else(|| Error::tensor(&spec.name, "missing"))?;
            layer.raw(spec)
        })?;
        BackboneWeights::from_raw(self.arch, RawBackbone { layers: raw, classifier: None, pooling: None })
    }
}

impl NormedConv {
    fn random(spec: ConvSpec, draws: &mut NormalDraws, device: &Device) -> Self {
        let drawn = draws.conv(spec);
        let [inputs, outputs] = drawn.spec.channels;
        let shape = [outputs, inputs, drawn.spec.kernel, drawn.spec.kernel];
        let mut conv = conv2d_config(&drawn.spec).with_bias(false).init(device);
        conv.weight = Param::from_data(TensorData::new(drawn.weight, shape), device);
        Self { conv, norm: BatchNormConfig::new(outputs).init(device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x))
    }

    fn raw(&self, spec: ConvSpec) -> Result<RawConv, Error> {
        let channels = self.norm.gamma.dims().to_vec();
        let vector = |kind: &str, tensor: Tensor<1>| {
            HostTensor::new(&format!("{}.{kind}", spec.norm), channels.clone(), host_vec(tensor)?)
        };
        let norm = BatchNorm {
            gamma: vector("weight", self.norm.gamma.val())?,
            beta: vector("bias", self.norm.beta.val())?,
            mean: vector("running_mean", self.norm.running_mean.value())?,
            variance: vector("running_var", self.norm.running_var.value())?,
            epsilon: self.norm.epsilon,
        };
        let weight = self.conv.weight.val();
        let shape = weight.dims().to_vec();
        let weight = HostTensor::new(&format!("{}.weight", spec.name), shape, host_vec(weight)?)?;
        Ok(RawConv { spec, weight, bias: None, norm: Some(norm) })
    }
}
