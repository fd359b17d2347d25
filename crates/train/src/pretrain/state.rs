//! A pretraining that is under way, in the cache: it goes on from its last whole epoch as if it had never stopped, to the bit.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};

use super::{Epoch, Student};
use crate::Error;
use crate::journal::{frame, unframe};
use crate::run_folder;

/// After some epochs, but for what follows from their number and the seed.
pub(super) struct State {
    /// What is trained.
    pub student: Student,
    /// Moments of its parameters.
    pub optimizer: ModuleOptimizer,
    /// Those that are over.
    pub epochs: Vec<Epoch>,
}

/// The form on disk.
#[derive(Serialize, Deserialize)]
struct Saved {
    student: Bytes,
    optimizer: Bytes,
    epochs: Vec<Epoch>,
}

/// The file of one pretraining's state, which is safe to delete at any time.
pub(super) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("pretraining") }
    }

    /// Keeps the state.
    pub fn write(&self, state: &State) -> Result<(), Error> {
        let write = || -> Result<Vec<u8>, String> {
            // Brings the statistics of batch norm up to the last batch; the record would lag one behind.
            let _ = state.student.valid();
            frame(&Saved {
                student: state.student.clone().into_record().into_bytes().map_err(|e| e.to_string())?,
                optimizer: state.optimizer.into_bytes().map_err(|e| e.to_string())?,
                epochs: state.epochs.clone(),
            })
        };
        let bytes = write().map_err(|e| Error::Failed(format!("{}: {e}", self.path.display())))?;
        run_folder::write(&self.path, &bytes)
    }

    /// The pretraining of which `begin` is the beginning, as far as it came; `begin` itself if there is no state, or none
    /// that can be read.
    pub fn read(&self, begin: State) -> State {
        let saved = std::fs::read(&self.path).ok().and_then(|bytes| unframe::<Saved>(&bytes));
        let read = |(saved, _): (Saved, usize)| {
            let record = ModuleRecord::from_bytes(saved.student).ok()?;
            Some(State {
                student: begin.student.clone().try_load_record(record).ok()?,
                optimizer: begin.optimizer.clone().from_bytes(saved.optimizer).ok()?,
                epochs: saved.epochs,
            })
        };
        saved.and_then(read).unwrap_or(begin)
    }
}
