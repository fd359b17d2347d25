//! Plans of Fourier transforms.
//!
//! rustfft's planner is generic, so every crate that calls it compiles all of its transforms again: half a minute. Other
//! crates call these functions instead.

use std::sync::Arc;

use rustfft::{Fft, FftPlanner};

/// A forward transform of `length` complex f32 samples, not normalised.
pub fn forward_fft(length: usize) -> Arc<dyn Fft<f32>> {
    FftPlanner::new().plan_fft_forward(length)
}

/// An inverse transform of `length` complex f32 bins, not normalised.
pub fn inverse_fft(length: usize) -> Arc<dyn Fft<f32>> {
    FftPlanner::new().plan_fft_inverse(length)
}
