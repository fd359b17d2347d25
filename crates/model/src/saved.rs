//! Saved models: one file, safetensors or ONNX, that is enough to predict with; also saved encoders and checkpoints.
//!
//! The metadata hold `wail`, a JSON text with the format's version and what is saved beside the numbers, and `sha256`, over that text and
//! every tensor. The tensors have the authors' names for the networks, `head.0` and `head.1` for the head's linear layers, and `gate` for
//! the gate, if there is one.

pub(crate) mod backbone;
pub(crate) mod checkpoint;
mod envelope;
mod fit;
pub(crate) mod model;
