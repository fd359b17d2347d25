//! Calls of rten, which may panic on a graph from elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Error;

/// Runs `work`; a panic is an error.
///
/// # Errors
/// Those of `work`, [`Error::Engine`] if it panics.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(failed("it panicked")))
}

/// Wraps an error of rten, for `map_err`.
pub(crate) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::engine("rten", error)
}
