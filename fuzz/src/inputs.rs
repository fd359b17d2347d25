//! What the readers read besides their bytes.

use std::path::Path;

use dataset::{Corpus, Recording};
use tempfile::TempDir;

thread_local! {
    /// Folder of the inputs. It is in memory if possible, because a file is written for each input.
    static FOLDER: TempDir = match Path::new("/dev/shm") {
        shared if shared.is_dir() => TempDir::new_in(shared),
        _ => TempDir::new(),
    }
    .unwrap_or_else(|e| panic!("no folder for inputs: {e}"));
}

/// Calls `read` with the path of a file that holds `bytes`.
pub fn with_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    let path = FOLDER.with(|folder| folder.path().join(name));
    std::fs::write(&path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    read(&path);
}

/// A corpus whose recordings tables can name.
pub fn corpus() -> Corpus {
    let paths = ["hungry/1.wav", "hungry/a b.wav", "tired/ä.wav", "tired/\"quoted\".wav"];
    let recording = |(i, path): (usize, &&str)| Recording {
        path: (*path).into(),
        label: i / 2,
        sha256: format!("{i:064}"),
        bytes: 1,
        ..Recording::default()
    };
    Corpus {
        root: FOLDER.with(|folder| folder.path().into()),
        labels: vec!["hungry".into(), "tired".into()],
        recordings: paths.iter().enumerate().map(recording).collect(),
        ..Corpus::default()
    }
}
