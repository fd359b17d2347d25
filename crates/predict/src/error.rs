//! Why there is no prediction.

/// Why there is no prediction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model file cannot be used; the message names it.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// The model file is whole, but its feature settings are not ones that this version knows.
    #[error("{path}: its feature settings cannot be used: {reason}")]
    FeatureSettings {
        /// The model file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The sound cannot be decoded or turned into an image.
    #[error(transparent)]
    Sound(#[from] features::Error),
}
