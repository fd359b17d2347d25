//! Pretraining: trains a backbone on recordings, for the sweep and for `wail embed`.
//!
//! Each epoch passes over every training recording once, augmented anew. The network has batch norm, which is folded into the
//! convolutions at the end. Only the training recordings of the split are used, so that scores on the others stay honest. The
//! file lists what the backbone was trained on, and every later run compares that with what it tests.

pub mod config;
mod objective;
mod resume;
mod sounds;
mod student;
mod targets;
mod teacher;

use std::iter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use dataset::{Corpus, count};
use experiment::journal::{Journal, JournalState, Record};
use experiment::{Environment, Identity, RunFolder, folder, seed};
use model::{BackboneInfo, Compute, NormedBackbone};
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use crate::Error;
use crate::config::Settings;
use crate::corpus::locate::Located;
use crate::identity::{self, IdentityInputs};
use crate::terminal::progress::Progress;
use crate::terminal::{interrupt, stderr};
use config::PretrainConfig;
use objective::Projector;
use resume::{ResumeFile, ResumePoint};
use sounds::Sounds;
use student::{Epoch, Student};
use teacher::Teacher;

/// Name of the backbone inside the run's folder.
pub const BACKBONE_FILE: &str = "backbone.safetensors";

/// Pretrains as `config` says and writes a folder below `out`: `backbone.safetensors`, `epochs.csv`, `config.toml`,
/// `provenance.json` and `split/`. An interrupted pretraining resumes from its last complete epoch, bit for bit; a finished one
/// is left unchanged. Returns the path of the backbone.
///
/// # Errors
/// The [`Error`] of the step that failed, [`Error::Diverged`] if the loss is no longer finite, [`Error::Interrupted`] on a
/// signal.
pub fn run(config: &PretrainConfig, compute: &Compute, out: &Path) -> Result<PathBuf, Error> {
    let started = Instant::now();
    let located = Located::find(&config.data, false)?;
    let teacher = Teacher::find(config, compute)?;
    let others = config.other_sounds.iter().map(|folder| Corpus::scan(folder)).collect::<Result<Vec<_>, _>>()?;
    let identity = identity_of(config, compute, &located, &others, teacher.as_ref())?;
    let run = RunFolder::new(out, &config.name, &identity);
    let path = run.path.join(BACKBONE_FILE);
    let is_finished = |records: &[Record]| JournalState::replay(records.iter().cloned()).finished && path.is_file();
    if is_finished(&Journal::read(&run.path, &identity)?) {
        stderr::line(format_args!("finished   {}: nothing is left to do", run.path.display()));
        return Ok(path);
    }
    let sounds = Sounds::find(config, located, &others, teacher.as_ref())?;
    let resolved = config.to_toml()?;
    run.create()?;
    let (journal, records) = Journal::open(&run.path, &identity)?;
    if is_finished(&records) {
        // Another process finished it in the meantime.
        journal.finish(&records)?;
        return Ok(path);
    }
    run.remove_leftovers()?;
    let mut provenance = Environment::current().provenance(config.seed, compute.device_name());
    identity::describe(&identity, &mut provenance);
    provenance["config"] = json!(resolved);
    provenance["backbone"] = json!({ "used": config.in_words(), "heard": sounds.pretraining });
    describe(config, compute, &sounds, &run, &resolved, &provenance)?;

    let resume_folder = config.data.cache_dir().join("training").join(&run.name);
    let resume = ResumeFile::new(&resume_folder);
    let training = Training { config, sounds: &sounds, device: compute.device().clone().autodiff() };
    let ResumePoint { student, epochs, .. } = training.run(&resume, &run)?;
    // Written again, since a process may have died between resume point and table.
    write_epochs(&run, &epochs)?;
    let weights = student.backbone.fold().map_err(|e| Error::Diverged(format!("the training diverged: {e}")))?;
    let cry_direction = student.projector.cry_direction()?;
    let info = BackboneInfo { arch: config.arch, features: json!(config.features), provenance, cry_direction };
    model::save_backbone(&path, &info, &weights).map_err(Error::Checkpoint)?;
    folder::remove(&resume_folder)?;
    journal.finish(&[Record::Begin { epochs: epochs.len() }, Record::Run])?;
    run.log("finished", started.elapsed().as_secs_f64())?;
    Ok(path)
}

/// Everything that decides the backbone.
fn identity_of(
    config: &PretrainConfig,
    compute: &Compute,
    located: &Located,
    others: &[Corpus],
    teacher: Option<&Teacher>,
) -> Result<Identity, Error> {
    let without_paths = config.without_paths();
    let others = others.iter().map(|corpus| format!("; other sounds {}", corpus.fingerprint()));
    IdentityInputs {
        config: without_paths.to_toml()?,
        data: &config.data,
        located,
        encoder: iter::once(teacher.map_or("", Teacher::key).into()).chain(others).collect(),
        engine: compute.device_name(),
    }
    .identity()
}

/// Writes and prints the description of the run before training.
fn describe(
    config: &PretrainConfig,
    compute: &Compute,
    sounds: &Sounds,
    run: &RunFolder,
    resolved: &str,
    provenance: &Value,
) -> Result<(), Error> {
    run.write("config.toml", resolved.as_bytes())?;
    run.write("provenance.json", format!("{provenance:#}\n").as_bytes())?;
    for (name, text) in &sounds.split {
        run.write(&format!("split/{name}"), text.as_bytes())?;
    }
    stderr::line(format_args!(
        "run        {}\ndata       {} recordings and sounds, {}\nbackbone   {}: {}\ndevice     {}",
        run.path.display(),
        sounds.len(),
        count(sounds.n_classes, "class"),
        config.arch,
        config.in_words(),
        compute.device_name()
    ));
    Ok(())
}

/// The training of a backbone.
struct Training<'a> {
    config: &'a PretrainConfig,
    sounds: &'a Sounds,
    /// With autodiff.
    device: Device,
}

impl Training<'_> {
    /// Trains every epoch that is left, and writes a resume point after each.
    fn run(&self, resume: &ResumeFile, run: &RunFolder) -> Result<ResumePoint, Error> {
        let mut point = resume.read(self.start()?);
        let progress = Progress::new("pretraining", "steps");
        for number in point.epochs.len() + 1..=self.config.train.epochs {
            let (student, epoch) = self.epoch(number, point.student, &mut point.optimizer, &progress)?;
            progress.line(&format!("epoch {number:>4}  loss {:.4}", epoch.loss));
            point.student = student;
            point.epochs.push(epoch);
            resume.write(&point)?;
            write_epochs(run, &point.epochs)?;
        }
        Ok(point)
    }

    /// The network before the first epoch.
    fn start(&self) -> Result<ResumePoint, Error> {
        let config = self.config;
        let backbone_seed = seed::derive(config.seed, &["backbone"]);
        let backbone = NormedBackbone::random(config.arch, backbone_seed, &self.device).map_err(Error::Compute)?;
        let mut rng = seed::generator(config.seed, &["projector"]);
        let projector = Projector::new(&config.objective, backbone.n_outputs(), self.sounds, &mut rng, &self.device);
        let adam = AdamWConfig::new().with_weight_decay(config.train.weight_decay).with_epsilon(1e-8);
        let student = Student { backbone, projector };
        Ok(ResumePoint { student, optimizer: adam.init(), epochs: Vec::new() })
    }

    /// Trains the epoch `number`, from 1.
    fn epoch(
        &self,
        number: usize,
        mut student: Student,
        optimizer: &mut ModuleOptimizer,
        progress: &Progress,
    ) -> Result<(Student, Epoch), Error> {
        let Self { config, sounds, device } = self;
        let n_batches = sounds.len() / config.train.batch_size;
        let total = config.train.epochs * n_batches;
        let mut order: Vec<usize> = (0..sounds.len()).collect();
        order.shuffle(&mut seed::generator(config.seed, &[&number.to_string(), "order"]));
        let (mut loss_sum, mut learning_rate) = (0.0, 0.0);
        // The last recordings, too few for a batch, are skipped in this epoch.
        for (step, batch) in order.chunks_exact(config.train.batch_size).enumerate() {
            interrupt::check()?;
            let views = sounds.views(batch, config, &[&number.to_string(), &step.to_string()]);
            let embeddings = student.backbone.forward(images(&views, config.image_size(), device));
            let loss = student.projector.loss(&config.objective, embeddings, batch, sounds);
            let values = loss.to_data().try_to_vec::<f32>().map_err(Error::no_result)?;
            let value: f64 = values.into_iter().map(f64::from).sum();
            if !value.is_finite() {
                let place = format!("epoch {number}, step {}", step + 1);
                return Err(Error::Diverged(format!("{place}: the loss is not finite; lower train.learning_rate")));
            }
            loss_sum += value;
            let done = (number - 1) * n_batches + step + 1;
            learning_rate = config.train.learning_rate_at(done, total);
            let mut gradients = loss.backward();
            let gradients = GradientsParams::from_module(&mut gradients, &student);
            student = optimizer.step(learning_rate, student, gradients);
            progress.set(done, total);
        }
        Ok((student, Epoch { epoch: number, learning_rate, loss: loss_sum / n_batches as f64 }))
    }
}

fn write_epochs(run: &RunFolder, epochs: &[Epoch]) -> Result<(), Error> {
    let rows = epochs.iter().map(|e| [e.epoch.to_string(), e.learning_rate.to_string(), e.loss.to_string()]);
    Ok(run.write_csv("epochs.csv", &["epoch", "learning_rate", "loss"].map(String::from), rows)?)
}

/// Views `[n][size * size]` as a tensor `[n, 1, size, size]`.
fn images(views: &[Vec<f32>], size: usize, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(views.concat(), [views.len(), 1, size, size]), device)
}
