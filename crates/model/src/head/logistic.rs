//! Logistic regression: one linear layer on plain embeddings.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use super::layers::HeadLayers;
use super::linear;
use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::Nodes;

/// Largest and smallest C.
const C_RANGE: [f64; 2] = [1e-8, 1e6];

/// Name of the layer.
const OUTPUT: &str = "head.0";

/// Hyperparameters of a logistic regression.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticConfig {
    /// Inverse strength of the L2 penalty on standardised embeddings, as scikit-learn's `C`, 1e-8 to 1e6.
    pub c: f64,
}

impl LogisticConfig {
    /// Every problem with the values; empty if they are valid.
    pub(super) fn validate(&self) -> Vec<String> {
        let [least, most] = C_RANGE;
        match (least..=most).contains(&self.c) {
            true => Vec::new(),
            false => vec![format!("c = {}: must be {least:e} to {most:e}", self.c)],
        }
    }
}

/// Embedding to logits: Linear inputs → classes.
#[derive(Module, Debug)]
pub struct Logistic {
    output: Linear,
}

impl Logistic {
    /// The head with weights `[n_inputs, n_classes]`, row-major, and biases `[n_classes]`, for plain embeddings.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>, device: &Device) -> Self {
        Self { output: linear::linear(weight, bias, device) }
    }

    /// Folds an affine map into the layer.
    pub(super) fn absorb(&self, mean: &Tensor<2>, matrix: &Tensor<2>) -> Self {
        Self { output: linear::absorb(&self.output, mean, matrix) }
    }

    /// Reads the layer.
    pub(super) fn from_tensors(
        get: &mut dyn FnMut(&str) -> Result<HostTensor, Error>,
        device: &Device,
    ) -> Result<Self, Error> {
        let (output, _) = linear::from_tensors(OUTPUT, get, device)?;
        Ok(Self { output })
    }
}

impl HeadLayers for Logistic {
    fn logits(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.output.forward(inputs)
    }

    fn device(&self) -> Device {
        self.output.weight.device()
    }

    fn n_inputs(&self) -> usize {
        self.output.weight.dims()[0]
    }

    fn n_classes(&self) -> usize {
        self.output.weight.dims()[1]
    }

    fn tensors(&self) -> Result<Vec<HostTensor>, Error> {
        linear::tensors(OUTPUT, &self.output)
    }

    fn to_onnx(&self, nodes: &mut Nodes, embedding: &str, logits: &str) {
        nodes.linear(embedding, OUTPUT, logits);
    }
}
