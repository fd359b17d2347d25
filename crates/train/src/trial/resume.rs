//! Resume points of trials: weights, optimizers and epochs, in the cache. Training continues from a resume point bit for bit,
//! after an interruption or for more epochs.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::Duration;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use experiment::{Epoch, folder, frame, unframe};
use serde::{Deserialize, Serialize};

use super::trainable_part::TrainablePart;
use crate::Error;

/// Time between resume points: the most training that an interruption can lose.
const PAUSE: Duration = Duration::from_secs(10);

/// A trial after some epochs. Everything else follows from `epochs` and the seed.
pub struct ResumePoint {
    /// The trained layers, with gradients.
    pub part: TrainablePart,
    /// State of the optimizers.
    pub optimizers: Optimizers,
    /// The finished epochs.
    pub epochs: Vec<Epoch>,
    /// Index of the best epoch, and the trained layers after it, without gradients.
    pub best: Option<(usize, TrainablePart)>,
}

/// Optimizers of the trained layers.
#[derive(Clone)]
pub struct Optimizers {
    /// Of the head.
    pub head: ModuleOptimizer,
    /// Of the backbone's trained layers.
    pub backbone: ModuleOptimizer,
}

impl ResumePoint {
    /// Adds an epoch; `frozen` holds the trained layers after it, without gradients.
    pub fn push(&mut self, epoch: Epoch, frozen: TrainablePart) {
        if self.best.as_ref().is_none_or(|(best, _)| epoch.rank(&self.epochs[*best]) == Ordering::Less) {
            self.best = Some((self.epochs.len(), frozen));
        }
        self.epochs.push(epoch);
    }

    /// Whether the last `patience` epochs were not better than one before them; never with 0.
    pub fn has_stalled(&self, patience: usize) -> bool {
        let since = |(best, _): &(usize, TrainablePart)| self.epochs.len() - 1 - best;
        patience > 0 && self.best.as_ref().map(since).is_some_and(|since| since >= patience)
    }
}

/// The form on disk.
#[derive(Serialize, Deserialize)]
struct Saved {
    #[serde(rename = "tail")]
    part: Bytes,
    head_optimizer: Bytes,
    backbone_optimizer: Bytes,
    epochs: Vec<Epoch>,
    best: Option<(usize, Bytes)>,
}

/// The resume points of a search's trials: files in a folder that is safe to delete at any time.
pub struct ResumeFolder {
    folder: PathBuf,
    pause: Duration,
}

impl ResumeFolder {
    /// Resume points in `folder`, which is created when the first one is written.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.into(), pause: PAUSE }
    }

    /// The same folder, but with a resume point whenever `pause` has passed since the last one.
    pub fn every(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Whether a resume point is due at the time `since` after the last one.
    pub fn is_due(&self, since: Duration) -> bool {
        since >= self.pause
    }

    /// Writes the resume point of the trial `id`.
    ///
    /// # Errors
    /// [`Error::Run`] or [`Error::Encode`]; an older resume point then stays intact.
    pub fn write(&self, id: &str, point: &ResumePoint) -> Result<(), Error> {
        let path = self.path(id);
        let part = |part: &TrainablePart| {
            part.clone().into_record().into_bytes().map_err(Error::encode(path.display().to_string()))
        };
        let optimizer =
            |optimizer: &ModuleOptimizer| optimizer.into_bytes().map_err(Error::encode(path.display().to_string()));
        let saved = Saved {
            part: part(&point.part)?,
            head_optimizer: optimizer(&point.optimizers.head)?,
            backbone_optimizer: optimizer(&point.optimizers.backbone)?,
            epochs: point.epochs.clone(),
            best: point.best.as_ref().map(|(epoch, best)| Ok::<_, Error>((*epoch, part(best)?))).transpose()?,
        };
        Ok(folder::write(&path, &frame(&saved)?)?)
    }

    /// Reads the resume point of the trial `id` if it has at most `epochs` epochs; returns `start`, the trial before its first
    /// epoch, if there is none that can be read.
    pub fn read(&self, id: &str, epochs: usize, start: ResumePoint) -> ResumePoint {
        let saved = std::fs::read(self.path(id)).ok().and_then(|bytes| unframe::<Saved>(&bytes).ok());
        let Some((saved, _)) = saved.filter(|(saved, _)| saved.epochs.len() <= epochs) else { return start };
        let part =
            |part: &TrainablePart, bytes| part.clone().try_load_record(ModuleRecord::from_bytes(bytes).ok()?).ok();
        let read = || -> Option<ResumePoint> {
            Some(ResumePoint {
                best: match saved.best {
                    Some((epoch, best)) => Some((epoch, part(&start.part.valid(), best)?)),
                    None => None,
                },
                part: part(&start.part, saved.part)?,
                optimizers: Optimizers {
                    head: start.optimizers.head.clone().from_bytes(saved.head_optimizer).ok()?,
                    backbone: start.optimizers.backbone.clone().from_bytes(saved.backbone_optimizer).ok()?,
                },
                epochs: saved.epochs,
            })
        };
        read().unwrap_or(start)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;
    use experiment::{TrialConfig, seed};
    use model::{Arch, BackboneWeights, HeadConfig, RecurrentConfig, Trainable};
    use rand::RngExt;

    use super::*;
    use crate::config::{BackboneConfig, TrainConfig};
    use crate::embed::embeddings::{Embeddings, Rows};
    use crate::embed::whitening::Whitening;
    use crate::tracking::watch::NOBODY;
    use crate::trial::trainable_part::Start;
    use crate::trial::{self, Setup};

    fn rows(n: usize, length: usize) -> Rows {
        let mut rng = seed::generator(n as u64, &["rows"]);
        let rows = (0..n * length).map(|_| rng.random_range(0.0..1.0)).collect();
        Rows { recordings: (0..n).collect(), labels: (0..n).map(|i| i % 3).collect(), rows }
    }

    #[test]
    fn training_resumes_bit_for_bit_and_a_damaged_resume_point_is_ignored() {
        let device = Device::flex();
        let weights = BackboneWeights::random(Arch::RESNET18, 5).unwrap();
        let whitening = Whitening::none(true, &device);
        let gru = HeadConfig::Gru(RecurrentConfig { hidden: 8, dropout: 0.5, bidirectional: true });
        let (mlp, n_frames) = (HeadConfig::mlp(8, 0.5), 3);
        for (train, head) in [(Trainable::None, mlp.clone()), (Trainable::Layer4, mlp), (Trainable::None, gru)] {
            let trial = TrialConfig::new(Some(1e-3), head);
            let backbone = BackboneConfig { train, ..BackboneConfig::default() };
            let input = match train {
                Trainable::None if trial.head.kind().takes_frames() => [512, 1, n_frames],
                Trainable::None => [512, 1, 1],
                _ => weights.trainable_input(train, &[("image", [32, 32])]),
            };
            let start = Start { weights: &weights, backbone: &backbone, input, whitening: &whitening };
            let n_features = input.iter().product();
            let [train, val] = [12, 6].map(|n| rows(n, n_features));
            let data = Embeddings { n_classes: 3, n_features, n_views: 1, train, val, test: Rows::default() };
            let folder = tempfile::tempdir().unwrap();
            let after = |epochs: usize, resume: &ResumeFolder| {
                let config = TrainConfig { epochs, batch_size: 4, ..TrainConfig::default() };
                let setup = Setup {
                    data: &data,
                    start: &start,
                    config: &config,
                    seed: 7,
                    device: &device,
                    search: "",
                    watch: &NOBODY,
                };
                let trained = trial::train(&setup, &trial, resume).unwrap();
                let probabilities = trained.part.probabilities(&start, &data.val.rows).unwrap();
                (trained.epochs, trained.best, probabilities)
            };
            let never = ResumeFolder::new(&folder.path().join("never")).every(Duration::MAX);
            let always = ResumeFolder::new(folder.path()).every(Duration::ZERO);
            let path = always.path(&trial.id());
            let four = after(4, &never);
            assert!(!never.folder.exists(), "no resume point was due");

            assert_eq!(after(2, &always), after(2, &never));
            // Marks the resume point.
            let (mut saved, _) = unframe::<Saved>(&std::fs::read(&path).unwrap()).unwrap();
            saved.epochs[0].train_loss = 77.0;
            std::fs::write(&path, frame(&saved).unwrap()).unwrap();
            let mut resumed = after(4, &always);
            assert_eq!(std::mem::replace(&mut resumed.0[0].train_loss, four.0[0].train_loss), 77.0);
            assert_eq!(resumed, four);

            assert_eq!(after(3, &always), after(3, &never), "a resume point beyond the last epoch is ignored");
            let mut bytes = std::fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(after(4, &always), four);
        }
    }

    #[test]
    fn a_resume_point_that_cannot_be_written_is_an_io_error_and_not_divergence() {
        let device = Device::flex();
        let weights = BackboneWeights::random(Arch::RESNET18, 5).unwrap();
        let (backbone, whitening) = (BackboneConfig::default(), Whitening::none(true, &device));
        let start = Start { weights: &weights, backbone: &backbone, input: [512, 1, 1], whitening: &whitening };
        let [train, val] = [6, 3].map(|n| rows(n, 512));
        let data = Embeddings { n_classes: 3, n_features: 512, n_views: 1, train, val, test: Rows::default() };
        let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
        let setup =
            Setup { data: &data, start: &start, config: &config, seed: 7, device: &device, search: "", watch: &NOBODY };
        let trial = |learning_rate| TrialConfig::new(Some(learning_rate), HeadConfig::mlp(8, 0.5));

        let file = tempfile::NamedTempFile::new().unwrap(); // no folder can be created below a file
        let resume = ResumeFolder::new(&file.path().join("resume")).every(Duration::ZERO);
        let error = trial::train(&setup, &trial(1e-3), &resume).err().unwrap();
        assert!(matches!(error, Error::Run(experiment::Error::Write { .. })), "{error}");
        assert_eq!(error.exit_code(), 1);

        let folder = tempfile::tempdir().unwrap();
        let error = trial::train(&setup, &trial(1e30), &ResumeFolder::new(folder.path())).err().unwrap();
        assert!(matches!(error, Error::Diverged(_)), "{error}");
    }
}
