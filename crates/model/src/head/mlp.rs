//! ReLU, dropout and two linear layers.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use rand::Rng;

use super::layers::{HeadLayers, problems};
use super::linear::{self, random_linear};
use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::Nodes;

/// Maximum number of inner units.
const MAX_INNER: usize = 1 << 16;

/// Names of the layers.
const INNER: &str = "head.0";
const OUTPUT: &str = "head.1";

/// Hyperparameters of an mlp.
#[derive(Clone, Debug, PartialEq)]
pub struct MlpConfig {
    /// Units of the inner layer, 1 to 65536.
    pub inner: usize,
    /// Dropout probability during training, `[0, 1)`.
    pub dropout: f64,
}

impl MlpConfig {
    /// Every problem with the values; empty if they are valid.
    pub(super) fn validate(&self) -> Vec<String> {
        problems("inner", self.inner, MAX_INNER, self.dropout)
    }
}

/// Embedding to logits: ReLU, Dropout, Linear inputs → inner, Linear inner → classes.
#[derive(Module, Debug)]
pub struct Mlp {
    dropout: f64,
    inner: Linear,
    output: Linear,
}

impl Mlp {
    /// Initialises an mlp as torch initialises linear layers.
    pub(super) fn new<R: Rng>(
        config: &MlpConfig,
        n_inputs: usize,
        n_classes: usize,
        rng: &mut R,
        device: &Device,
    ) -> Self {
        Self {
            dropout: config.dropout,
            inner: random_linear(n_inputs, config.inner, rng, device),
            output: random_linear(config.inner, n_classes, rng, device),
        }
    }

    /// Folds an affine map into the first linear layer.
    pub(super) fn absorb(&self, mean: &Tensor<2>, matrix: &Tensor<2>) -> Self {
        Self { inner: linear::absorb(&self.inner, mean, matrix), ..self.clone() }
    }

    /// Units of the inner layer.
    pub(super) fn n_inner(&self) -> usize {
        self.inner.weight.dims()[1]
    }

    /// Reads the layers; `config` is valid.
    pub(super) fn from_tensors(
        config: &MlpConfig,
        get: &mut dyn FnMut(&str) -> Result<HostTensor, Error>,
        device: &Device,
    ) -> Result<Self, Error> {
        let (inner, inner_name) = linear::from_tensors(INNER, get, device)?;
        let (output, output_name) = linear::from_tensors(OUTPUT, get, device)?;
        for (found, name) in [(inner.weight.dims()[1], inner_name), (output.weight.dims()[0], output_name)] {
            if found != config.inner {
                return Err(Error::tensor(&name, format!("{found} inner units, the head has {}", config.inner)));
            }
        }
        Ok(Self { dropout: config.dropout, inner, output })
    }
}

impl HeadLayers for Mlp {
    fn prepare(&self, embeddings: Tensor<2>) -> Tensor<2> {
        relu(embeddings)
    }

    fn logits(&self, inputs: Tensor<2>) -> Tensor<2> {
        let x = self.inner.forward(inputs); // [n, inner]
        self.output.forward(x) // [n, n_classes]
    }

    fn dropout(&self) -> f64 {
        self.dropout
    }

    fn device(&self) -> Device {
        self.inner.weight.device()
    }

    fn n_inputs(&self) -> usize {
        self.inner.weight.dims()[0]
    }

    fn n_classes(&self) -> usize {
        self.output.weight.dims()[1]
    }

    fn tensors(&self) -> Result<Vec<HostTensor>, Error> {
        Ok([linear::tensors(INNER, &self.inner)?, linear::tensors(OUTPUT, &self.output)?].concat())
    }

    fn to_onnx(&self, nodes: &mut Nodes, embedding: &str, logits: &str) {
        let x = nodes.add("Relu", &[embedding], "head.relu", vec![]);
        let x = nodes.linear(&x, INNER, "head.0.out");
        nodes.linear(&x, OUTPUT, logits);
    }
}
