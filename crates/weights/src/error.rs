//! Why a weight file is not available.

use std::io;
use std::path::PathBuf;

/// Why a weight file is not available.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The register is malformed.
    #[error("models/weights.toml: {0}")]
    Register(#[from] toml::de::Error),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no connection, or no answer in time.
    #[error("{url}: cannot be reached: {source}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The server refuses.
    #[error("{url}: the server answers with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// HTTP status, such as 404.
        status: u16,
    },
    /// The connection broke twice at the same byte. What was received is kept for the next try.
    #[error("{url}: the connection broke after {received} of {expected} bytes; run the command again to resume")]
    Dropped {
        /// What was asked for.
        url: String,
        /// Bytes received so far.
        received: u64,
        /// Bytes of the whole file.
        expected: u64,
    },
    /// The server's file has another length.
    #[error("{url}: the server's file has {found} bytes, not {expected}; it is another file")]
    Length {
        /// What was asked for.
        url: String,
        /// As announced, or as received at least.
        found: u64,
        /// As the register says.
        expected: u64,
    },
    /// The bytes are not those of the register. They were deleted.
    #[error("{url}: the download has SHA-256 {found}, the register says {expected}; it was deleted")]
    Checksum {
        /// What was asked for.
        url: String,
        /// Of what was received.
        found: String,
        /// As the register says.
        expected: String,
    },
}
