//! What a person at a terminal meets: progress, signals, the files that a command line names, and `.npy` output.

pub(crate) mod inputs;
pub mod interrupt;
pub(crate) mod npy;
pub mod progress;
