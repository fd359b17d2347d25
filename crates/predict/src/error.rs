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
    /// The model file is whole, but what it says of its probabilities cannot be used.
    #[error("{path}: its calibration cannot be used: {reason}")]
    Calibration {
        /// The model file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Prediction sets were asked for with a coverage that the model has no threshold for.
    #[error("the model has no prediction sets with coverage {coverage}; it has them with {known}")]
    Coverage {
        /// What was asked for.
        coverage: f64,
        /// What there is, in words.
        known: String,
    },
    /// A recording cannot be cut so.
    #[error("{0}")]
    Windows(String),
    /// There is no model to load, or none that is clearly meant; the message says what to do.
    #[error("{0}")]
    NoModel(String),
    /// The sound cannot be decoded or turned into an image.
    #[error(transparent)]
    Sound(#[from] features::Error),
}
