//! One trial: a head, and the last layers of the backbone if they are trained, with one setting of the grid.

mod plateau;
pub mod resume;
mod sampler;
pub mod trainable_part;

use std::time::Instant;

use burn::module::Module;
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use experiment::{Epoch, TrialConfig, seed};
use metrics::{ConfusionMatrix, argmax};
use model::Head;
use rand::RngExt;

use crate::Error;
use crate::config::{ClassWeights, TrainConfig};
use crate::embed::embeddings::Embeddings;
use crate::terminal::interrupt;
use crate::tracking::watch::{Event, TrialName, Watch};
use plateau::Plateau;
use resume::{Optimizers, ResumeFolder, ResumePoint};
use sampler::epoch_order;
use trainable_part::{Start, TrainablePart, probabilities};

/// What all trials of a search share.
pub struct Setup<'a> {
    /// Rows of the kind that `start` describes.
    pub data: &'a Embeddings,
    /// Where the trials start.
    pub start: &'a Start<'a>,
    /// How they are trained.
    pub config: &'a TrainConfig,
    /// Seed of the search.
    pub seed: u64,
    /// Where they are trained.
    pub device: &'a Device,
    /// Name of the search.
    pub search: &'a str,
    /// Is told of each epoch.
    pub watch: &'a dyn Watch,
}

/// A trained trial at its best epoch: highest validation macro-F1, then lowest validation loss, then earliest.
pub struct Trained {
    /// The trained layers at that epoch, without gradients. The head is for inputs of the kind it was trained on.
    pub part: TrainablePart,
    /// Index into `epochs`.
    pub best: usize,
    /// Every epoch.
    pub epochs: Vec<Epoch>,
}

/// Trains one trial; continues from its resume point if there is one.
///
/// # Errors
/// [`Error::Diverged`] if the loss is no longer finite, [`Error::Device`] if the device gives no result, [`Error::Run`] if a
/// resume point cannot be written, [`Error::Interrupted`] on a signal.
pub fn train(setup: &Setup, trial: &TrialConfig, resume: &ResumeFolder) -> Result<Trained, Error> {
    interrupt::check()?;
    let id = trial.id();
    let device = setup.device.clone().autodiff();
    let mut point = resume.read(&id, setup.config.epochs, first_point(setup, trial, &device));
    let criterion = criterion(setup, &device);
    let mut plateau = Plateau::new(trial.learning_rate, setup.config);
    point.epochs.iter().for_each(|epoch| plateau.step(epoch.val_loss));
    let mut written = Instant::now();
    for epoch in point.epochs.len() + 1..=setup.config.epochs {
        let learning_rate = plateau.learning_rate;
        let step = EpochStep { setup, trial, criterion: &criterion, epoch, learning_rate };
        let (part, train_loss) = step.train(point.part, &mut point.optimizers)?;
        let frozen = part.valid();
        point.part = part;
        let (val_loss, val_macro_f1) = step.validate(&frozen)?;
        if !train_loss.is_finite() || !val_loss.is_finite() {
            return Err(Error::Diverged(format!(
                "trial {id}: the loss is not finite at epoch {epoch}; a lower learning rate may help"
            )));
        }
        let ended = Epoch { epoch, learning_rate, train_loss, val_loss, val_macro_f1 };
        let name = TrialName { search: setup.search.into(), id: id.clone() };
        setup.watch.tell(&Event::EpochEnded { trial: name, epoch: ended.clone() });
        point.push(ended, frozen);
        plateau.step(val_loss);

        let stop = interrupt::check();
        if stop.is_err() || resume.is_due(written.elapsed()) {
            resume.write(&id, &point)?;
            written = Instant::now();
        }
        stop?;
    }
    let (best, part) = point.best.ok_or_else(|| Error::Config("train.epochs: must be at least 1".into()))?;
    Ok(Trained { part, best, epochs: point.epochs })
}

/// The trial before its first epoch.
fn first_point(setup: &Setup, trial: &TrialConfig, device: &Device) -> ResumePoint {
    let Setup { data, start, config, seed, .. } = setup;
    let mut rng = seed::generator(*seed, &[&trial.id(), "head"]);
    let head = Head::new(&trial.head, start.weights.n_outputs(), data.n_classes, &mut rng, device);
    let adam = AdamWConfig::new().with_weight_decay(config.weight_decay).with_epsilon(config.adam_epsilon);
    ResumePoint {
        part: TrainablePart::new(start, start.weights, head),
        optimizers: Optimizers { head: adam.init(), backbone: adam.init() },
        epochs: Vec::new(),
        best: None,
    }
}

fn criterion(setup: &Setup, device: &Device) -> CrossEntropyLoss {
    let Setup { data, config, .. } = setup;
    let weights = class_weights(config.class_weights, &data.train.labels, data.n_classes);
    CrossEntropyLossConfig::new().with_weights(Some(weights)).init(device)
}

/// One epoch of a trial.
struct EpochStep<'a> {
    setup: &'a Setup<'a>,
    trial: &'a TrialConfig,
    criterion: &'a CrossEntropyLoss,
    /// Number of the epoch, from 1.
    epoch: usize,
    learning_rate: f64,
}

impl EpochStep<'_> {
    /// Trains on every batch; returns the trained layers and the mean loss per example.
    fn train(&self, mut part: TrainablePart, optimizers: &mut Optimizers) -> Result<(TrainablePart, f64), Error> {
        let Setup { data, start, config, seed, .. } = self.setup;
        let (id, epoch) = (self.trial.id(), self.epoch.to_string());
        let device = part.head.device();
        let mut rng = seed::generator(*seed, &[&id, &epoch, "order and views"]);
        let mut dropout_rng = seed::generator(*seed, &[&id, &epoch, "dropout"]);
        let order = epoch_order(config.sampler, &data.train.labels, &mut rng);
        let mut loss_sum = 0.0;
        for batch in order.chunks(config.batch_size) {
            let mut rows = Vec::with_capacity(batch.len() * data.n_features);
            for index in batch {
                rows.extend_from_slice(data.train_view(*index, rng.random_range(0..data.n_views)));
            }
            let labels: Vec<usize> = batch.iter().map(|index| data.train.labels[*index]).collect();
            let inputs = part.head.drop_inputs(part.head_inputs(start, &rows), &mut dropout_rng);
            let logits = part.head.logits(inputs); // [batch, n_classes]
            let loss = self.criterion.forward(logits, int_tensor(&labels, &device));
            loss_sum += scalar(&loss)? * batch.len() as f64;
            let mut gradients = loss.backward();
            let of_head = GradientsParams::from_module(&mut gradients, &part.head);
            let backbone = part.backbone.map(|backbone| {
                let of_backbone = GradientsParams::from_module(&mut gradients, &backbone);
                let learning_rate = start.backbone.learning_rate * self.learning_rate / self.trial.learning_rate;
                optimizers.backbone.step(learning_rate, backbone, of_backbone)
            });
            part = TrainablePart { backbone, head: optimizers.head.step(self.learning_rate, part.head, of_head) };
        }
        Ok((part, loss_sum / order.len() as f64))
    }

    /// Loss and macro-F1 on validation of layers without gradients.
    fn validate(&self, frozen: &TrainablePart) -> Result<(f64, f64), Error> {
        let Setup { data, start, .. } = self.setup;
        let logits = frozen.logits(start, &data.val.rows); // [n_val, n_classes]
        let labels = int_tensor(&data.val.labels, &frozen.head.device());
        let loss = scalar(&self.criterion.valid().forward(logits.clone(), labels))?;
        let probabilities = probabilities(logits)?;
        let pairs = data.val.labels.iter().copied().zip(probabilities.iter().map(|row| argmax(row)));
        Ok((loss, ConfusionMatrix::new(data.n_classes, pairs).macro_f1()))
    }
}

fn scalar(loss: &Tensor<1>) -> Result<f64, Error> {
    let values = loss.to_data().try_to_vec::<f32>().map_err(Error::no_result)?;
    Ok(values.iter().map(|value| f64::from(*value)).sum())
}

fn int_tensor(labels: &[usize], device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
    let n = labels.len();
    Tensor::from_data(TensorData::new(labels, [n]), device)
}

/// `n / (C n_c)` for each class; 1 for a class without a recording, which never enters the loss.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_weights_equal_scikit_learns() {
        // sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1])
        assert_eq!(class_weights(ClassWeights::Balanced, &[0, 0, 0, 1], 3), [4.0 / 9.0, 4.0 / 3.0, 1.0]);
        assert_eq!(class_weights(ClassWeights::None, &[0, 0, 0, 1], 3), [1.0; 3]);
    }
}
