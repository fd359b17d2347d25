//! One trial: a head, and the last layers of the backbone if they are trained, with one setting of the grid.

pub(crate) mod class_weights;
pub mod resume;
mod sampler;
mod schedule;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
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
use crate::config::TrainConfig;
use crate::embed::embeddings::Embeddings;
use crate::logistic::Problem;
use crate::terminal::interrupt;
use crate::tracking::watch::{Event, TrialName, Watch};
use class_weights::class_weights;
use resume::{Optimizers, ResumeFolder, ResumePoint};
use sampler::epoch_order;
use schedule::Schedule;
use trainable_part::{Start, TrainablePart, probabilities};

/// What all trials of a search share.
pub struct Setup<'a> {
    /// Rows of the kind that `start` describes, prepared for the heads.
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

impl Trained {
    /// The best epoch.
    pub fn chosen(&self) -> &Epoch {
        &self.epochs[self.best]
    }
}

impl Setup<'_> {
    /// Tells of an epoch that ended.
    fn tell(&self, trial: &TrialConfig, epoch: &Epoch) {
        let trial = TrialName { search: self.search.into(), id: trial.id() };
        self.watch.tell(&Event::EpochEnded { trial, epoch: epoch.clone() });
    }
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

/// The logistic regression of a search, for any C.
///
/// # Errors
/// [`Error::Numerical`] if an embedding is not finite.
pub(crate) fn regression<'a>(setup: &Setup<'a>) -> Result<Problem<'a>, Error> {
    let data = setup.data;
    Problem::new(data.examples(class_weights(setup.config.class_weights, &data.train.labels, data.n_classes)))
}

/// Fits one trial, a logistic regression, with `c`. It has one epoch.
///
/// # Errors
/// [`Error::Diverged`] if it does not converge, [`Error::Device`] if the device gives no result, [`Error::Interrupted`] on a
/// signal.
pub(crate) fn fitted(setup: &Setup, trial: &TrialConfig, regression: &Problem, c: f64) -> Result<Trained, Error> {
    interrupt::check()?;
    let device = setup.device;
    let fitted = regression.fit(c)?;
    let part = TrainablePart { backbone: None, head: Head::Logistic(fitted.head(device)) };
    let criterion = criterion(setup, 0.0, &device.clone().autodiff());
    let (val_loss, val_macro_f1) = validate(setup, &criterion, &part)?;
    let epoch = Epoch { epoch: 1, learning_rate: 0.0, train_loss: fitted.loss, val_loss, val_macro_f1 };
    setup.tell(trial, &epoch);
    Ok(Trained { part, best: 0, epochs: vec![epoch] })
}

/// Trains one trial by gradient descent; continues from its resume point if there is one.
///
/// # Errors
/// [`Error::Diverged`] if the loss is no longer finite, [`Error::Device`] if the device gives no result, [`Error::Run`] if a
/// resume point cannot be written, [`Error::Interrupted`] on a signal.
pub fn train(setup: &Setup, trial: &TrialConfig, resume: &ResumeFolder) -> Result<Trained, Error> {
    interrupt::check()?;
    let id = trial.id();
    let first_rate = trial.learning_rate.ok_or_else(|| {
        Error::Config(format!("sweep.learning_rate: a head of the kind {} needs one", trial.head.kind()))
    })?;
    let device = setup.device.clone().autodiff();
    let mut schedule = Schedule::new(first_rate, setup.config);
    let first = || first_point(setup, trial, &device);
    let mut point = resume.read(&id, setup.config.epochs, first()?);
    // With another number of epochs, a schedule may have had other rates.
    if !follows(&point.epochs, &mut schedule) {
        (point, schedule) = (first()?, Schedule::new(first_rate, setup.config));
    }
    let criterion = |label_smoothing| criterion(setup, label_smoothing, &device);
    let (of_training, of_validation) = (criterion(setup.config.label_smoothing), criterion(0.0));
    let mut written = Instant::now();
    while point.epochs.len() < setup.config.epochs && !point.has_stalled(setup.config.patience) {
        let (epoch, learning_rate) = (point.epochs.len() + 1, schedule.learning_rate());
        let step = EpochStep { setup, trial, criterion: &of_training, epoch, learning_rate, first_rate };
        let (part, train_loss) = step.train(point.part, &mut point.optimizers)?;
        let frozen = part.valid();
        point.part = part;
        let (val_loss, val_macro_f1) = validate(setup, &of_validation, &frozen)?;
        if !train_loss.is_finite() || !val_loss.is_finite() {
            return Err(Error::Diverged(format!(
                "trial {id}: the loss is not finite at epoch {epoch}; a lower learning rate may help"
            )));
        }
        let ended = Epoch { epoch, learning_rate, train_loss, val_loss, val_macro_f1 };
        setup.tell(trial, &ended);
        point.push(ended, frozen);
        schedule.step(val_loss);

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

/// Steps `schedule` through `epochs`; returns whether it gives their learning rates.
fn follows(epochs: &[Epoch], schedule: &mut Schedule) -> bool {
    epochs.iter().all(|epoch| {
        let has_its_rate = schedule.learning_rate() == epoch.learning_rate;
        schedule.step(epoch.val_loss);
        has_its_rate
    })
}

/// The trial before its first epoch.
fn first_point(setup: &Setup, trial: &TrialConfig, device: &Device) -> Result<ResumePoint, Error> {
    let Setup { data, start, config, seed, .. } = setup;
    let mut rng = seed::generator(*seed, &[&trial.id(), "head"]);
    let n_inputs = start.weights.n_head_inputs(trial.head.kind()).map_err(Error::device("the backbone"))?;
    let head = Head::new(&trial.head, n_inputs, data.n_classes, &mut rng, device);
    let adam = AdamWConfig::new().with_weight_decay(config.weight_decay).with_epsilon(config.adam_epsilon);
    Ok(ResumePoint {
        part: TrainablePart::new(start, start.weights, head),
        optimizers: Optimizers { head: adam.init(), backbone: adam.init() },
        epochs: Vec::new(),
        best: None,
    })
}

/// The weighted cross-entropy. `label_smoothing` of each label is spread over all classes, 0 to below 1.
fn criterion(setup: &Setup, label_smoothing: f64, device: &Device) -> CrossEntropyLoss {
    let Setup { data, config, .. } = setup;
    let weights = class_weights(config.class_weights, &data.train.labels, data.n_classes);
    let weights: Vec<f32> = weights.into_iter().map(|weight| weight as f32).collect();
    let smoothing = (label_smoothing > 0.0).then_some(label_smoothing as f32);
    CrossEntropyLossConfig::new().with_weights(Some(weights)).with_smoothing(smoothing).init(device)
}

/// One epoch of a trial.
struct EpochStep<'a> {
    setup: &'a Setup<'a>,
    trial: &'a TrialConfig,
    criterion: &'a CrossEntropyLoss,
    /// Number of the epoch, from 1.
    epoch: usize,
    learning_rate: f64,
    /// Learning rate of the first epoch.
    first_rate: f64,
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
            let logits = part.head.forward_train(part.head_inputs(start, &rows), &mut dropout_rng); // [batch, n_classes]
            let loss = self.criterion.forward(logits, int_tensor(&labels, &device));
            loss_sum += scalar(&loss)? * batch.len() as f64;
            let mut gradients = loss.backward();
            let of_head = GradientsParams::from_module(&mut gradients, &part.head);
            let backbone = part.backbone.map(|backbone| {
                let of_backbone = GradientsParams::from_module(&mut gradients, &backbone);
                let learning_rate = start.backbone.learning_rate * self.learning_rate / self.first_rate;
                optimizers.backbone.step(learning_rate, backbone, of_backbone)
            });
            part = TrainablePart { backbone, head: optimizers.head.step(self.learning_rate, part.head, of_head) };
        }
        Ok((part, loss_sum / order.len() as f64))
    }
}

/// Loss and macro-F1 on validation of layers without gradients.
fn validate(setup: &Setup, criterion: &CrossEntropyLoss, frozen: &TrainablePart) -> Result<(f64, f64), Error> {
    let Setup { data, start, .. } = setup;
    let logits = frozen.logits(start, &data.val.rows); // [n_val, n_classes]
    let labels = int_tensor(&data.val.labels, &frozen.head.device());
    let loss = scalar(&criterion.valid().forward(logits.clone(), labels))?;
    let probabilities = probabilities(logits)?;
    let pairs = data.val.labels.iter().copied().zip(probabilities.iter().map(|row| argmax(row)));
    Ok((loss, ConfusionMatrix::new(data.n_classes, pairs).macro_f1()))
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
