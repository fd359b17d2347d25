//! What can end a command early, sorted by the exit code it deserves.

/// What ended a command early. [`Error::exit_code`] gives the documented code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Wrong use of the command line, or a configuration that makes no sense: exit code 2.
    #[error("{0}")]
    Config(String),
    /// Recordings, splits or a saved run that cannot be read: exit code 3.
    #[error("{0}")]
    Data(String),
    /// Weights that are missing or not what they claim to be: exit code 4.
    #[error("{0}")]
    Weights(String),
    /// A signal asked the run to stop; the same command goes on: exit code 75.
    #[error("stopped on a signal; the same command goes on from here")]
    Interrupted,
    /// Anything else, such as a full disk: exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// The process exit code that stands for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Config(_) => 2,
            Self::Data(_) => 3,
            Self::Weights(_) => 4,
            Self::Interrupted => 75,
        }
    }
}

impl From<dataset::Error> for Error {
    fn from(error: dataset::Error) -> Self {
        Self::Data(error.to_string())
    }
}

impl From<metrics::Error> for Error {
    fn from(error: metrics::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<predict::Error> for Error {
    fn from(error: predict::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<crate::weights::WeightsError> for Error {
    fn from(error: crate::weights::WeightsError) -> Self {
        Self::Weights(error.to_string())
    }
}
