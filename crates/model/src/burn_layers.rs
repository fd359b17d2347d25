//! Converts host weights to burn's layers and back.

use burn::module::Param;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::{Device, Tensor, TensorData};

use crate::conv::{Conv, ConvSpec};
use crate::error::Error;

/// The values of a `float32` tensor, row-major.
pub(crate) fn host_vec<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
    tensor.into_data().try_into_vec().map_err(|error| Error::engine("burn", error))
}

/// burn's configuration of a convolution with bias.
pub(crate) fn conv2d_config(spec: &ConvSpec) -> Conv2dConfig {
    let ([inputs, outputs], groups, [before, after]) = (spec.channels, spec.groups(), spec.padding);
    Conv2dConfig::new([inputs * groups, outputs], [spec.kernel; 2])
        .with_stride([spec.stride; 2])
        .with_groups(groups)
        .with_padding(PaddingConfig2d::Explicit(before, before, after, after))
}

/// A convolution on `device`.
pub(crate) fn conv2d(conv: &Conv, device: &Device) -> Conv2d {
    let ([inputs, outputs], kernel) = (conv.spec.channels, conv.spec.kernel);
    let mut layer = conv2d_config(&conv.spec).init(device);
    layer.weight = Param::from_data(TensorData::new(conv.weight.to_vec(), [outputs, inputs, kernel, kernel]), device);
    layer.bias = Some(Param::from_data(TensorData::new(conv.bias.clone(), [outputs]), device));
    layer
}
