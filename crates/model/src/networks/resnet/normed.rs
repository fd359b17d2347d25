//! A ResNet for training from scratch: with batch norm, which is folded into the convolutions afterwards.

use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::pool::{AdaptiveAvgPool2d, MaxPool2d};
use burn::nn::{BatchNorm as BatchNorm2d, BatchNormConfig};
use burn::tensor::{Device, Tensor, TensorData};

use super::module::{Layer, apply_block, apply_stem, average_pool, max_pool};
use super::spec::ResNetArch;
use super::weights::ResNetWeights;
use crate::arch::Arch;
use crate::burn_layers::{conv2d_config, host_vec};
use crate::conv::ConvSpec;
use crate::error::Error;
use crate::fold::{BatchNorm, RawConv};
use crate::host_tensor::HostTensor;
use crate::networks::{NetworkArch, NetworkWeights};
use crate::random::NormalDraws;
use crate::weights::BackboneWeights;

/// A ResNet with batch norm, up to the global average pooling. On an autodiff device it normalises with batch statistics and
/// updates the running statistics with momentum 0.1; on a plain device it normalises with the running statistics.
#[derive(Module, Debug)]
pub struct NormedBackbone {
    stem: NormedConv,
    max_pool: MaxPool2d,
    blocks: Vec<NormedBlock>,
    average_pool: AdaptiveAvgPool2d,
    #[module(skip)]
    arch: ResNetArch,
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
    /// The network that [`BackboneWeights::random`] draws, with an identity batch norm after each convolution.
    ///
    /// # Errors
    /// [`Error::Argument`] if `arch` is not a single ResNet.
    pub fn random(arch: Arch, seed: u64, device: &Device) -> Result<Self, Error> {
        let Some(NetworkArch::ResNet(arch)) = arch.only_network() else {
            return Err(Error::Argument(format!("{arch} cannot be trained from scratch: only a ResNet can")));
        };
        let mut draws = NormalDraws::new(seed);
        let random = |spec| Ok::<_, std::convert::Infallible>(NormedConv::random(spec, &mut draws, device));
        let Ok(layers) = arch.layers().try_map(random);
        let blocks = layers.blocks.into_iter().map(|block| NormedBlock {
            conv1: block.conv1,
            conv2: block.conv2,
            downsample: block.downsample,
        });
        Ok(Self {
            stem: layers.stem,
            max_pool: max_pool(),
            blocks: blocks.collect(),
            average_pool: average_pool(),
            arch,
        })
    }

    /// Images `[n, 1, height, width]` in 0..1 to embeddings `[n, channels of the last stage]`, `float32`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = apply_stem(images, &self.stem, &self.max_pool);
        for NormedBlock { conv1, conv2, downsample } in &self.blocks {
            x = apply_block(x, conv1, conv2, downsample.as_ref());
        }
        self.average_pool.forward(x).flatten(1, 3)
    }

    /// Length of an embedding.
    pub fn n_outputs(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.conv2.norm.gamma.dims()[0])
    }

    /// The same network for plain devices: each batch norm is folded into the convolution before it, in `f64`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a value is not finite, because training diverged. [`Error::Engine`] if the device does not return
    /// the values.
    pub fn fold(&self) -> Result<BackboneWeights, Error> {
        // This also applies the last batch to the running statistics.
        let plain = self.valid();
        let blocks = plain.blocks.iter();
        let blocks = blocks.flat_map(|block| [&block.conv1, &block.conv2].into_iter().chain(&block.downsample));
        let mut layers = std::iter::once(&plain.stem).chain(blocks);
        let raw = self.arch.layers().try_map(|spec| {
            let layer = layers.next().ok_or_else(|| Error::tensor(&spec.name, "missing"))?;
            layer.raw(spec)
        })?;
        Ok(NetworkWeights::ResNet(ResNetWeights::from_raw(self.arch, raw)?).into())
    }
}

impl Layer for NormedConv {
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x))
    }
}

impl NormedConv {
    fn random(spec: ConvSpec, draws: &mut NormalDraws, device: &Device) -> Self {
        let drawn = draws.conv(spec);
        let [inputs, outputs] = drawn.spec.channels;
        let shape = [outputs, inputs, drawn.spec.kernel, drawn.spec.kernel];
        let mut conv = conv2d_config(&drawn.spec).with_bias(false).init(device);
        conv.weight = Param::from_data(TensorData::new(drawn.weight.to_vec(), shape), device);
        Self { conv, norm: BatchNormConfig::new(outputs).init(device) }
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
