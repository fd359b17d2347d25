//! The error of this crate.

/// Why a network cannot be built or run.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Weights, inputs and sizes do not fit together.
    #[error("{0}")]
    Shape(String),
}
