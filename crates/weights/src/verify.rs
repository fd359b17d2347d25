//! Whether a weight file is present and the one of the register.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use durable::sha256_hex_of;

use crate::{Error, WeightFile};

/// Whether a weight file is present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No part of it is.
    Missing,
    /// A download was cut off; fetching resumes it.
    Partial {
        /// Bytes received so far.
        bytes: u64,
    },
    /// It is, with the right length and SHA-256.
    Verified,
    /// A file is, but it is not the one of the register.
    Damaged {
        /// What is different.
        reason: String,
    },
}

/// Compares the file in the folder `models` with its entry.
///
/// # Errors
/// [`Error::Io`] if the file exists but cannot be read.
pub fn verify(entry: &WeightFile, models: &Path) -> Result<State, Error> {
    let path = models.join(&entry.file);
    let length = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(match std::fs::metadata(part_path(entry, models)) {
                Ok(part) if part.len() > 0 => State::Partial { bytes: part.len() },
                _ => State::Missing,
            });
        }
        Err(source) => return Err(Error::Io { path, source }),
    };
    if length != entry.bytes {
        return Ok(State::Damaged { reason: format!("{length} bytes long, not {}", entry.bytes) });
    }
    let (found, _) = File::open(&path).and_then(sha256_hex_of).map_err(|source| Error::Io { path, source })?;
    Ok(if found == entry.sha256 { State::Verified } else { State::Damaged { reason: format!("SHA-256 is {found}") } })
}

/// Path of an unfinished download.
pub(crate) fn part_path(entry: &WeightFile, models: &Path) -> PathBuf {
    models.join(format!("{}.part", entry.file))
}
