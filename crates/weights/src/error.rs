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
    /// There is no connection, or no response in time.
    #[error("{url}: cannot be reached: {source}")]
    Unreachable {
        /// Address of the file.
        url: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The server refuses the request.
    #[error("{url}: the server answers with status {status}")]
    Status {
        /// Address of the file.
        url: String,
        /// HTTP status, such as 404.
        status: u16,
    },
    /// The connection broke twice at the same byte. What was received is kept for the next try.
    #[error("{url}: the connection broke after {received} of {expected} bytes; run the command again to resume")]
    Dropped {
        /// Address of the file.
        url: String,
        /// Bytes received so far.
        received: u64,
        /// Bytes of the whole file.
        expected: u64,
    },
    /// The server's file has another length.
    #[error("{url}: the server's file has {found} bytes, not {expected}; it is another file")]
    Length {
        /// Address of the file.
        url: String,
        /// Length as announced, or the number of bytes received so far.
        found: u64,
        /// Length in the register.
        expected: u64,
    },
    /// The download does not match the register. It was deleted.
    #[error("{url}: the download has SHA-256 {found}, the register says {expected}; it was deleted")]
    Checksum {
        /// Address of the file.
        url: String,
        /// SHA-256 of the received bytes.
        found: String,
        /// SHA-256 in the register.
        expected: String,
    },
}
