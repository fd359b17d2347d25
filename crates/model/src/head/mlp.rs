//! ReLU, dropout and two linear layers.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};

use super::layers::HeadLayers;
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

    fn forward_train(&self, inputs: Tensor<2>, rng: &mut dyn Rng) -> Tensor<2> {
        self.logits(dropped(inputs, self.dropout, rng))
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

/// Dropout of inputs `[n, n_inputs]`: each becomes 0 with the probability p, the others are multiplied by 1 / (1 - p).
fn dropped(inputs: Tensor<2>, p: f64, rng: &mut dyn Rng) -> Tensor<2> {
    if p == 0.0 {
        return inputs;
    }
    let shape = inputs.dims();
    let kept = (1.0 / (1.0 - p)) as f32;
    let mask = (0..shape[0] * shape[1]).map(|_| if rng.random::<f64>() < p { 0.0 } else { kept });
    let mask = Tensor::from_data(TensorData::new(mask.collect::<Vec<f32>>(), shape), &inputs.device());
    inputs * mask
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::burn_layers::host_vec;

    #[test]
    fn dropout_zeroes_with_its_probability_and_scales_the_rest() {
        let ones = || Tensor::ones([400, 100], &Device::flex());
        let rng = |seed| ChaCha8Rng::seed_from_u64(seed);
        let dropped = |p, seed| host_vec(dropped(ones(), p, &mut rng(seed))).unwrap();
        let values = dropped(0.8, 1);
        let n_zero = values.iter().filter(|value| **value == 0.0).count();
        // Binomial(40000, 0.8): six standard deviations are 480.
        assert!(n_zero.abs_diff(32_000) < 480, "{n_zero}");
        assert!(values.iter().all(|value| *value == 0.0 || (*value - 5.0).abs() < 1e-5));
        assert_eq!(values, dropped(0.8, 1), "the generator decides");
        assert_ne!(values, dropped(0.8, 2));
        assert_eq!(dropped(0.0, 1), [1.0; 40_000]);
    }
}
