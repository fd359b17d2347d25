//! The folder of a run. Its name holds the run's identity: the same configuration, data and weights always use the same folder,
//! and different ones never share it.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::{Error, Identity, cpu};

/// Name of the trained model inside a run folder.
pub const MODEL_FILE: &str = "model.safetensors";

/// Name of the checkpoint inside a trial's folder.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";

/// Name of the model inside an exported folder.
pub const ONNX_FILE: &str = "model.onnx";

/// Name of the folder of shards inside a run's folder. Other processes may be at work in it.
pub const SHARDS_FOLDER: &str = "shards";

const RUNTIME_FILE: &str = "runtime.jsonl";

/// A run's folder.
#[derive(Debug, Clone)]
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

    /// The folder of a run at `path`; `None` if the path ends in no name.
    pub fn at(path: &Path) -> Option<Self> {
        Some(Self { path: path.into(), name: path.file_name()?.to_string_lossy().into_owned() })
    }

    /// Creates the folder if there is none.
    ///
    /// # Errors
    /// [`Error::Write`] if it cannot be created.
    pub fn create(&self) -> Result<(), Error> {
        std::fs::create_dir_all(&self.path).map_err(Error::write(&self.path))
    }

    /// Removes temporary files that a killed process left; their names begin with a dot. The caller must hold the journal, so
    /// that no other process is writing one. The shards of the run have journals of their own and are left alone.
    ///
    /// # Errors
    /// [`Error::Read`] if a folder cannot be read, [`Error::Write`] if a file cannot be removed.
    pub fn remove_leftovers(&self) -> Result<(), Error> {
        let is_ours = |entry: &walkdir::DirEntry| entry.depth() != 1 || entry.file_name() != SHARDS_FOLDER;
        for entry in walkdir::WalkDir::new(&self.path).into_iter().filter_entry(is_ours) {
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

    /// Appends an event to `runtime.jsonl`, the only file that may differ between reruns: time, process, processor, duration.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn log(&self, event: &str, seconds: f64) -> Result<(), Error> {
        let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let (pid, threads, cpu) = (std::process::id(), rayon::current_num_threads(), cpu::model());
        let line = json!({
            "event": event,
            "seconds": seconds,
            "unix_time": unix_time,
            "pid": pid,
            "threads": threads,
            "cpu": cpu,
        });
        self.append_log(&format!("{line}\n"))
    }

    /// Appends the events of another folder's `runtime.jsonl` to this one's.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn import_log(&self, from: &Self) -> Result<(), Error> {
        self.append_log(&from.read_log())
    }

    /// The models of the processors that `runtime.jsonl` names, each once.
    pub fn cpus(&self) -> BTreeSet<String> {
        let cpu = |line: &str| Some(serde_json::from_str::<Value>(line).ok()?.get("cpu")?.as_str()?.to_owned());
        self.read_log().lines().filter_map(cpu).collect()
    }

    /// The text of `runtime.jsonl`; empty if it cannot be read.
    fn read_log(&self) -> String {
        std::fs::read_to_string(self.path.join(RUNTIME_FILE)).unwrap_or_default()
    }

    fn append_log(&self, text: &str) -> Result<(), Error> {
        let path = self.path.join(RUNTIME_FILE);
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(Error::write(&path))?;
        file.write_all(text.as_bytes()).map_err(Error::write(&path))
    }
}

/// The files below `folder`, by their paths relative to it with `/`, sorted; without hidden ones, which are temporary, and leases.
///
/// # Errors
/// [`Error::Read`] if a folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|e| Error::read(folder)(e.into()))?;
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_string_lossy();
        let is_kept = !entry.file_name().to_string_lossy().starts_with('.') && !name.ends_with(".lease");
        if entry.file_type().is_file() && is_kept {
            names.push(name.into_owned());
        }
    }
    Ok(names)
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
