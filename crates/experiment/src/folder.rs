//! The folder of a run. Its name holds the run's identity: the same configuration, data and weights always use the same folder,
//! and different ones never share it.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::{Error, Identity};

/// Name of the trained model inside a run folder.
pub const MODEL_FILE: &str = "model.safetensors";

/// Name of the checkpoint inside a trial's folder.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";

/// Name of the model inside an exported folder.
pub const ONNX_FILE: &str = "model.onnx";

/// A run's folder.
pub struct RunFolder {
    /// Its path.
    pub path: PathBuf,
    /// Its own name, `<name>-<identity>`.
    pub name: String,
}

impl RunFolder {
    /// The folder of the run `name` with `identity` below `parent`. Nothing is created.
    pub fn new(parent: &Path, name: &str, identity: &Identity) -> Self {
        let name = format!("{name}-{}", identity.short());
        Self { path: parent.join(&name), name }
    }

    /// Creates the folder if there is none.
    ///
    /// # Errors
    /// [`Error::Write`] if it cannot be created.
    pub fn create(&self) -> Result<(), Error> {
        std::fs::create_dir_all(&self.path).map_err(Error::write(&self.path))
    }

    /// Removes temporary files that a killed process left; their names begin with a dot. The caller must hold the journal, so
    /// that no other process is writing one.
    ///
    /// # Errors
    /// [`Error::Read`] if a folder cannot be read, [`Error::Write`] if a file cannot be removed.
    pub fn remove_leftovers(&self) -> Result<(), Error> {
        for entry in walkdir::WalkDir::new(&self.path) {
            let entry = entry.map_err(|e| Error::read(&self.path)(e.into()))?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if hidden && entry.depth() > 0 && entry.file_type().is_file() {
                std::fs::remove_file(entry.path()).map_err(Error::write(entry.path()))?;
            }
        }
        Ok(())
    }

    /// The folder `name` inside this one. It is created when something is written into it.
    pub fn inside(&self, name: &str) -> Self {
        Self { path: self.path.join(name), name: self.name.clone() }
    }

    /// Folder of the trial `id`.
    pub fn trial(&self, id: &str) -> PathBuf {
        self.path.join("trials").join(id)
    }

    /// Writes a file below the folder atomically and creates the folders it needs.
    ///
    /// # Errors
    /// [`Error::Write`]; an older file stays intact.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        write(&self.path.join(name), bytes)
    }

    /// Removes every file of the folder `inside` except `names`, which are relative to the run's folder.
    ///
    /// # Errors
    /// [`Error::Read`] if the folder cannot be read, [`Error::Write`] if a file cannot be removed.
    pub fn keep_only(&self, inside: &str, names: &[String]) -> Result<(), Error> {
        let folder = self.path.join(inside);
        let keep: Vec<PathBuf> = names.iter().map(|name| self.path.join(name)).collect();
        let entries = match std::fs::read_dir(&folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(Error::read(&folder))?,
        };
        for entry in entries {
            let path = entry.map_err(Error::read(&folder))?.path();
            if !keep.contains(&path) {
                std::fs::remove_file(&path).map_err(Error::write(&path))?;
            }
        }
        Ok(())
    }

    /// Writes `rows` as CSV with a header.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write_csv<R: AsRef<[String]>>(
        &self,
        name: &str,
        header: &[String],
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), Error> {
        let path = self.path.join(name);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut put = |record: &[String]| writer.write_record(record).map_err(|e| Error::write(&path)(e.into()));
        put(header)?;
        for row in rows {
            put(row.as_ref())?;
        }
        let bytes = writer.into_inner().map_err(|e| Error::write(&path)(e.into_error()))?;
        write(&path, &bytes)
    }

    /// Appends an event to `runtime.jsonl`, the only file that may differ between reruns: time, process and duration.
    ///
    /// # Errors
    /// [`Error::Write`].
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
        let mut text = serde_json::to_string(&line).map_err(Error::encode)?;
        text.push('\n');
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(Error::write(&path))?;
        file.write_all(text.as_bytes()).map_err(Error::write(&path))
    }
}

/// Writes a file atomically and creates the folders it needs.
///
/// # Errors
/// [`Error::Write`]; an older file stays intact.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        durable::write_atomic(path, bytes)
    };
    write().map_err(Error::write(path))
}

/// Removes the folder at `path` with everything in it, if there is one.
///
/// # Errors
/// [`Error::Write`].
pub fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::write(path)(error)),
        _ => Ok(()),
    }
}
