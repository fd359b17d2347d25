//! The folder that a run writes. Its name tells what was computed: the same configuration, data and weights always
//! meet in the same folder, others never do.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dataset::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Error, parts};

/// Name of the trained model inside a run folder.
pub const MODEL_FILE: &str = "model.safetensors";

/// Name of what a trial trained, inside its folder.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";

/// Name of the model inside an exported folder.
pub const ONNX_FILE: &str = "model.onnx";

/// A run's folder.
pub struct RunFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Its own name, `<name>-<hash>`.
    pub name: String,
}

impl RunFolder {
    /// Makes the folder below `parent`, named after `name` and everything that decides the results.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be made.
    pub fn create(parent: &Path, name: &str, inputs: &[&str]) -> Result<Self, Error> {
        let mut hasher = Sha256::new();
        parts::add(&mut hasher, inputs.iter().copied());
        let hash = hex(&hasher.finalize()[..6]);
        let name = format!("{name}-{hash}");
        let path = parent.join(&name);
        std::fs::create_dir_all(&path).map_err(|e| failed(&path, e))?;
        Ok(Self { path, name })
    }

    /// Removes the temporary files that a killed process left; their names begin with a dot. The caller holds the journal, so
    /// that nobody is writing one.
    ///
    /// # Errors
    /// [`Error::Failed`] if a folder cannot be read or a file not be removed.
    pub fn remove_leftovers(&self) -> Result<(), Error> {
        let failed = |e: &dyn std::fmt::Display| Error::Failed(format!("{}: {e}", self.path.display()));
        for entry in walkdir::WalkDir::new(&self.path) {
            let entry = entry.map_err(|e| failed(&e))?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if hidden && entry.depth() > 0 && entry.file_type().is_file() {
                std::fs::remove_file(entry.path()).map_err(|e| failed(&e))?;
            }
        }
        Ok(())
    }

    /// The folder `name` inside this one, made when something is written into it.
    pub fn inside(&self, name: &str) -> Self {
        Self { path: self.path.join(name), name: self.name.clone() }
    }

    /// Writes a file below the folder, atomically, making the folders it needs.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written; an older file then stays whole.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        write(&self.path.join(name), bytes)
    }

    /// Removes every file of the folder `inside` but `names`, which are relative to this folder.
    ///
    /// # Errors
    /// [`Error::Failed`] if the folder cannot be read or a file not be removed.
    pub fn keep_only(&self, inside: &str, names: &[String]) -> Result<(), Error> {
        let folder = self.path.join(inside);
        let keep: Vec<PathBuf> = names.iter().map(|name| self.path.join(name)).collect();
        let entries = match std::fs::read_dir(&folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|e| failed(&folder, e))?,
        };
        for entry in entries {
            let path = entry.map_err(|e| failed(&folder, e))?.path();
            if !keep.contains(&path) {
                std::fs::remove_file(&path).map_err(|e| failed(&path, e))?;
            }
        }
        Ok(())
    }

    /// Writes `rows` as CSV with a header.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written.
    pub fn write_csv<R: AsRef<[String]>>(
        &self,
        name: &str,
        header: &[String],
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), Error> {
        let path = self.path.join(name);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut put = |record: &[String]| writer.write_record(record).map_err(|e| failed(&path, e));
        put(header)?;
        for row in rows {
            put(row.as_ref())?;
        }
        let bytes = writer.into_inner().map_err(|e| failed(&path, e))?;
        write(&path, &bytes)
    }

    /// Appends a line to `runtime.jsonl`, the one file that may differ between reruns: when, which process, how long.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written.
    pub fn log(&self, event: &str, seconds: f64) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            event: &'a str,
            seconds: f64,
            unix_time: u64,
            pid: u32,
            threads: usize,
        }
        let path = self.path.join("runtime.jsonl");
        let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let line = Line { event, seconds, unix_time, pid: std::process::id(), threads: rayon::current_num_threads() };
        let mut text = serde_json::to_string(&line).map_err(|e| failed(&path, e))?;
        text.push('\n');
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(|e| failed(&path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| failed(&path, e))
    }
}

/// Writes a file atomically, making the folders it needs.
///
/// # Errors
/// [`Error::Failed`] if it cannot be written; an older file then stays whole.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
    }
    durable::write_atomic(path, bytes).map_err(|e| failed(path, e))
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::Failed(format!("{}: cannot be written: {error}", path.display()))
}
