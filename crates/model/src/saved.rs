//! Saved models: one safetensors or ONNX file that is sufficient for prediction; also saved encoders and checkpoints.
//!
//! The metadata key `wail` holds JSON text with the format version and a description of the content; `sha256` is a checksum
//! over that text and every tensor. Tensors have the authors' names for the networks, `head.0`, `head.1` and so on for the
//! head's layers, and `gate` for the gate, if there is one.

pub(crate) mod backbone;
pub(crate) mod checkpoint;
pub(crate) mod envelope;
mod fit;
pub(crate) mod model;
