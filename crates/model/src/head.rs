//! The trainable head: ReLU, Dropout, Linear, Linear.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::backbone::host_vec;
use crate::host_tensor::HostTensor;

/// The most units that the inner layer may have.
const MAX_INNER: usize = 1 << 16;

/// The head's shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// Units of the inner layer, 1 to 65536.
    pub inner: usize,
    /// Probability that training zeroes an input, `[0, 1)`.
    pub dropout: f64,
}

impl HeadConfig {
    /// Every problem with the values; empty if they can be used.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(1..=MAX_INNER).contains(&self.inner) {
            problems.push(format!("inner = {}: it is 1 to {MAX_INNER}", self.inner));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            problems.push(format!("dropout = {}: it is at least 0 and below 1", self.dropout));
        }
        problems
    }
}

/// Embedding to logits: ReLU, Dropout, Linear inputs → inner, Linear inner → classes.
///
/// Dropout acts only on inputs that are on an autodiff device.
#[derive(Module, Debug)]
pub struct Head {
    dropout: Dropout,
    inner: Linear,
    output: Linear,
}

impl Head {
    /// A head as torch initialises linear layers: weights and biases uniform in `±1/sqrt(inputs of
    /// the layer)`, drawn at once from the generator of `device` (see [`Device::seed`]).
    ///
    /// # Panics
    /// If `config` does not [`validate`](HeadConfig::validate).
    pub fn new(config: &HeadConfig, n_inputs: usize, n_classes: usize, device: &Device) -> Self {
        Head {
            dropout: DropoutConfig::new(config.dropout).init(),
            inner: random_linear(n_inputs, config.inner, device),
            output: random_linear(config.inner, n_classes, device),
        }
    }

    /// Embeddings `[n, n_inputs]` to logits `[n, n_classes]`.
    pub fn forward(&self, embeddings: Tensor<2>) -> Tensor<2> {
        let x = self.dropout.forward(relu(embeddings)); // [n, n_inputs]
        let x = self.inner.forward(x); // [n, inner]
        self.output.forward(x) // [n, n_classes]
    }

    /// The length of an embedding.
    pub fn n_inputs(&self) -> usize {
        self.inner.weight.dims()[0]
    }

    /// The number of logits.
    pub fn n_classes(&self) -> usize {
        self.output.weight.dims()[1]
    }

    /// Units of the inner layer.
    pub(crate) fn n_inner(&self) -> usize {
        self.inner.weight.dims()[1]
    }

    /// `head.0` and `head.1`, weights `[out, in]` as torch keeps them, biases `[out]`.
    pub(crate) fn tensors(&self) -> Result<Vec<HostTensor>, Error> {
        let mut tensors = Vec::new();
        for (name, linear) in [("head.0", &self.inner), ("head.1", &self.output)] {
            let [inputs, outputs] = linear.weight.dims();
            let weight = host_vec(linear.weight.val().without_autodiff().transpose())?;
            tensors.push(HostTensor::new(&format!("{name}.weight"), vec![outputs, inputs], weight)?);
            if let Some(bias) = &linear.bias {
                let bias = host_vec(bias.val().without_autodiff())?;
                tensors.push(HostTensor::new(&format!("{name}.bias"), vec![outputs], bias)?);
            }
        }
        Ok(tensors)
    }

    /// The inverse of [`Head::tensors`]; `config` is valid. `get` gives a tensor by name.
    pub(crate) fn from_tensors(
        config: &HeadConfig,
        mut get: impl FnMut(&str) -> Result<HostTensor, Error>,
        device: &Device,
    ) -> Result<Head, Error> {
        let mut linear = |name: &str| {
            let weight = get(&format!("{name}.weight"))?;
            let &[outputs, inputs] = weight.shape.as_slice() else {
                return Err(Error::tensor(
                    &weight.name,
                    format!("shape {:?}, expected [outputs, inputs]", weight.shape),
                ));
            };
            let bias = get(&format!("{name}.bias"))?;
            bias.check_shape(&[outputs])?;
            // Transposed here and not on the device: a strided weight is multiplied in another
            // order, and a saved head must give the same bits as before.
            let transposed = (0..inputs * outputs).map(|i| weight.data[i % outputs * inputs + i / outputs]);
            let linear = Linear {
                weight: Param::from_data(TensorData::new(transposed.collect(), [inputs, outputs]), device),
                bias: Some(Param::from_data(TensorData::new(bias.data, [outputs]), device)),
            };
            Ok((linear, weight.name))
        };
        let (inner, inner_name) = linear("head.0")?;
        let (output, output_name) = linear("head.1")?;
        for (found, name) in [(inner.weight.dims()[1], inner_name), (output.weight.dims()[0], output_name)] {
            if found != config.inner {
                return Err(Error::tensor(&name, format!("{found} inner units, the head has {}", config.inner)));
            }
        }
        Ok(Head { dropout: DropoutConfig::new(config.dropout).init(), inner, output })
    }
}

/// Drawn at once: burn's own initialisers draw when a parameter is first used, so that the order of
/// use would change the numbers.
fn random_linear(inputs: usize, outputs: usize, device: &Device) -> Linear {
    let bound = 1.0 / (inputs.max(1) as f64).sqrt();
    let uniform = Distribution::Uniform(-bound, bound);
    Linear {
        weight: Param::from_tensor(Tensor::random([inputs, outputs], uniform, device)),
        bias: Some(Param::from_tensor(Tensor::random([outputs], uniform, device))),
    }
}
