//! Errors of a run's files.

use std::io;
use std::path::{Path, PathBuf};

/// Error of a run's files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process is running in the folder.
    #[error("{}: {holder} is at work in this folder; wait for it, or stop it", run.display())]
    Busy {
        /// The run's folder.
        run: PathBuf,
        /// The other process, such as `process 123`.
        holder: String,
    },
    /// The folder holds no finished run.
    #[error("{}: cannot be read: {source}; name the folder of a finished run", path.display())]
    NoReport {
        /// The report that is missing.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The file was written in a format that this program does not read.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is different.
        problem: String,
    },
    /// The file is damaged, or this program did not write it.
    #[error("{}: is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A value has no encoded form.
    #[error("cannot be encoded: {0}")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps an I/O error of reading `path`, for `map_err`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.into(), source }
    }

    /// Wraps an I/O error of writing `path`, for `map_err`.
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { path: path.into(), source }
    }

    /// Wraps an encoder's error, for `map_err`.
    pub(crate) fn encode(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Encode(Box::new(error))
    }
}
