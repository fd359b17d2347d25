//! Why there is no image. Paths are the caller's to add.

use crate::invalid::Invalid;

/// Why bytes did not become an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system does not give the bytes: no such file, no right to read it, no regular file, a bad disk.
    #[error("{0}")]
    Io(String),
    /// The settings cannot be used.
    #[error("feature settings: {}", Invalid::join(.0))]
    Config(Vec<Invalid>),
    /// The bytes break the rules of their format.
    #[error("damaged sound file: {0}")]
    Malformed(String),
    /// A format, codec or property that is not decoded.
    #[error("{0}")]
    Unsupported(String),
    /// The file asks for more than is given to any file.
    #[error("refused: {0}")]
    Limit(String),
    /// There is no sample in it.
    #[error("there is no sound in this file")]
    Empty,
    /// A sample is NaN or infinite.
    #[error("sample {0} is NaN or infinite; export the recording again")]
    NotFinite(usize),
}
