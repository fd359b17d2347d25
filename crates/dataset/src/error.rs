//! What can be wrong with a corpus, each with its path.

use std::io;
use std::path::PathBuf;

/// What can be wrong with a corpus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder is not a folder of class folders with recordings.
    #[error("{}: {reason}", root.display())]
    Layout {
        /// The folder.
        root: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A split file is not what it should be, or does not fit the recordings.
    #[error("{}: {reason}", path.display())]
    Split {
        /// The split file.
        path: PathBuf,
        /// What is wrong, with its line.
        reason: String,
    },
    /// The recorders of a corpus cannot be told as asked.
    #[error("{0}")]
    Recorder(String),
    /// A recording cannot be turned into an image.
    #[error("{}: {reason}", path.display())]
    Recording {
        /// The recording.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The feature settings make no sense.
    #[error("{0}")]
    Features(String),
    /// The synthetic corpus cannot be made as asked.
    #[error("synthetic corpus: {0}")]
    Synthetic(String),
}

impl Error {
    /// Wraps an I/O error with its path, for `map_err`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
