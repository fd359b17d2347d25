//! Attentive statistics pooling over frames (Okabe, Koshinaka and Shinoda, "Attentive Statistics Pooling for Deep Speaker
//! Embedding", Interspeech 2018) and a linear layer.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::{relu, softmax, tanh};
use burn::tensor::{Device, Tensor};
use rand::Rng;

use super::frames::{MAX_HIDDEN, frames_of, linear_to_onnx};
use super::layers::{HeadLayers, problems};
use super::linear::{self, random_linear};
use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::{Nodes, int};

/// Added to squared deviations, and so to variances: the gradient of a square root is infinite at 0.
const FLOOR: f32 = 1e-5;

/// Names of the layers.
const FRAME: &str = "head.0";
const ATTENTION: &str = "head.1";
const SCORE: &str = "head.2";
const OUTPUT: &str = "head.3";

/// Hyperparameters of an attention head.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionConfig {
    /// Units of the layer on each frame and of the attention, 1 to 4096.
    pub hidden: usize,
    /// Probability in training that a feature of a recording is dropped from all of its frames, `[0, 1)`.
    pub dropout: f64,
}

impl AttentionConfig {
    /// Every problem with the values; empty if they are valid.
    pub(super) fn validate(&self) -> Vec<String> {
        problems("hidden", self.hidden, MAX_HIDDEN, self.dropout)
    }

    /// Number of weights and biases of such a head.
    pub(super) fn n_weights(&self, n_inputs: usize, n_classes: usize) -> usize {
        let hidden = self.hidden;
        (n_inputs + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) + (2 * hidden + 1) * n_classes
    }
}

/// Frames to logits: dropout of features, Linear inputs → hidden and ReLU on each frame, mean and standard deviation over time,
/// weighted by the attention, Linear 2 · hidden → classes.
///
/// The attention is the softmax over time of Linear hidden → hidden, tanh, Linear hidden → 1.
#[derive(Module, Debug)]
pub struct Attention {
    dropout: f64,
    frame: Linear,
    attention: Linear,
    score: Linear,
    output: Linear,
}

impl Attention {
    /// Initialises a head as torch initialises linear layers.
    pub(super) fn new<R: Rng>(
        config: &AttentionConfig,
        n_inputs: usize,
        n_classes: usize,
        rng: &mut R,
        device: &Device,
    ) -> Self {
        let AttentionConfig { hidden, dropout } = *config;
        Self {
            dropout,
            frame: random_linear(n_inputs, hidden, rng, device),
            attention: random_linear(hidden, hidden, rng, device),
            score: random_linear(hidden, 1, rng, device),
            output: random_linear(2 * hidden, n_classes, rng, device),
        }
    }

    /// Folds an affine map of each frame into the first layer.
    pub(super) fn absorb(&self, mean: &Tensor<2>, matrix: &Tensor<2>) -> Self {
        Self { frame: linear::absorb(&self.frame, mean, matrix), ..self.clone() }
    }

    /// Units of the layer on each frame.
    pub(super) fn n_hidden(&self) -> usize {
        self.frame.weight.dims()[1]
    }

    /// Reads the layers; `config` is valid.
    pub(super) fn from_tensors(
        config: &AttentionConfig,
        get: &mut dyn FnMut(&str) -> Result<HostTensor, Error>,
        device: &Device,
    ) -> Result<Self, Error> {
        let hidden = config.hidden;
        let mut layer = |name: &str, inputs, outputs| linear::sized_from_tensors(name, [inputs, outputs], get, device);
        Ok(Self {
            dropout: config.dropout,
            frame: layer(FRAME, None, Some(hidden))?,
            attention: layer(ATTENTION, Some(hidden), Some(hidden))?,
            score: layer(SCORE, Some(hidden), Some(1))?,
            output: layer(OUTPUT, Some(2 * hidden), None)?,
        })
    }

    fn apply(&self, frames: Tensor<3>) -> Tensor<2> {
        let x = relu(self.frame.forward(frames)); // [n, t, hidden]
        let scores = self.score.forward(tanh(self.attention.forward(x.clone()))); // [n, t, 1]
        let weights = softmax(scores, 1).swap_dims(1, 2); // [n, 1, t]
        let mean = weights.clone().matmul(x.clone()); // [n, 1, hidden]
        let variance = weights.matmul((x - mean.clone()).square() + FLOOR);
        let statistics = Tensor::cat(vec![mean, variance.sqrt()], 2); // [n, 1, 2 * hidden]
        self.output.forward(statistics.squeeze_dim(1)) // [n, n_classes]
    }
}

impl HeadLayers for Attention {
    fn logits(&self, rows: Tensor<2>) -> Tensor<2> {
        self.apply(frames_of(rows, self.n_inputs()))
    }

    fn dropout(&self) -> f64 {
        self.dropout
    }

    fn device(&self) -> Device {
        self.frame.weight.device()
    }

    fn n_inputs(&self) -> usize {
        self.frame.weight.dims()[0]
    }

    fn n_classes(&self) -> usize {
        self.output.weight.dims()[1]
    }

    fn tensors(&self) -> Result<Vec<HostTensor>, Error> {
        let layers = [(FRAME, &self.frame), (ATTENTION, &self.attention), (SCORE, &self.score), (OUTPUT, &self.output)];
        let tensors: Result<Vec<_>, Error> =
            layers.into_iter().map(|(name, layer)| linear::tensors(name, layer)).collect();
        Ok(tensors?.concat())
    }

    fn to_onnx(&self, nodes: &mut Nodes, frames: &str, logits: &str) {
        let x = linear_to_onnx(nodes, frames, FRAME);
        let x = nodes.add("Relu", &[&x], "head.0.relu", vec![]);
        let scores = linear_to_onnx(nodes, &x, ATTENTION);
        let scores = nodes.add("Tanh", &[&scores], "head.1.tanh", vec![]);
        let scores = linear_to_onnx(nodes, &scores, SCORE);
        let weights = nodes.add("Softmax", &[&scores], "head.2.softmax", vec![int("axis", 1)]);
        let weights = nodes.transpose(&weights, &[0, 2, 1], "head.weights"); // [batch, 1, t]
        let mean = nodes.add("MatMul", &[&weights, &x], "head.mean", vec![]); // [batch, 1, hidden]
        let off = nodes.add("Sub", &[&x, &mean], "head.off", vec![]);
        let square = nodes.add("Mul", &[&off, &off], "head.square", vec![]);
        // Not added to the variance: rten 0.27 takes a number that is added to a matrix product for its bias, and panics.
        let floor = nodes.number("head.floor", FLOOR);
        let square = nodes.add("Add", &[&square, &floor], "head.floored", vec![]);
        let variance = nodes.add("MatMul", &[&weights, &square], "head.variance", vec![]);
        let deviation = nodes.add("Sqrt", &[&variance], "head.deviation", vec![]);
        let statistics = nodes.join(&[&mean, &deviation], 2, "head.statistics"); // [batch, 1, 2 * hidden]
        let statistics = nodes.flatten(&statistics, "head.pooled");
        nodes.linear(&statistics, OUTPUT, logits);
    }
}
