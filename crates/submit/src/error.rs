//! What can go wrong when jobs are submitted.

use std::io;

/// Why jobs cannot be written or submitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option of the scheduler that the jobs cannot have.
    #[error("{0}")]
    Option(String),
    /// A script cannot be written, or the scheduler's program cannot be started.
    #[error("{what}: {source}")]
    Io {
        /// The script or program.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The scheduler refused a job.
    #[error("{0}")]
    Scheduler(String),
}
