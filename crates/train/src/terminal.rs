//! The terminal: progress, signals, input files of the command line, and `.npy` output.

pub(crate) mod inputs;
pub mod interrupt;
pub(crate) mod npy;
pub mod progress;
