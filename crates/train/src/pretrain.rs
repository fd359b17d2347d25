//! `train pretrain`: recordings in; a backbone that learnt from them out, for the main job and for `train embed`.
//!
//! Each epoch hears every recording that may be heard once, changed anew by `augment` and SpecAugment; the network norms by
//! the batch, and batch norm is folded away at the end. It hears the training recordings of the split alone, so that others
//! stay for honest scores; the file says which it heard, and every later run compares that with what it tests.

pub mod config;
pub mod objective;
pub mod sounds;
mod state;
mod teacher;

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use dataset::hex;
use model::{BackboneInfo, Compute, NormedBackbone};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::config::Settings;
use crate::journal::{Journal, Record, Standing};
use crate::progress::Progress;
use crate::report::Environment;
use crate::run_folder::RunFolder;
use crate::tail::no_result;
use crate::{Error, interrupt, seed};
use config::PretrainConfig;
use objective::Projector;
use sounds::Sounds;
use state::{State, StateFile};

/// Name of the trained backbone inside the run's folder.
pub const BACKBONE_FILE: &str = "backbone.safetensors";

/// What is trained: the backbone, and what the objective needs behind it.
#[derive(Module, Debug)]
pub struct Student {
    backbone: NormedBackbone,
    projector: Projector,
}

/// A line of `epochs.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// Learning rate of its last step.
    pub learning_rate: f64,
    /// Mean loss of its steps.
    pub loss: f64,
}

/// Pretrains as `config` says and writes a folder below `out`: `backbone.safetensors`, `epochs.csv`, `config.toml`,
/// `provenance.json` and `split/`. What was stopped goes on from its last whole epoch, to the bit; a finished folder is left as it is.
///
/// # Errors
/// The [`Error`] of the step that failed, [`Error::Interrupted`] on a signal.
pub fn run(config: &PretrainConfig, compute: &Compute, out: &Path) -> Result<PathBuf, Error> {
    let started = Instant::now();
    let sounds = Sounds::find(config, compute)?;
    let resolved = config.to_toml()?;
    let run = RunFolder::create(out, &config.name, &[&resolved, &sounds.fingerprint(), compute.device_name()])?;
    let path = run.path.join(BACKBONE_FILE);
    let (journal, records) = Journal::open(&run.path)?;
    run.remove_leftovers()?;
    let hash = hex(&Sha256::digest(&resolved));
    if Standing::after(records.iter().cloned()).finished.as_ref() == Some(&hash) {
        eprintln!("finished   {}: nothing is left to do", run.path.display());
        journal.finish(&records)?;
        return Ok(path);
    }
    let mut provenance = Environment::here().provenance(config.seed, compute.device_name());
    provenance["config"] = json!(resolved);
    provenance["backbone"] = json!({ "used": config.in_words(), "heard": sounds.heard });
    run.write("config.toml", resolved.as_bytes())?;
    run.write("provenance.json", format!("{provenance:#}\n").as_bytes())?;
    for (name, text) in &sounds.split {
        run.write(&format!("split/{name}"), text.as_bytes())?;
    }
    eprintln!(
        "run        {}\nheard      {} recordings and sounds, {} classes\nbackbone   {}: {}\ndevice     {}",
        run.path.display(),
        sounds.n_heard(),
        sounds.n_classes,
        config.arch,
        config.in_words(),
        compute.device_name()
    );
    let states = StateFile::new(&config.data.cache.join("training").join(&run.name));
    let State { student, epochs, .. } = train(config, &sounds, compute.device(), &states, &run)?;
    // Again, since a process may have died between state and table.
    write_epochs(&run, &epochs)?;
    let weights = student.backbone.fold().map_err(|e| Error::Failed(format!("the training diverged: {e}")))?;
    let info = BackboneInfo { arch: config.arch, features: json!(config.features), provenance };
    model::save_backbone(&path, &info, &weights).map_err(|e| Error::Failed(e.to_string()))?;
    journal.finish(&[Record::Begin { epochs: epochs.len() }, Record::Run { config: hash }])?;
    run.log("finished", started.elapsed().as_secs_f64())?;
    Ok(path)
}

fn train(
    config: &PretrainConfig,
    sounds: &Sounds,
    device: &Device,
    states: &StateFile,
    run: &RunFolder,
) -> Result<State, Error> {
    let device = device.clone().autodiff();
    let backbone_seed = seed::derive(config.seed, &["backbone"]);
    let backbone =
        NormedBackbone::random(config.arch, backbone_seed, &device).map_err(|e| Error::Config(e.to_string()))?;
    let mut rng = seed::generator(config.seed, &["projector"]);
    let projector = Projector::new(&config.objective, backbone.n_outputs(), sounds, &mut rng, &device);
    let adam = AdamWConfig::new().with_weight_decay(config.train.weight_decay).with_epsilon(1e-8);
    let begin = State { student: Student { backbone, projector }, optimizer: adam.init(), epochs: Vec::new() };
    let mut state = states.read(begin);
    let batches = sounds.n_heard() / config.train.batch_size;
    let progress = Progress::new("pretraining", "steps");
    let total = config.train.epochs * batches;
    for epoch in state.epochs.len() + 1..=config.train.epochs {
        let mut order: Vec<usize> = (0..sounds.n_heard()).collect();
        order.shuffle(&mut seed::generator(config.seed, &[&epoch.to_string(), "order"]));
        let mut student = state.student;
        let (mut loss_sum, mut learning_rate) = (0.0, 0.0);
        // The last few, too few for a batch, have their turn in another epoch.
        for (step, batch) in order.chunks_exact(config.train.batch_size).enumerate() {
            interrupt::check()?;
            let views = sounds.views(batch, config, &[&epoch.to_string(), &step.to_string()]);
            let embeddings = student.backbone.forward(images(&views, config.image_size(), &device));
            let loss = student.projector.loss(&config.objective, embeddings, batch, sounds);
            let value: f64 = loss.to_data().try_to_vec::<f32>().map_err(no_result)?.into_iter().map(f64::from).sum();
            if !value.is_finite() {
                let place = format!("epoch {epoch}, step {}", step + 1);
                return Err(Error::Failed(format!("{place}: the loss is not finite; lower train.learning_rate")));
            }
            loss_sum += value;
            let done = (epoch - 1) * batches + step + 1;
            learning_rate = config.train.learning_rate_at(done, total);
            let mut gradients = loss.backward();
            let gradients = GradientsParams::from_module(&mut gradients, &student);
            student = state.optimizer.step(learning_rate, student, gradients);
            progress.set(done, total);
        }
        state.student = student;
        state.epochs.push(Epoch { epoch, learning_rate, loss: loss_sum / batches as f64 });
        progress.line(&format!("epoch {epoch:>4}  loss {:.4}", loss_sum / batches as f64));
        states.write(&state)?;
        write_epochs(run, &state.epochs)?;
    }
    Ok(state)
}

fn write_epochs(run: &RunFolder, epochs: &[Epoch]) -> Result<(), Error> {
    let rows = epochs.iter().map(|e| [e.epoch.to_string(), e.learning_rate.to_string(), e.loss.to_string()]);
    run.write_csv("epochs.csv", &["epoch", "learning_rate", "loss"].map(String::from), rows)
}

/// Views `[n][size * size]` as `[n, 1, size, size]`.
fn images(views: &[Vec<f32>], size: usize, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(views.concat(), [views.len(), 1, size, size]), device)
}
