//! What keeps the service from starting, sorted by the exit code it deserves.

/// What keeps the service from starting. [`Error::exit_code`] gives the documented code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Wrong use of the command line: exit code 2.
    #[error("{0}")]
    Use(String),
    /// No model, or one that cannot be used: exit code 4.
    #[error("{0}")]
    Model(String),
    /// Anything else, such as a port that is taken: exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// The process exit code that stands for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Use(_) => 2,
            Self::Model(_) => 4,
        }
    }
}
