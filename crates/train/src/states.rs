//! Trials that are under way, or may go on: weights, optimizers and epochs, in the cache. Training goes on from there as if it
//! had never stopped, to the bit, whether it was killed or is to have more epochs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::journal::{frame, unframe};
use crate::run_folder;
use crate::tail::Tail;
use crate::trial::Epoch;

/// How much training may be lost.
const PAUSE: Duration = Duration::from_secs(10);

/// A trial after some epochs, but for what follows from `epochs` and the seed.
pub struct State {
    /// What is trained, with gradients.
    pub tail: Tail,
    /// Moments of the head's parameters.
    pub head_optimizer: ModuleOptimizer,
    /// Moments of the backbone's.
    pub backbone_optimizer: ModuleOptimizer,
    /// Those that are over.
    pub epochs: Vec<Epoch>,
    /// Index of the best of them, and what was trained then, without gradients.
    pub best: Option<(usize, Tail)>,
}

/// The form on disk.
#[derive(Serialize, Deserialize)]
struct Saved {
    tail: Bytes,
    head_optimizer: Bytes,
    backbone_optimizer: Bytes,
    epochs: Vec<Epoch>,
    best: Option<(usize, Bytes)>,
}

/// The states of a search's trials: files in a folder, which is safe to delete at any time.
pub struct States {
    folder: PathBuf,
    pause: Duration,
}

impl States {
    /// In `folder`, which is made when the first state is written.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.into(), pause: PAUSE }
    }

    /// The same, with a state written whenever training took `pause` since the last one.
    pub fn every(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Whether a state should be written that took so long since the last one. A head is trained anew in less time.
    pub fn due(&self, since: Duration) -> bool {
        since >= self.pause
    }

    /// Keeps the state of the trial `id`.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written; an older one then stays.
    pub fn write(&self, id: &str, state: &State) -> Result<(), Error> {
        let path = self.path(id);
        let write = || -> Result<Vec<u8>, String> {
            let tail = |tail: &Tail| tail.clone().into_record().into_bytes().map_err(|e| e.to_string());
            let optimizer = |optimizer: &ModuleOptimizer| optimizer.into_bytes().map_err(|e| e.to_string());
            frame(&Saved {
                tail: tail(&state.tail)?,
                head_optimizer: optimizer(&state.head_optimizer)?,
                backbone_optimizer: optimizer(&state.backbone_optimizer)?,
                epochs: state.epochs.clone(),
                best: state.best.as_ref().map(|(epoch, best)| Ok::<_, String>((*epoch, tail(best)?))).transpose()?,
            })
        };
        run_folder::write(&path, &write().map_err(|e| Error::Failed(format!("{}: {e}", path.display())))?)
    }

    /// The trial `id`, of which `start` is the beginning, as far as it came within `epochs`; `start` itself if there is no
    /// state, or none that can be read.
    pub fn read(&self, id: &str, epochs: usize, start: State) -> State {
        let saved = std::fs::read(self.path(id)).ok().and_then(|bytes| unframe::<Saved>(&bytes));
        let Some((saved, _)) = saved.filter(|(saved, _)| saved.epochs.len() <= epochs) else { return start };
        let tail = |tail: &Tail, bytes| tail.clone().try_load_record(ModuleRecord::from_bytes(bytes).ok()?).ok();
        let read = || -> Option<State> {
            Some(State {
                best: match saved.best {
                    Some((epoch, best)) => Some((epoch, tail(&start.tail.valid(), best)?)),
                    None => None,
                },
                tail: tail(&start.tail, saved.tail)?,
                head_optimizer: start.head_optimizer.clone().from_bytes(saved.head_optimizer).ok()?,
                backbone_optimizer: start.backbone_optimizer.clone().from_bytes(saved.backbone_optimizer).ok()?,
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
    use model::{Arch, BackboneWeights, HeadConfig, Trainable};
    use rand::RngExt;

    use super::*;
    use crate::config::{BackboneConfig, TrainConfig};
    use crate::embeddings::{Embeddings, Rows};
    use crate::tail::Start;
    use crate::trial::{self, TrialConfig};
    use crate::whitening::Whitening;

    fn rows(n: usize, length: usize) -> Rows {
        let mut rng = crate::seed::generator(n as u64, &["rows"]);
        let rows = (0..n * length).map(|_| rng.random_range(0.0..1.0)).collect();
        Rows { recordings: (0..n).collect(), labels: (0..n).map(|i| i % 3).collect(), rows }
    }

    #[test]
    fn training_goes_on_to_the_bit_and_a_damaged_state_is_none() {
        let device = Device::flex();
        let weights = BackboneWeights::random(Arch::RESNET18, 5);
        let whitening = Whitening::none(&device);
        let trial = TrialConfig { learning_rate: 1e-3, head: HeadConfig { inner: 8, dropout: 0.5 } };
        for train in [Trainable::None, Trainable::Layer4] {
            let backbone = BackboneConfig { train, ..BackboneConfig::default() };
            let input = if train == Trainable::None {
                [512, 1, 1]
            } else {
                weights.trainable_input(train, &[("image", [32, 32])])
            };
            let start = Start { weights: &weights, backbone: &backbone, input, whitening: &whitening };
            let n_features = input.iter().product();
            let [train, val] = [12, 6].map(|n| rows(n, n_features));
            let data = Embeddings { n_classes: 3, n_features, n_views: 1, train, val, test: Rows::default() };
            let folder = tempfile::tempdir().unwrap();
            let after = |epochs: usize, states: &States| {
                let config = TrainConfig { epochs, batch_size: 4, ..TrainConfig::default() };
                let trained = trial::train(&data, &start, &trial, &config, 7, &device, states).unwrap();
                let said = trained.tail.probabilities(&start, &data.val.rows).unwrap();
                (trained.epochs, trained.best, said)
            };
            let never = States::new(&folder.path().join("never"));
            let always = States::new(folder.path()).every(Duration::ZERO);
            let path = always.path(&trial.id());
            let four = after(4, &never);
            assert!(!never.folder.exists(), "it took no ten seconds");

            assert_eq!(after(2, &always), after(2, &never));
            // A mark that only a state can have.
            let (mut saved, _) = unframe::<Saved>(&std::fs::read(&path).unwrap()).unwrap();
            saved.epochs[0].train_loss = 77.0;
            std::fs::write(&path, frame(&saved).unwrap()).unwrap();
            let mut went_on = after(4, &always);
            assert_eq!(std::mem::replace(&mut went_on.0[0].train_loss, four.0[0].train_loss), 77.0);
            assert_eq!(went_on, four);

            assert_eq!(after(3, &always), after(3, &never), "a state beyond the last epoch is of no use");
            let mut bytes = std::fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(after(4, &always), four);
        }
    }
}
