//! The objectives of pretraining, as losses on embeddings.

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::activation::{log_sigmoid, relu};
use burn::tensor::{Device, Int, Tensor, TensorData};
use model::random_linear;
use rand_chacha::ChaCha8Rng;

use super::config::Objective;
use super::sounds::{N_KINDS, Sounds};
use super::targets::Targets;
use crate::Error;

/// Weights of VICReg's three terms, from the paper.
const INVARIANCE: f64 = 25.0;
const VARIANCE: f64 = 25.0;
const COVARIANCE: f64 = 1.0;

/// Layers behind the embedding that are trained with the backbone and discarded afterwards.
#[derive(Module, Debug)]
pub struct Projector {
    /// Hidden layer, if two views are compared.
    hidden: Option<Hidden>,
    output: Linear,
    /// Classifies the kinds of sounds from the embedding, if the objective includes that.
    kinds: Option<Linear>,
    /// Says whether a sound is a cry from the embedding, if a teacher says it.
    cry: Option<Linear>,
}

#[derive(Module, Debug)]
struct Hidden {
    linear: Linear,
    norm: BatchNorm,
}

impl Projector {
    /// Random layers for embeddings of length `n_inputs`.
    pub fn new(objective: &Objective, n_inputs: usize, sounds: &Sounds, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let mut linear = |n_inputs: usize, n_outputs: usize| random_linear(n_inputs, n_outputs, rng, device);
        match objective {
            Objective::Supervised => {
                Self { hidden: None, output: linear(n_inputs, sounds.n_classes), kinds: None, cry: None }
            }
            Objective::Distil { .. } => {
                let n_features = sounds.targets.embeddings.first().map_or(0, Vec::len);
                Self { hidden: None, output: linear(n_inputs, n_features), kinds: None, cry: Some(linear(n_inputs, 1)) }
            }
            Objective::Contrastive { projector, kinds } => {
                let norm = BatchNormConfig::new(*projector).init(device);
                let hidden = Hidden { linear: linear(n_inputs, *projector), norm };
                let output = linear(*projector, *projector);
                let kinds = (*kinds > 0.0).then(|| linear(n_inputs, N_KINDS));
                Self { hidden: Some(hidden), output, kinds, cry: None }
            }
        }
    }

    /// Weights of an embedding that say whether a sound is a cry; `None` without a teacher.
    ///
    /// # Errors
    /// [`Error::Device`] if the device gives no result.
    pub fn cry_direction(&self) -> Result<Option<Vec<f32>>, Error> {
        let weight = self.cry.as_ref().map(|cry| cry.weight.val().into_data().try_to_vec());
        weight.transpose().map_err(Error::no_result)
    }

    /// The loss of the embeddings of a batch, `[n, n_inputs]`; if two views are compared `[2 n, n_inputs]`, first one view of
    /// each sound, then the other.
    pub fn loss(&self, objective: &Objective, embeddings: Tensor<2>, batch: &[usize], sounds: &Sounds) -> Tensor<1> {
        let (n, device) = (batch.len(), embeddings.device());
        let kind_logits = self.kinds.as_ref().map(|kinds| kinds.forward(embeddings.clone()));
        let cry_logits = self.cry.as_ref().map(|cry| cry.forward(embeddings.clone()));
        let hidden = match &self.hidden {
            Some(Hidden { linear, norm }) => relu(norm.forward(linear.forward(embeddings))),
            None => embeddings,
        };
        let output = self.output.forward(hidden);
        match objective {
            Objective::Supervised => cross_entropy(output, batch.iter().map(|index| sounds.classes[*index])),
            Objective::Contrastive { kinds, .. } => {
                let loss = vicreg(output.clone().narrow(0, 0, n), output.narrow(0, n, n));
                let Some(kind_logits) = kind_logits else { return loss };
                loss + cross_entropy(kind_logits, batch.iter().chain(batch).map(|index| sounds.kinds[*index])) * *kinds
            }
            Objective::Distil { cry, .. } => {
                let targets: Vec<f32> =
                    batch.iter().flat_map(|index| sounds.targets.embeddings[*index].iter().copied()).collect();
                let targets = Tensor::<2>::from_data(TensorData::new(targets, output.dims()), &device);
                let loss = (output - targets).powf_scalar(2.0).mean();
                let Some(cry_logits) = cry_logits else { return loss };
                loss + binary_cross_entropy(cry_logits, batch, &sounds.targets) * *cry
            }
        }
    }
}

/// Mean cross-entropy of logits `[n, n_classes]`, nats.
fn cross_entropy(logits: Tensor<2>, classes: impl Iterator<Item = usize>) -> Tensor<1> {
    let device = logits.device();
    let classes: Vec<i64> = classes.map(|class| class as i64).collect();
    let n = classes.len();
    let classes = Tensor::<1, Int>::from_data(TensorData::new(classes, [n]), &device);
    CrossEntropyLossConfig::new().init(&device).forward(logits, classes)
}

/// Mean cross-entropy of logits `[n, 1]` for crying with the teacher's probabilities, nats; cries and other sounds count as much.
fn binary_cross_entropy(logits: Tensor<2>, batch: &[usize], targets: &Targets) -> Tensor<1> {
    let device = logits.device();
    let [of_cry, of_other] = targets.cry_weights;
    let column = |value: &dyn Fn(f32) -> f32| {
        let values: Vec<f32> = batch.iter().map(|index| value(targets.cries[*index])).collect();
        Tensor::<2>::from_data(TensorData::new(values, [batch.len(), 1]), &device)
    };
    let (cries, others) = (column(&|p| of_cry * p), column(&|p| of_other * (1.0 - p)));
    -(cries * log_sigmoid(logits.clone()) + others * log_sigmoid(-logits)).mean()
}

/// VICReg loss of two views, `[n, d]` each: their mean squared difference, how far standard deviations fall below 1, and the
/// squared covariances divided by d.
fn vicreg(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let [n, d] = a.dims();
    let invariance = (a.clone() - b.clone()).powf_scalar(2.0).mean();
    let mut loss = invariance * INVARIANCE;
    for view in [a, b] {
        let centred = view.clone() - view.mean_dim(0);
        let covariance = centred.clone().transpose().matmul(centred) / (n - 1) as f64; // [d, d]
        let unit = Tensor::<2>::eye(d, &covariance.device());
        let variances = (covariance.clone() * unit.clone()).sum_dim(1); // [d, 1]
        let shortfall = relu(-(variances + 1e-4).sqrt() + 1.0).mean();
        let others = (covariance * (-unit + 1.0)).powf_scalar(2.0).sum() / d as f64;
        loss = loss + shortfall * (VARIANCE / 2.0) + others * COVARIANCE;
    }
    loss
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Columns (1, -1, 1, -1) and (1, 1, -1, -1) are uncorrelated with variance 4/3, so the loss is 0; a second view that is
    /// twice the first has a mean squared difference of 1. Equal columns have the covariance 4/3, twice, divided by d = 2.
    #[test]
    fn vicreg_equals_the_value_by_hand() {
        let device = Device::flex();
        let tensor = |rows: [[f32; 2]; 4]| Tensor::<2>::from_data(TensorData::from(rows), &device);
        let value = |a: [[f32; 2]; 4], b: [[f32; 2]; 4]| {
            f64::from(vicreg(tensor(a), tensor(b)).into_data().try_to_vec::<f32>().unwrap()[0])
        };
        let spread = [[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]];
        let same = [[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]];
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
        close(value(spread, spread), 0.0);
        close(value(spread, spread.map(|row| row.map(|x| 2.0 * x))), 25.0);
        close(value(same, same), 2.0 * (16.0 / 9.0));
        close(value([[0.0; 2]; 4], [[0.0; 2]; 4]), 25.0 * (1.0 - 0.01));
    }
}
