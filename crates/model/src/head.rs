//! The trainable head: ReLU, Dropout, Linear, Linear.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::burn_layers::host_vec;
use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::Nodes;

/// Maximum number of inner units.
const MAX_INNER: usize = 1 << 16;

/// Hyperparameters of the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// Units of the inner layer, 1 to 65536.
    pub inner: usize,
    /// Dropout probability during training, `[0, 1)`.
    pub dropout: f64,
}

impl HeadConfig {
    /// Every problem with the values; empty if they are valid.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(1..=MAX_INNER).contains(&self.inner) {
            problems.push(format!("inner = {}: must be 1 to {MAX_INNER}", self.inner));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            problems.push(format!("dropout = {}: must be at least 0 and below 1", self.dropout));
        }
        problems
    }
}

/// Embedding to logits: ReLU, Dropout, Linear inputs → inner, Linear inner → classes.
///
/// Random numbers come from the caller's generator, because burn's own generator is global to the process.
#[derive(Module, Debug)]
pub struct Head {
    dropout: f64,
    inner: Linear,
    output: Linear,
}

impl Head {
    /// Initialises a head as torch initialises linear layers: weights and biases uniform in `±1/sqrt(inputs of the layer)`.
    pub fn new<R: Rng>(config: &HeadConfig, n_inputs: usize, n_classes: usize, rng: &mut R, device: &Device) -> Self {
        Head {
            dropout: config.dropout,
            inner: random_linear(n_inputs, config.inner, rng, device),
            output: random_linear(config.inner, n_classes, rng, device),
        }
    }

    /// Embeddings `[n, n_inputs]` to logits `[n, n_classes]`, without dropout.
    pub fn forward(&self, embeddings: Tensor<2>) -> Tensor<2> {
        self.logits(relu(embeddings))
    }

    /// Logits `[n, n_classes]` row-major of embeddings `[n, n_inputs]` in host memory.
    ///
    /// # Errors
    /// [`Error::Engine`] if the device returns no result.
    pub fn classify(&self, embeddings: &[f32]) -> Result<Vec<f32>, Error> {
        let shape = [embeddings.len() / self.n_inputs(), self.n_inputs()];
        host_vec(self.forward(Tensor::from_data(TensorData::new(embeddings.to_vec(), shape), &self.device())))
    }

    /// Dropout of rectified inputs, `[n, n_inputs]`: each becomes 0 with the dropout probability p, the others are multiplied
    /// by 1 / (1 - p).
    pub fn drop_inputs<R: Rng>(&self, inputs: Tensor<2>, rng: &mut R) -> Tensor<2> {
        if self.dropout == 0.0 {
            return inputs;
        }
        let shape = inputs.dims();
        let kept = (1.0 / (1.0 - self.dropout)) as f32;
        let mask = (0..shape[0] * shape[1]).map(|_| if rng.random::<f64>() < self.dropout { 0.0 } else { kept });
        let mask = Tensor::from_data(TensorData::new(mask.collect::<Vec<f32>>(), shape), &inputs.device());
        inputs * mask
    }

    /// The linear layers: maps rectified inputs `[n, n_inputs]` to logits `[n, n_classes]`.
    pub fn logits(&self, inputs: Tensor<2>) -> Tensor<2> {
        let x = self.inner.forward(inputs); // [n, inner]
        self.output.forward(x) // [n, n_classes]
    }

    /// Folds an affine map into the first linear layer: `forward(x)` of the result equals `logits((relu(x) - mean) · matrix)`
    /// of this head, up to rounding. `mean` is `[1, n_inputs]`, `matrix` `[n_inputs, n_inputs]`.
    #[must_use]
    pub fn absorb(&self, mean: &Tensor<2>, matrix: &Tensor<2>) -> Self {
        let weight = matrix.clone().matmul(self.inner.weight.val()); // [n_inputs, inner]
        let shift = mean.clone().matmul(weight.clone()).squeeze_dim(0); // [inner]
        let bias = self.inner.bias.as_ref().map(|bias| Param::from_tensor(bias.val() - shift));
        Self { inner: Linear { weight: Param::from_tensor(weight), bias }, ..self.clone() }
    }

    /// The device that holds the weights.
    pub fn device(&self) -> Device {
        self.inner.weight.device()
    }

    /// Length of an embedding.
    pub fn n_inputs(&self) -> usize {
        self.inner.weight.dims()[0]
    }

    /// Number of logits.
    pub fn n_classes(&self) -> usize {
        self.output.weight.dims()[1]
    }

    /// Units of the inner layer.
    pub(crate) fn n_inner(&self) -> usize {
        self.inner.weight.dims()[1]
    }

    /// `head.0` and `head.1`: weights `[out, in]`, as torch stores them, and biases `[out]`.
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

    /// Adds the layers to an ONNX graph, from the value named `embedding` to the value named `logits`.
    pub(crate) fn to_onnx(&self, nodes: &mut Nodes, embedding: &str, logits: &str) {
        let x = nodes.add("Relu", &[embedding], "head.relu", vec![]);
        let x = nodes.linear(&x, "head.0", "head.0.out");
        nodes.linear(&x, "head.1", logits);
    }

    /// The inverse of [`Head::tensors`]; `config` is valid. `get` returns a tensor by name.
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
            // Transposed here and not on the device: a strided weight is multiplied in another order, and a saved head must
            // reproduce the same bits.
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
        Ok(Head { dropout: config.dropout, inner, output })
    }
}

/// A layer as torch initialises it: weights and biases uniform in `±1/sqrt(inputs)`.
pub fn random_linear<R: Rng>(inputs: usize, outputs: usize, rng: &mut R, device: &Device) -> Linear {
    let bound = 1.0 / (inputs.max(1) as f32).sqrt();
    let mut uniform = |n: usize| (0..n).map(|_| rng.random_range(-bound..bound)).collect::<Vec<f32>>();
    Linear {
        weight: Param::from_data(TensorData::new(uniform(inputs * outputs), [inputs, outputs]), device),
        bias: Some(Param::from_data(TensorData::new(uniform(outputs), [outputs]), device)),
    }
}
