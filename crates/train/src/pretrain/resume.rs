//! The resume point of a pretraining, in the cache: training continues from the last complete epoch, bit for bit.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use experiment::{folder, frame, unframe};
use serde::{Deserialize, Serialize};

use super::student::{Epoch, Student};
use crate::Error;

/// A pretraining after some epochs. Everything else follows from their number and the seed.
pub(super) struct ResumePoint {
    /// The network.
    pub student: Student,
    /// State of its optimizer.
    pub optimizer: ModuleOptimizer,
    /// The finished epochs.
    pub epochs: Vec<Epoch>,
}

/// The form on disk.
#[derive(Serialize, Deserialize)]
struct Saved {
    student: Bytes,
    optimizer: Bytes,
    epochs: Vec<Epoch>,
}

/// The file of a pretraining's resume point, which is safe to delete at any time.
pub(super) struct ResumeFile {
    path: PathBuf,
}

impl ResumeFile {
    /// The file in `folder`, which is created when it is first written.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("pretraining") }
    }

    /// Writes the resume point.
    ///
    /// # Errors
    /// [`Error::Run`] or [`Error::Encode`]; an older resume point then stays intact.
    pub fn write(&self, point: &ResumePoint) -> Result<(), Error> {
        // Brings the statistics of batch norm up to the last batch; the record would lag one batch behind.
        let _ = point.student.valid();
        let student = point.student.clone().into_record().into_bytes();
        let saved = Saved {
            student: student.map_err(Error::encode(self.path.display().to_string()))?,
            optimizer: point.optimizer.into_bytes().map_err(Error::encode(self.path.display().to_string()))?,
            epochs: point.epochs.clone(),
        };
        Ok(folder::write(&self.path, &frame(&saved)?)?)
    }

    /// Reads the resume point; returns `start`, the pretraining before its first epoch, if there is none that can be read.
    pub fn read(&self, start: ResumePoint) -> ResumePoint {
        let saved = std::fs::read(&self.path).ok().and_then(|bytes| unframe::<Saved>(&bytes).ok());
        let read = |(saved, _): (Saved, usize)| {
            let record = ModuleRecord::from_bytes(saved.student).ok()?;
            Some(ResumePoint {
                student: start.student.clone().try_load_record(record).ok()?,
                optimizer: start.optimizer.clone().from_bytes(saved.optimizer).ok()?,
                epochs: saved.epochs,
            })
        };
        saved.and_then(read).unwrap_or(start)
    }
}
