//! What can go wrong with a corpus or with the files made from it.

use std::io;
use std::path::PathBuf;

/// What can go wrong with a corpus or with the files made from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder of the corpus, or a table about it, cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// A cache or a generated folder cannot be written: the disk is full, or permission is missing. The input is not at
    /// fault.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// The folder is not a folder of class folders with recordings.
    #[error("{}: {reason}", root.display())]
    Layout {
        /// The folder.
        root: PathBuf,
        /// What is missing, and what to do.
        reason: String,
    },
    /// A CSV file is malformed: an unknown encoding, a missing column or a line that does not fit the header.
    #[error("{}: {reason}", path.display())]
    Csv {
        /// The CSV file.
        path: PathBuf,
        /// What is wrong, with its line, and what to do.
        reason: String,
    },
    /// A split file or a split does not fit the recordings.
    #[error("{}: {reason}", path.display())]
    Split {
        /// The split file, or the folder of the corpus.
        path: PathBuf,
        /// Which line or list does not fit, and why.
        reason: String,
    },
    /// A table of recorders does not fit the recordings.
    #[error("{}: {reason}", path.display())]
    RecorderTable {
        /// The table.
        path: PathBuf,
        /// Which line does not fit, and why.
        reason: String,
    },
    /// The pattern for recorders is not a regular expression.
    #[error("recorder pattern {pattern:?}: {source}")]
    RecorderPattern {
        /// The pattern.
        pattern: String,
        /// Where it is wrong.
        source: regex::Error,
    },
    /// The pattern for recorders has no group that names the recorder.
    #[error("recorder pattern {pattern:?}: it needs a group in parentheses around the part that names the recorder")]
    RecorderGroup {
        /// The pattern.
        pattern: String,
    },
    /// The rule for recorders identifies none, or too few.
    #[error("{rule}: {reason}")]
    RecorderCoverage {
        /// The pattern or the table.
        rule: String,
        /// How many it identifies, and what to do.
        reason: String,
    },
    /// A recording cannot be turned into an encoder input.
    #[error("{}: {source}", path.display())]
    Recording {
        /// The recording.
        path: PathBuf,
        /// Why.
        source: features::Error,
    },
    /// The feature settings are invalid.
    #[error("{0}")]
    Features(#[source] features::Error),
    /// The settings of a synthetic corpus are invalid.
    #[error("synthetic corpus: {0}")]
    Synthetic(String),
    /// The folder for generated sounds holds something else.
    #[error("{} holds {found}", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What it holds, and what to do.
        found: &'static str,
    },
}

impl Error {
    /// Wraps an error of reading `path`, for `map_err`.
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    /// Wraps an error of writing `path`, for `map_err`.
    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}
