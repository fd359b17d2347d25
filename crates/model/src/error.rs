//! Errors: malformed input, unsupported input, limits and I/O are different variants.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate. Errors about a file are wrapped in [`Error::At`]; [`Error::cause`] returns the error inside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error in the file at `path`.
    #[error("{}: {error}", path.display())]
    At {
        /// The path as the caller gave it.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: Box<Error>,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes are not a well-formed file of their format.
    #[error("malformed file: {0}")]
    Malformed(String),
    /// A part of the file cannot be decoded.
    #[error("malformed file: {what}: {source}")]
    Decode {
        /// The part, with the version of its format if it is known.
        what: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is well-formed but holds something that this crate does not read; the text says what it reads.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A size limit was exceeded.
    #[error("too large: {0}")]
    Limit(String),
    /// A tensor is missing, has the wrong shape or type, or holds unusable values.
    #[error("tensor `{tensor}`: {problem}")]
    Tensor {
        /// The tensor's name in the file.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file with the values of a tensor cannot be used.
    #[error("tensor `{tensor}`: external data: {}: {source}", path.display())]
    ExternalData {
        /// The tensor's name in the graph.
        tensor: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<Error>,
    },
    /// A graph node differs from the one that the network has at that place.
    #[error("node `{node}`: {problem}")]
    Node {
        /// The node's name, or its operator and first output if it has none.
        node: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The caller's arguments do not fit together.
    #[error("{0}")]
    Argument(String),
    /// The device is unknown, not compiled in, or does not answer.
    #[error("device `{name}`: {problem}")]
    Device {
        /// The requested name.
        name: String,
        /// What is wrong, and how to fix it.
        problem: String,
    },
    /// An engine cannot build or run a network, or returns no values.
    #[error("engine `{name}`: {source}")]
    Engine {
        /// Its name: `simd`, `rten` or `burn`.
        name: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The error itself, without the paths around it.
    pub fn cause(&self) -> &Error {
        match self {
            Error::At { error, .. } => error.cause(),
            other => other,
        }
    }

    pub(crate) fn at(self, path: &Path) -> Error {
        Error::At { path: path.to_owned(), error: Box::new(self) }
    }

    pub(crate) fn decode(what: String, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Decode { what, source: source.into() }
    }

    pub(crate) fn device(name: &str, problem: impl Into<String>) -> Error {
        Error::Device { name: name.to_owned(), problem: problem.into() }
    }

    pub(crate) fn engine(name: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Engine { name, source: source.into() }
    }

    pub(crate) fn tensor(tensor: &str, problem: impl Into<String>) -> Error {
        Error::Tensor { tensor: tensor.to_owned(), problem: problem.into() }
    }
}
