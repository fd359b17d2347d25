//! A linear layer of a head: its initial weights, its tensors, and an affine map folded into it.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};

use crate::burn_layers::host_vec;
use crate::error::Error;
use crate::host_tensor::HostTensor;

/// A layer as torch initialises it: weights and biases uniform in `±1/sqrt(inputs)`.
pub fn random_linear<R: Rng + ?Sized>(inputs: usize, outputs: usize, rng: &mut R, device: &Device) -> Linear {
    random_within(1.0 / (inputs.max(1) as f32).sqrt(), inputs, outputs, rng, device)
}

/// A layer with weights and biases uniform in `±bound`.
pub(super) fn random_within<R: Rng + ?Sized>(
    bound: f32,
    inputs: usize,
    outputs: usize,
    rng: &mut R,
    device: &Device,
) -> Linear {
    let mut uniform = |n: usize| (0..n).map(|_| rng.random_range(-bound..bound)).collect::<Vec<f32>>();
    linear(uniform(inputs * outputs), uniform(outputs), device)
}

/// A layer with weights `[inputs, outputs]`, row-major, and biases `[outputs]`.
pub(super) fn linear(weight: Vec<f32>, bias: Vec<f32>, device: &Device) -> Linear {
    let [inputs, outputs] = [weight.len() / bias.len().max(1), bias.len()];
    Linear {
        weight: Param::from_data(TensorData::new(weight, [inputs, outputs]), device),
        bias: Some(Param::from_data(TensorData::new(bias, [outputs]), device)),
    }
}

/// The layer that gives for `x` what `linear` gives for `(x - mean) · matrix`, up to rounding. `mean` is `[1, inputs]`, `matrix`
/// `[inputs, inputs]`.
pub(super) fn absorb(linear: &Linear, mean: &Tensor<2>, matrix: &Tensor<2>) -> Linear {
    let weight = matrix.clone().matmul(linear.weight.val()); // [inputs, outputs]
    let shift = mean.clone().matmul(weight.clone()).squeeze_dim(0); // [outputs]
    let bias = linear.bias.as_ref().map(|bias| Param::from_tensor(bias.val() - shift));
    Linear { weight: Param::from_tensor(weight), bias }
}

/// `NAME.weight`, `[outputs, inputs]`, as torch stores it, and `NAME.bias`, `[outputs]`.
pub(super) fn tensors(name: &str, linear: &Linear) -> Result<Vec<HostTensor>, Error> {
    let [inputs, outputs] = linear.weight.dims();
    let weight = host_vec(linear.weight.val().without_autodiff().transpose())?;
    let mut tensors = vec![HostTensor::new(&format!("{name}.weight"), vec![outputs, inputs], weight)?];
    if let Some(bias) = &linear.bias {
        let bias = host_vec(bias.val().without_autodiff())?;
        tensors.push(HostTensor::new(&format!("{name}.bias"), vec![outputs], bias)?);
    }
    Ok(tensors)
}

/// The inverse of [`tensors`]; `get` returns a tensor by name. Also returns the name of the weights' tensor, for messages.
pub(super) fn from_tensors(
    name: &str,
    get: &mut dyn FnMut(&str) -> Result<HostTensor, Error>,
    device: &Device,
) -> Result<(Linear, String), Error> {
    let weight = get(&format!("{name}.weight"))?;
    let &[outputs, _] = weight.shape.as_slice() else {
        return Err(Error::tensor(&weight.name, format!("shape {:?}, expected [outputs, inputs]", weight.shape)));
    };
    let bias = get(&format!("{name}.bias"))?;
    bias.check_shape(&[outputs])?;
    Ok((transposed(&weight.data, &bias.data, device), weight.name))
}

/// As [`from_tensors`]; fails unless the layer has these inputs and outputs, as far as they are given.
pub(super) fn sized_from_tensors(
    name: &str,
    [inputs, outputs]: [Option<usize>; 2],
    get: &mut dyn FnMut(&str) -> Result<HostTensor, Error>,
    device: &Device,
) -> Result<Linear, Error> {
    let (layer, tensor) = from_tensors(name, get, device)?;
    let found = layer.weight.dims();
    let expected = [inputs.unwrap_or(found[0]), outputs.unwrap_or(found[1])];
    if found == expected {
        return Ok(layer);
    }
    let [[inputs, outputs], found] = [expected, found];
    Err(Error::tensor(&tensor, format!("shape [{}, {}], expected [{outputs}, {inputs}]", found[1], found[0])))
}

/// A layer with weights `[outputs, inputs]`, row-major, and biases `[outputs]`.
pub(super) fn transposed(weight: &[f32], bias: &[f32], device: &Device) -> Linear {
    let (inputs, outputs) = (weight.len() / bias.len().max(1), bias.len());
    // Transposed here and not on the device: a strided weight is multiplied in another order, and a saved head must
    // reproduce the same bits.
    let values = (0..inputs * outputs).map(|i| weight[i % outputs * inputs + i / outputs]);
    linear(values.collect(), bias.to_vec(), device)
}
