//! Every reader of files that other people write, as a function of the file's bytes. Two programs call them: the fuzz targets,
//! which need a nightly compiler, and `tests/mutated_inputs.rs`, which needs none.

mod inputs;
pub mod readers;
