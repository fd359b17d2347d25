//! An encoder in an ONNX file: any graph that rten runs. It stays frozen and runs on the CPU.
//!
//! The file's graph is kept whole, with its input adapted to a record and its output to frames or an embedding: the *adapted
//! graph*. A saved model holds that, and an exported ONNX file has the head behind it.

mod adapted;
mod adapter;
pub(crate) mod binding;
mod fold_in;
pub(crate) mod layout;
pub(crate) mod operators;
mod output;
mod ports;
mod probe;
pub(crate) mod summary;
pub(crate) mod weights;

/// The name in configuration files.
pub(crate) const NAME: &str = "onnx";
/// Name of the adapted graph among the tensors of a saved model.
pub(crate) const GRAPH: &str = "onnx.graph";
/// The inputs that an encoder can take; each takes one.
pub(crate) const INPUTS: [&str; 3] = ["image", "waveform", "log_mel"];
