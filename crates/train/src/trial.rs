//! One trial: a head, and the last layers of the backbone where they are trained, with one setting of the grid.

use std::cmp::Ordering;
use std::time::Instant;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use metrics::{ConfusionMatrix, argmax};
use model::{Head, HeadConfig};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ClassWeights, TrainConfig};
use crate::embeddings::Embeddings;
use crate::sampler::epoch_order;
use crate::seed;
use crate::states::{State, States};
use crate::tail::{Start, Tail, no_result, probabilities};
use crate::{Error, interrupt};

/// One point of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialConfig {
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// The head's inner size and dropout.
    pub head: HeadConfig,
}

impl TrialConfig {
    /// Name of the trial, made of its settings, so that a longer grid keeps the trials that it had.
    pub fn id(&self) -> String {
        format!("lr{}-inner{}-dropout{}", self.learning_rate, self.head.inner, self.head.dropout)
    }
}

/// A line of `epochs.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// Learning rate of the epoch.
    pub learning_rate: f64,
    /// Mean over the steps of the weighted cross-entropy.
    pub train_loss: f64,
    /// Weighted cross-entropy on validation.
    pub val_loss: f64,
    /// Macro-F1 on validation.
    pub val_macro_f1: f64,
}

impl Epoch {
    /// Higher validation macro-F1 first, then lower validation loss.
    pub fn rank(&self, other: &Self) -> Ordering {
        other.val_macro_f1.total_cmp(&self.val_macro_f1).then(self.val_loss.total_cmp(&other.val_loss))
    }
}

/// A trained tail: the epoch with the best validation macro-F1, then the lower validation loss, then the earlier.
pub struct Trained {
    /// What it was at that epoch, without gradients. The head is for inputs of the kind it was trained on.
    pub tail: Tail,
    /// Index into `epochs`.
    pub best: usize,
    /// Every epoch.
    pub epochs: Vec<Epoch>,
}

/// Trains one tail on rows of the kind that `start` describes, from where `states` knows it.
///
/// # Errors
/// [`Error::Failed`] if the loss is no longer finite, the device gives no result or a state cannot be written,
/// [`Error::Interrupted`] on a signal.
pub fn train(
    data: &Embeddings,
    start: &Start,
    trial: &TrialConfig,
    config: &TrainConfig,
    seed: u64,
    device: &Device,
    states: &States,
) -> Result<Trained, Error> {
    interrupt::check()?;
    let id = trial.id();
    let device = device.clone().autodiff();
    let n_classes = data.n_classes;
    let mut rng = seed::generator(seed, &[&id, "head"]);
    let head = Head::new(&trial.head, start.weights.n_outputs(), n_classes, &mut rng, &device);
    let adam = AdamWConfig::new().with_weight_decay(config.weight_decay).with_epsilon(config.adam_epsilon);
    let begin = State {
        tail: Tail::new(start, start.weights, head),
        head_optimizer: adam.init(),
        backbone_optimizer: adam.init(),
        epochs: Vec::new(),
        best: None,
    };
    let mut state = states.read(&id, config.epochs, begin);
    let class_weights = class_weights(config.class_weights, &data.train.labels, n_classes);
    let criterion = CrossEntropyLossConfig::new().with_weights(Some(class_weights)).init(&device);
    let val_labels = int_tensor(&data.val.labels, &device).inner();

    let mut plateau = Plateau::new(trial.learning_rate, config);
    state.epochs.iter().for_each(|epoch| plateau.step(epoch.val_loss));
    let mut kept = Instant::now();
    for epoch in state.epochs.len() + 1..=config.epochs {
        let mut rng = seed::generator(seed, &[&id, &epoch.to_string(), "order and views"]);
        let mut dropout_rng = seed::generator(seed, &[&id, &epoch.to_string(), "dropout"]);
        let order = epoch_order(config.sampler, &data.train.labels, &mut rng);
        let mut train_loss = 0.0;
        let mut tail = state.tail;
        for batch in order.chunks(config.batch_size) {
            let mut rows = Vec::with_capacity(batch.len() * data.n_features);
            for index in batch {
                rows.extend_from_slice(data.train_view(*index, rng.random_range(0..data.n_views)));
            }
            let labels: Vec<usize> = batch.iter().map(|index| data.train.labels[*index]).collect();
            let inputs = tail.head.drop_inputs(tail.head_inputs(start, &rows), &mut dropout_rng);
            let logits = tail.head.logits(inputs); // [batch, n_classes]
            let loss = criterion.forward(logits, int_tensor(&labels, &device));
            train_loss += scalar(&loss)? * batch.len() as f64;
            let mut gradients = loss.backward();
            let of_head = GradientsParams::from_module(&mut gradients, &tail.head);
            let backbone = tail.backbone.map(|backbone| {
                let of_backbone = GradientsParams::from_module(&mut gradients, &backbone);
                let learning_rate = start.backbone.learning_rate * plateau.learning_rate / trial.learning_rate;
                state.backbone_optimizer.step(learning_rate, backbone, of_backbone)
            });
            tail = Tail { backbone, head: state.head_optimizer.step(plateau.learning_rate, tail.head, of_head) };
        }
        train_loss /= order.len() as f64;

        let frozen = tail.valid();
        state.tail = tail;
        let logits = frozen.head.logits(frozen.head_inputs(start, &data.val.rows)); // [n_val, n_classes]
        let val_loss = scalar(&criterion.valid().forward(logits.clone(), val_labels.clone()))?;
        let probabilities = probabilities(logits)?;
        let pairs = data.val.labels.iter().copied().zip(probabilities.iter().map(|row| argmax(row)));
        let val_macro_f1 = ConfusionMatrix::new(n_classes, pairs).macro_f1();
        if !train_loss.is_finite() || !val_loss.is_finite() {
            return Err(Error::Failed(format!(
                "trial {id}: the loss is not finite at epoch {epoch}; a lower learning rate may help"
            )));
        }
        let this = Epoch { epoch, learning_rate: plateau.learning_rate, train_loss, val_loss, val_macro_f1 };
        if state.best.as_ref().is_none_or(|(at, _)| this.rank(&state.epochs[*at]) == Ordering::Less) {
            state.best = Some((state.epochs.len(), frozen));
        }
        state.epochs.push(this);
        plateau.step(val_loss);

        let stop = interrupt::check();
        if stop.is_err() || states.due(kept.elapsed()) {
            states.write(&id, &state)?;
            kept = Instant::now();
        }
        stop?;
    }
    let (best, tail) = state.best.ok_or_else(|| Error::Failed(format!("trial {id}: there was no epoch")))?;
    Ok(Trained { tail, best, epochs: state.epochs })
}

fn scalar(loss: &Tensor<1>) -> Result<f64, Error> {
    let values = loss.to_data().try_to_vec::<f32>().map_err(no_result)?;
    Ok(values.iter().map(|value| f64::from(*value)).sum())
}

fn int_tensor(labels: &[usize], device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
    let n = labels.len();
    Tensor::from_data(TensorData::new(labels, [n]), device)
}

/// `n / (C n_c)` for each class, 1 for a class without a recording: it never meets the loss.
fn class_weights(kind: ClassWeights, labels: &[usize], n_classes: usize) -> Vec<f32> {
    let mut counts = vec![0_usize; n_classes];
    labels.iter().for_each(|label| counts[*label] += 1);
    counts
        .into_iter()
        .map(|count| match kind {
            ClassWeights::Balanced if count > 0 => labels.len() as f32 / (n_classes * count) as f32,
            _ => 1.0,
        })
        .collect()
}

/// PyTorch's `ReduceLROnPlateau` in mode "min" with its relative threshold of 1e-4.
struct Plateau {
    learning_rate: f64,
    factor: f64,
    patience: usize,
    lowest: f64,
    waited: usize,
}

impl Plateau {
    fn new(learning_rate: f64, config: &TrainConfig) -> Self {
        Self {
            learning_rate,
            factor: config.plateau_factor,
            patience: config.plateau_patience,
            lowest: f64::INFINITY,
            waited: 0,
        }
    }

    fn step(&mut self, val_loss: f64) {
        if val_loss < self.lowest * (1.0 - 1e-4) {
            self.lowest = val_loss;
            self.waited = 0;
            return;
        }
        self.waited += 1;
        if self.waited > self.patience {
            self.learning_rate *= self.factor;
            self.waited = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_scikit_learn() {
        // sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1])
        assert_eq!(class_weights(ClassWeights::Balanced, &[0, 0, 0, 1], 3), [4.0 / 9.0, 4.0 / 3.0, 1.0]);
        assert_eq!(class_weights(ClassWeights::None, &[0, 0, 0, 1], 3), [1.0; 3]);
    }

    #[test]
    fn the_rate_falls_after_patience_and_one() {
        // torch.optim.lr_scheduler.ReduceLROnPlateau(factor=0.5, patience=2) on the same losses.
        let config = TrainConfig { plateau_patience: 2, ..TrainConfig::default() };
        let mut plateau = Plateau::new(1.0, &config);
        let losses = [1.0, 0.9, 0.95, 0.9, 0.91, 0.9, 0.9, 0.9, 0.5];
        let rates: Vec<f64> = losses
            .iter()
            .map(|loss| {
                plateau.step(*loss);
                plateau.learning_rate
            })
            .collect();
        assert_eq!(rates, [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
    }
}
