//! The terminal: standard output and error, progress, signals, input files of the command line, and `.npy` output.

pub(crate) mod inputs;
pub mod interrupt;
pub(crate) mod npy;
pub mod progress;
pub mod stderr;
pub(crate) mod stdout;
