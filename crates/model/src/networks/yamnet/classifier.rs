//! YAMNet's own classifier.

use crate::error::Error;
use crate::host_tensor::HostTensor;

/// A linear layer on the embedding with a sigmoid for each class: YAMNet's 521 AudioSet classes. Its authors' `yamnet_class_map.csv`
/// names them; 19 is "Crying, sobbing", 20 "Baby cry, infant cry".
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    weight: HostTensor,
    bias: HostTensor,
}

impl Classifier {
    /// `weight` is `[n_classes, n_inputs]`, `bias` `[n_classes]`.
    pub(crate) fn new(weight: HostTensor, bias: HostTensor, n_inputs: usize) -> Result<Self, Error> {
        let n_classes = bias.data.len();
        weight.check_shape(&[n_classes, n_inputs])?;
        bias.check_shape(&[n_classes])?;
        Ok(Self { weight, bias })
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.bias.data.len()
    }

    /// Weights of one class, `[n_inputs]`, and its bias; `None` if there is no such class.
    pub fn class(&self, class: usize) -> Option<(&[f32], f32)> {
        let n_inputs = self.weight.data.len() / self.n_classes();
        Some((self.weight.data.chunks_exact(n_inputs).nth(class)?, *self.bias.data.get(class)?))
    }

    /// Scores in 0..1, `[n, n_classes]` row-major, of `embeddings`, `[n, n_inputs]`.
    pub fn scores(&self, embeddings: &[f32]) -> Vec<f32> {
        let n_inputs = self.weight.data.len() / self.n_classes();
        let score = |embedding: &[f32], weight: &[f32], bias: f32| {
            let logit = embedding.iter().zip(weight).map(|(x, w)| x * w).sum::<f32>() + bias;
            1.0 / (1.0 + (-logit).exp())
        };
        let layer = || self.weight.data.chunks_exact(n_inputs).zip(&self.bias.data);
        embeddings.chunks_exact(n_inputs).flat_map(|x| layer().map(move |(w, b)| score(x, w, *b))).collect()
    }
}
