//! The folder of a trial: settings, learning curves, checkpoint, predictions.

use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::io;
use std::path::PathBuf;

use burn::tensor::Device;
use dataset::Corpus;
use experiment::folder::CHECKPOINT_FILE;
use experiment::tables::write_predictions;
use experiment::{RunFolder, TrialConfig, TrialResult};
use model::{BackboneWeights, CheckpointInfo, Head};
use serde_json::json;

use super::prepare::Prepared;
use super::searches::is_inner;
use crate::Error;
use crate::trial::trainable_part::{Start, TrainablePart};

/// Writes the folder of a trial, without its checkpoint.
pub(super) fn write(run: &RunFolder, corpus: &Corpus, config: &TrialConfig, result: &TrialResult) -> Result<(), Error> {
    let id = config.id();
    let text = toml::to_string(config).map_err(Error::encode(format!("trial {id}")))?;
    run.write(&format!("trials/{id}/config.toml"), text.as_bytes())?;
    write_epochs(run, &id, result)?;
    Ok(write_predictions(run, &format!("trials/{id}/predictions.csv"), corpus, &result.val, &[])?)
}

/// Writes the checkpoint of a trial; `part` is of the chosen epoch, with a head for plain embeddings.
pub(super) fn write_checkpoint(
    run: &RunFolder,
    config: &TrialConfig,
    result: &TrialResult,
    start: &Start,
    part: &TrainablePart,
) -> Result<(), Error> {
    let info = CheckpointInfo {
        head: config.head.clone(),
        trained: start.backbone.train,
        calibration: json!(result.calibration),
    };
    let weights = match &part.backbone {
        Some(backbone) => &start.weights.with_trained(backbone).map_err(Error::Checkpoint)?,
        None => start.weights,
    };
    model::save_checkpoint(&checkpoint_path(run, &config.id()), &info, weights, &part.head).map_err(Error::Checkpoint)
}

fn write_epochs(run: &RunFolder, id: &str, result: &TrialResult) -> Result<(), Error> {
    let header = ["epoch", "learning_rate", "train_loss", "val_loss", "val_macro_f1"].map(String::from);
    let rows = result.epochs.iter().map(|e| {
        [
            e.epoch.to_string(),
            e.learning_rate.to_string(),
            e.train_loss.to_string(),
            e.val_loss.to_string(),
            e.val_macro_f1.to_string(),
        ]
    });
    Ok(run.write_csv(&format!("trials/{id}/epochs.csv"), &header, rows)?)
}

/// Reads the weights and the head of a trial that started from `weights`.
pub(super) fn read_checkpoint(
    run: &RunFolder,
    id: &str,
    weights: &BackboneWeights,
    device: &Device,
) -> Result<(BackboneWeights, Head), Error> {
    let (_, weights, head) =
        model::load_checkpoint(&checkpoint_path(run, id), weights.clone(), device).map_err(Error::Checkpoint)?;
    Ok((weights, head))
}

/// Fails unless the checkpoint of a trial of `search` in the folder `run` can be read; those of inner folds have none.
pub(super) fn check(run: &RunFolder, search: &str, trial: &TrialConfig, prepared: &Prepared) -> Result<(), Error> {
    if is_inner(search) {
        return Ok(());
    }
    let encoding = prepared.encodings.of(trial)?;
    read_checkpoint(&run.inside(search), &trial.id(), &encoding.backbone.weights, prepared.compute.device()).map(drop)
}

/// Copies the folder of a trial from one run's folder to another's.
pub(super) fn copy(from: &RunFolder, to: &RunFolder, id: &str) -> Result<(), Error> {
    for (name, bytes) in files(from, id)? {
        to.write(&format!("trials/{id}/{name}"), &bytes)?;
    }
    Ok(())
}

/// Name and bytes of every file in the folder of a trial.
pub(super) fn files(run: &RunFolder, id: &str) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let folder = run.trial(id);
    let read = |entry: io::Result<DirEntry>| -> io::Result<(String, Vec<u8>)> {
        let entry = entry?;
        Ok((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?))
    };
    let entries = folder.read_dir().and_then(|entries| entries.map(read).collect());
    entries.map_err(Error::io(&folder))
}

/// Path of a trial's checkpoint.
fn checkpoint_path(run: &RunFolder, id: &str) -> PathBuf {
    run.trial(id).join(CHECKPOINT_FILE)
}
