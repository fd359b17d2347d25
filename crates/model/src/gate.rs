//! The gate before the classifier: does the recording contain a cry?

use serde::{Deserialize, Serialize};

use crate::episode_settings::EpisodeSettings;
use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::nodes::Nodes;

/// Tensor names of the gate.
const WEIGHT: &str = "gate.weight";
const BIAS: &str = "gate.bias";

/// A linear layer from the embedding to one logit; its sigmoid scores the presence of a cry, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    weight: Vec<f32>,
    bias: f32,
}

/// Metadata saved with the gate's weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateInfo {
    /// Decision threshold, 0 to 1: a recording that scores lower is not a cry.
    pub threshold: f32,
    /// How its scores become episodes. Models that were made before episodes lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episodes: Option<EpisodeSettings>,
    /// Whether it is the encoder's own score for crying, calibrated, and nothing else was learnt from synthetic sounds.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_encoders_own: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Gate {
    /// A gate for embeddings of length `weight.len()`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if there are no weights or one is not finite.
    pub fn new(weight: Vec<f32>, bias: f32) -> Result<Self, Error> {
        let weight = HostTensor::new(WEIGHT, vec![1, weight.len()], weight)?.data;
        HostTensor::new(BIAS, vec![1], vec![bias])?;
        Ok(Self { weight, bias })
    }

    /// Its weights, `[n_inputs]`.
    pub fn weight(&self) -> &[f32] {
        &self.weight
    }

    /// The length of an embedding.
    pub fn n_inputs(&self) -> usize {
        self.weight.len()
    }

    /// Scores `[n]`, 0 to 1, of embeddings `[n, n_inputs]` row-major; sums are computed in `f64`.
    pub fn scores(&self, embeddings: &[f32]) -> Vec<f32> {
        let logit = |row: &[f32]| -> f64 {
            let products = row.iter().zip(&self.weight).map(|(x, w)| f64::from(*x) * f64::from(*w));
            f64::from(self.bias) + products.sum::<f64>()
        };
        embeddings.chunks_exact(self.n_inputs()).map(|row| (1.0 / (1.0 + (-logit(row)).exp())) as f32).collect()
    }

    /// `gate.weight` `[1, n_inputs]`, `gate.bias` `[1]`.
    pub(crate) fn tensors(&self) -> Result<[HostTensor; 2], Error> {
        Ok([
            HostTensor::new(WEIGHT, vec![1, self.n_inputs()], self.weight.clone())?,
            HostTensor::new(BIAS, vec![1], vec![self.bias])?,
        ])
    }

    /// The inverse of [`Gate::tensors`]; `get` returns a tensor by name.
    pub(crate) fn from_tensors(get: impl Fn(&str) -> Result<HostTensor, Error>) -> Result<Self, Error> {
        let (weight, bias) = (get(WEIGHT)?, get(BIAS)?);
        weight.check_shape(&[1, weight.data.len()])?;
        bias.check_shape(&[1])?;
        Self::new(weight.data, bias.data[0])
    }

    /// Adds the gate to an ONNX graph, from the value named `embedding` to the value named `cry`.
    pub(crate) fn to_onnx(&self, nodes: &mut Nodes, embedding: &str, cry: &str) {
        let x = nodes.linear(embedding, "gate", "gate.logit");
        nodes.add("Sigmoid", &[&x], cry, vec![]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_sigmoids_of_a_linear_layer() {
        let gate = Gate::new(vec![1.0, -2.0], 0.5).unwrap();
        let scores = gate.scores(&[0.0, 0.25, 3.0, 0.0, -1e4, 1e4]);
        let expected = [0.5, 1.0 / (1.0 + (-3.5_f64).exp()), 0.0];
        assert!(scores.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-7), "{scores:?}");
    }

    #[test]
    fn unusable_weights_are_refused() {
        for (weight, bias) in [(vec![], 0.0), (vec![f32::NAN], 0.0), (vec![1.0], f32::INFINITY)] {
            assert!(matches!(Gate::new(weight, bias), Err(Error::Tensor { .. })));
        }
    }
}
