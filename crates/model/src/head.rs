//! The head, from embedding or frames to logits; one file for each kind.
//!
//! To add a kind: its file with its layers and hyperparameters, a variant in `config.rs` and here, and its axes in the
//! configuration of the program.

mod attention;
mod config;
mod frames;
mod gru;
mod layers;
mod linear;
mod logistic;
mod lstm;
mod mlp;
mod recurrent;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

use crate::burn_layers::host_vec;
use crate::error::Error;
use crate::frozen_output::FrozenOutput;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::Nodes;
pub use attention::{Attention, AttentionConfig};
pub use config::{HeadConfig, HeadKind};
use layers::HeadLayers;
pub use linear::random_linear;
pub use logistic::{Logistic, LogisticConfig};
pub use mlp::{Mlp, MlpConfig};
use recurrent::Cell;
pub use recurrent::{Recurrent, RecurrentConfig};

/// Embedding to logits, or frames to logits: see [`HeadKind::takes_frames`]. Frames come as rows `[n, t * d]`; `t` may be any
/// number.
///
/// Random numbers come from the caller's generator, because burn's own generator is global to the process.
#[allow(clippy::large_enum_variant)] // there is one of them, and burn's modules cannot be boxed
#[derive(Module, Debug)]
pub enum Head {
    /// ReLU, dropout, two linear layers.
    Mlp(Mlp),
    /// One linear layer.
    Logistic(Logistic),
    /// Attentive statistics of frames, one linear layer.
    Attention(Attention),
    /// A GRU over frames, one linear layer.
    Gru(Recurrent),
    /// An LSTM over frames, one linear layer.
    Lstm(Recurrent),
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
            HeadConfig::Attention(config) => Self::Attention(Attention::new(config, n_inputs, n_classes, rng, device)),
            HeadConfig::Gru(config) => Self::Gru(Recurrent::new(Cell::Gru, config, n_inputs, n_classes, rng, device)),
            HeadConfig::Lstm(config) => {
                Self::Lstm(Recurrent::new(Cell::Lstm, config, n_inputs, n_classes, rng, device))
            }
        }
    }

    /// The kind.
    pub fn kind(&self) -> HeadKind {
        match self {
            Self::Mlp(_) => HeadKind::Mlp,
            Self::Logistic(_) => HeadKind::Logistic,
            Self::Attention(_) => HeadKind::Attention,
            Self::Gru(_) => HeadKind::Gru,
            Self::Lstm(_) => HeadKind::Lstm,
        }
    }

    /// What the head takes from a frozen encoder.
    pub fn frozen_output(&self) -> FrozenOutput {
        if self.kind().takes_frames() { FrozenOutput::Frames } else { FrozenOutput::EMBEDDING }
    }

    /// Embeddings `[n, n_inputs]`, or frames `[n, t * n_inputs]`, to logits `[n, n_classes]`, without dropout.
    pub fn forward(&self, embeddings: Tensor<2>) -> Tensor<2> {
        self.logits(self.layers().prepare(embeddings))
    }

    /// Logits `[n, n_classes]` row-major of `n` embeddings, `[n, n_inputs]`, or frames, `[n, t * n_inputs]`, in host memory.
    ///
    /// # Errors
    /// [`Error::Engine`] if the device returns no result.
    pub fn classify(&self, rows: &[f32], n: usize) -> Result<Vec<f32>, Error> {
        let shape = [n, rows.len() / n.max(1)];
        host_vec(self.forward(Tensor::from_data(TensorData::new(rows.to_vec(), shape), &self.device())))
    }

    /// Prepared embeddings or frames, rectified if [`HeadKind::rectifies`], to logits `[n, n_classes]`, without dropout.
    pub fn logits(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.layers().logits(inputs)
    }

    /// As [`Head::logits`], with the dropout of training drawn from `rng`.
    pub fn forward_train<R: Rng>(&self, inputs: Tensor<2>, rng: &mut R) -> Tensor<2> {
        self.layers().forward_train(inputs, rng)
    }

    /// Folds an affine map of embeddings or of each frame into the first linear layer: `forward(x)` of the result equals
    /// `logits((prepared x - mean) · matrix)` of this head, up to rounding. `mean` is `[1, n_inputs]`, `matrix` `[n_inputs, n_inputs]`.
    #[must_use]
    pub fn absorb(&self, mean: &Tensor<2>, matrix: &Tensor<2>) -> Self {
        match self {
            Self::Mlp(head) => Self::Mlp(head.absorb(mean, matrix)),
            Self::Logistic(head) => Self::Logistic(head.absorb(mean, matrix)),
            Self::Attention(head) => Self::Attention(head.absorb(mean, matrix)),
            Self::Gru(head) => Self::Gru(head.absorb(mean, matrix)),
            Self::Lstm(head) => Self::Lstm(head.absorb(mean, matrix)),
        }
    }

    /// The device that holds the weights.
    pub fn device(&self) -> Device {
        self.layers().device()
    }

    /// Length of an embedding or of a frame.
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
            (Self::Attention(head), HeadConfig::Attention(config)) => (head.n_hidden() != config.hidden)
                .then(|| format!("{} hidden units, but its settings say {}", head.n_hidden(), config.hidden)),
            (Self::Gru(head), HeadConfig::Gru(config)) | (Self::Lstm(head), HeadConfig::Lstm(config)) => {
                head.misfit(config)
            }
            _ => Some(format!("another kind than its settings, which say {}", config.kind())),
        }
    }

    /// `head.0`, `head.1` and so on: weights `[out, in]`, as torch stores them, and biases `[out]`.
    pub(crate) fn tensors(&self) -> Result<Vec<HostTensor>, Error> {
        self.layers().tensors()
    }

    /// Adds the layers to an ONNX graph, from the value named `input`, embeddings `[batch, n_inputs]` or frames
    /// `[batch, t, n_inputs]`, to the value named `logits`.
    pub(crate) fn to_onnx(&self, nodes: &mut Nodes, input: &str, logits: &str) {
        self.layers().to_onnx(nodes, input, logits);
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
            HeadConfig::Attention(config) => Self::Attention(Attention::from_tensors(config, &mut get, device)?),
            HeadConfig::Gru(config) => Self::Gru(Recurrent::from_tensors(Cell::Gru, config, &mut get, device)?),
            HeadConfig::Lstm(config) => Self::Lstm(Recurrent::from_tensors(Cell::Lstm, config, &mut get, device)?),
        })
    }

    fn layers(&self) -> &dyn HeadLayers {
        match self {
            Self::Mlp(head) => head,
            Self::Logistic(head) => head,
            Self::Attention(head) => head,
            Self::Gru(head) | Self::Lstm(head) => head,
        }
    }
}
