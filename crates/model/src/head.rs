//! The head, from embedding to logits; one file for each kind.
//!
//! To add a kind: its file with its layers and hyperparameters, a variant in `config.rs` and here, and its axes in the
//! configuration of the program.

mod config;
mod layers;
mod linear;
mod logistic;
mod mlp;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

use crate::burn_layers::host_vec;
use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::Nodes;
pub use config::{HeadConfig, HeadKind};
use layers::HeadLayers;
pub use linear::random_linear;
pub use logistic::{Logistic, LogisticConfig};
pub use mlp::{Mlp, MlpConfig};

/// Embedding to logits.
///
/// Random numbers come from the caller's generator, because burn's own generator is global to the process.
#[derive(Module, Debug)]
pub enum Head {
    /// ReLU, dropout, two linear layers.
    Mlp(Mlp),
    /// One linear layer.
    Logistic(Logistic),
}

impl Head {
    /// A head before training: linear layers as torch initialises them, weights and biases uniform in `±1/sqrt(inputs of the
    /// layer)`. A logistic regression, whose fit starts from nothing, is 0.
    pub fn new<R: Rng>(config: &HeadConfig, n_inputs: usize, n_classes: usize, rng: &mut R, device: &Device) -> Self {
        match config {
            HeadConfig::Mlp(config) => Self::Mlp(Mlp::new(config, n_inputs, n_classes, rng, device)),
            HeadConfig::Logistic(_) => {
                Self::Logistic(Logistic::new(vec![0.0; n_inputs * n_classes], vec![0.0; n_classes], device))
            }
        }
    }

    /// Embeddings `[n, n_inputs]` to logits `[n, n_classes]`, without dropout.
    pub fn forward(&self, embeddings: Tensor<2>) -> Tensor<2> {
        self.logits(self.layers().prepare(embeddings))
    }

    /// Logits `[n, n_classes]` row-major of embeddings `[n, n_inputs]` in host memory.
    ///
    /// # Errors
    /// [`Error::Engine`] if the device returns no result.
    pub fn classify(&self, embeddings: &[f32]) -> Result<Vec<f32>, Error> {
        let shape = [embeddings.len() / self.n_inputs(), self.n_inputs()];
        host_vec(self.forward(Tensor::from_data(TensorData::new(embeddings.to_vec(), shape), &self.device())))
    }

    /// Prepared embeddings `[n, n_inputs]`, rectified if [`HeadKind::rectifies`], to logits `[n, n_classes]`, without dropout.
    pub fn logits(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.layers().logits(inputs)
    }

    /// As [`Head::logits`], with the dropout of training drawn from `rng`.
    pub fn forward_train<R: Rng>(&self, inputs: Tensor<2>, rng: &mut R) -> Tensor<2> {
        self.layers().forward_train(inputs, rng)
    }

    /// Folds an affine map into the first linear layer: `forward(x)` of the result equals `logits((prepared x - mean) · matrix)`
    /// of this head, up to rounding. `mean` is `[1, n_inputs]`, `matrix` `[n_inputs, n_inputs]`.
    #[must_use]
    pub fn absorb(&self, mean: &Tensor<2>, matrix: &Tensor<2>) -> Self {
        match self {
            Self::Mlp(head) => Self::Mlp(head.absorb(mean, matrix)),
            Self::Logistic(head) => Self::Logistic(head.absorb(mean, matrix)),
        }
    }

    /// The device that holds the weights.
    pub fn device(&self) -> Device {
        self.layers().device()
    }

    /// Length of an embedding.
    pub fn n_inputs(&self) -> usize {
        self.layers().n_inputs()
    }

    /// Number of logits.
    pub fn n_classes(&self) -> usize {
        self.layers().n_classes()
    }

    /// What of the head differs from `config`, as `HAS, but its settings say EXPECTED`; `None` if nothing does.
    pub(crate) fn misfit(&self, config: &HeadConfig) -> Option<String> {
        match (self, config) {
            (Self::Mlp(head), HeadConfig::Mlp(config)) => (head.n_inner() != config.inner)
                .then(|| format!("{} inner units, but its settings say {}", head.n_inner(), config.inner)),
            (Self::Logistic(_), HeadConfig::Logistic(_)) => None,
            _ => Some(format!("another kind than its settings, which say {}", config.kind())),
        }
    }

    /// `head.0`, `head.1` and so on: weights `[out, in]`, as torch stores them, and biases `[out]`.
    pub(crate) fn tensors(&self) -> Result<Vec<HostTensor>, Error> {
        self.layers().tensors()
    }

    /// Adds the layers to an ONNX graph, from the value named `embedding` to the value named `logits`.
    pub(crate) fn to_onnx(&self, nodes: &mut Nodes, embedding: &str, logits: &str) {
        self.layers().to_onnx(nodes, embedding, logits);
    }

    /// The inverse of [`Head::tensors`]; `config` is valid. `get` returns a tensor by name.
    pub(crate) fn from_tensors(
        config: &HeadConfig,
        mut get: impl FnMut(&str) -> Result<HostTensor, Error>,
        device: &Device,
    ) -> Result<Self, Error> {
        Ok(match config {
            HeadConfig::Mlp(config) => Self::Mlp(Mlp::from_tensors(config, &mut get, device)?),
            HeadConfig::Logistic(_) => Self::Logistic(Logistic::from_tensors(&mut get, device)?),
        })
    }

    fn layers(&self) -> &dyn HeadLayers {
        match self {
            Self::Mlp(head) => head,
            Self::Logistic(head) => head,
        }
    }
}
