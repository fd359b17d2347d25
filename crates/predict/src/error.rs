//! Errors of this crate.

use std::path::PathBuf;

/// Why there is no prediction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model file is not usable, or the device fails. The message names the file or device.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// The model file is intact, but this version does not support its feature settings.
    #[error("{}: unusable feature settings: {source}; export the model again with this version", path.display())]
    FeatureSettings {
        /// The model file.
        path: PathBuf,
        /// What is wrong with them.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model file is intact, but its calibration cannot be read.
    #[error("{}: unusable calibration: {source}; export the model again with this version", path.display())]
    Calibration {
        /// The model file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The labels for a state dict do not fit its classes.
    #[error("{}: {problem}; name the classes in the order of its outputs", path.display())]
    Labels {
        /// The state dict.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// The model has no prediction sets with the requested coverage.
    #[error("the model has no prediction sets with coverage {coverage}; available coverages: {known}")]
    Coverage {
        /// Requested coverage, 0 to 1.
        coverage: f64,
        /// Available coverages, separated by commas, or `none`.
        known: String,
    },
    /// The window or hop length is out of range. The message says which, and gives the range.
    #[error("{0}")]
    Windows(String),
    /// A published model is not available.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// There is no model to load. The message says where it was looked for and what to do.
    #[error("{0}")]
    NoModel(String),
    /// The recording cannot be decoded or turned into model input.
    #[error(transparent)]
    Sound(#[from] features::Error),
}
