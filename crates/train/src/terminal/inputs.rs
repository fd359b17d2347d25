//! Sound files that a command line names.

use std::path::{Path, PathBuf};

use super::stderr;
use crate::Error;

/// The named files, and every sound file below the named folders, in path order.
///
/// # Errors
/// [`Error::Data`] if a path does not exist or a folder holds no sound file.
pub fn sound_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            files.extend(dataset::audio_files(path)?);
            if files.len() == before {
                return Err(Error::Data(format!("{}: there is no sound file in this folder", path.display())));
            }
        } else if path.exists() {
            files.push(path.clone());
        } else {
            return Err(Error::Data(format!("{}: there is no such file or folder", path.display())));
        }
    }
    Ok(files)
}

/// Calls `use_file` for each file, reports failures on stderr and returns their number.
pub fn each<E: std::fmt::Display>(files: &[PathBuf], mut use_file: impl FnMut(&Path) -> Result<(), E>) -> usize {
    let mut failed = 0;
    for path in files {
        if let Err(why) = use_file(path) {
            stderr::line(format_args!("error: {}: {why}", path.display()));
            failed += 1;
        }
    }
    failed
}

/// Fails with [`Error::Data`] if `failed` of `total` files could not be read.
pub fn all_read(failed: usize, total: usize) -> Result<(), Error> {
    match failed {
        0 => Ok(()),
        _ => Err(Error::Data(format!("{failed} of {total} files could not be read"))),
    }
}
