//! Publishing models: what is published, and when a candidate takes the place of the current model.

mod answers;
pub mod candidate;
pub mod comparison;
pub mod gate;
pub mod model_files;
mod trained_on;
