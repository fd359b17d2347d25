//! Sound files that a command line names.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use dataset::count;

use super::stderr;
use crate::Error;

/// The named files, and every sound file below the named folders, in path order. A path that does not exist and a folder without a
/// sound file are listed as well: they have a [`reason`] why they cannot be read.
///
/// # Errors
/// [`Error::Data`] if there is nothing else, [`Error::Dataset`] if a folder cannot be read.
pub fn sound_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            files.extend(dataset::audio_files(path)?);
        }
        if files.len() == before {
            problems.extend(problem(path).map(|problem| format!("{}: {problem}", path.display())));
            files.push(path.clone());
        }
    }
    if problems.len() == files.len() { Err(Error::Data(problems.join("\n  "))) } else { Ok(files) }
}

/// What is wrong with the path of a sound file, whatever its contents are.
fn problem(path: &Path) -> Option<&'static str> {
    if path.is_dir() {
        return Some("there is no sound file in this folder");
    }
    (!path.exists()).then_some("there is no such file or folder")
}

/// Why the sound file at `path` cannot be read: what is wrong with its path, else `error`.
pub fn reason(path: &Path, error: &impl Display) -> String {
    problem(path).map_or_else(|| error.to_string(), str::to_owned)
}

/// Calls `use_file` for each file, reports failures on stderr and returns their number.
pub fn each<E: Display>(files: &[PathBuf], mut use_file: impl FnMut(&Path) -> Result<(), E>) -> usize {
    let mut failed = 0;
    for path in files {
        if let Err(error) = use_file(path) {
            stderr::line(format_args!("error: {}: {}", path.display(), reason(path, &error)));
            failed += 1;
        }
    }
    failed
}

/// Fails with [`Error::Data`] if `failed` of `total` files could not be read.
pub fn all_read(failed: usize, total: usize) -> Result<(), Error> {
    match failed {
        0 => Ok(()),
        _ => Err(Error::Data(format!("{failed} of {} could not be read", count(total, "file")))),
    }
}
