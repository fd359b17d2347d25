//! TensorBoard: a folder for each trial with an event file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use experiment::Epoch;

use super::event_file::{header, scalars};
use super::sink::{Sink, TrackError};
use super::watch::{Event, TrialName, TrialOutcome};

/// TensorBoard looks for names with `tfevents`. One name for each trial: what is sent again replaces it.
const FILE: &str = "events.out.tfevents.wail";

/// Writes event files below a folder.
pub struct Tensorboard {
    root: PathBuf,
    run: String,
    /// Files of the trials that are being trained.
    open: BTreeMap<TrialName, File>,
}

impl Tensorboard {
    /// Writes below `root`, into a folder for each run.
    pub fn new(root: &Path) -> Self {
        Self { root: root.into(), run: String::new(), open: BTreeMap::new() }
    }

    fn folder(&self, trial: Option<&TrialName>) -> PathBuf {
        let run = self.root.join(&self.run);
        trial.map_or(run.clone(), |trial| run.join(trial.path()))
    }

    fn add(&mut self, trial: &TrialName, epoch: &Epoch) -> Result<(), TrackError> {
        let folder = self.folder(Some(trial));
        let path = folder.join(FILE);
        let file = match self.open.remove(trial) {
            Some(file) => Ok(file),
            None => begin(&folder),
        };
        let written = file.and_then(|mut file| {
            file.write_all(&epoch_record(epoch))?;
            file.flush().map(|()| file)
        });
        self.open.insert(trial.clone(), written.map_err(|source| TrackError::Io { path, source })?);
        Ok(())
    }
}

impl Sink for Tensorboard {
    fn take(&mut self, event: &Event) -> Result<(), TrackError> {
        match event {
            Event::RunStarted { run, .. } => self.run.clone_from(run),
            Event::SearchStarted { .. } => {}
            Event::EpochEnded { trial, epoch } => self.add(trial, epoch)?,
            Event::TrialEnded { trial, outcome, .. } => {
                self.open.remove(trial);
                if let TrialOutcome::Trained { epochs, .. } = outcome {
                    write(&self.folder(Some(trial)), epochs.iter().map(epoch_record))?;
                }
            }
            Event::RunEnded { scores, .. } => {
                let scores: Vec<(&str, f64)> = scores.iter().map(|(name, score)| (name.as_str(), *score)).collect();
                write(&self.folder(None), [scalars(0, &scores)])?;
            }
        }
        Ok(())
    }
}

/// A new event file in `folder`.
fn begin(folder: &Path) -> std::io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let mut file = File::create(folder.join(FILE))?;
    file.write_all(&header())?;
    Ok(file)
}

/// Replaces the event file in `folder` by one with `records`.
fn write(folder: &Path, records: impl IntoIterator<Item = Vec<u8>>) -> Result<(), TrackError> {
    let path = folder.join(FILE);
    let bytes: Vec<u8> = std::iter::once(header()).chain(records).flatten().collect();
    let written = std::fs::create_dir_all(folder).and_then(|()| durable::write_atomic(&path, &bytes));
    written.map_err(|source| TrackError::Io { path, source })
}

fn epoch_record(epoch: &Epoch) -> Vec<u8> {
    let Epoch { epoch, learning_rate, train_loss, val_loss, val_macro_f1 } = epoch;
    let values = [
        ("loss/train", *train_loss),
        ("loss/val", *val_loss),
        ("macro-F1/val", *val_macro_f1),
        ("learning rate", *learning_rate),
    ];
    scalars(*epoch as i64, &values)
}
