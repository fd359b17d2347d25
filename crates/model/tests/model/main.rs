//! Tests of the public interface, in one program, since each program links burn and rten anew.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_files;
mod engines;
mod frames;
mod heads_over_frames;
mod network;
mod onnx_encoders;
mod onnx_variants;
mod parity;
#[allow(dead_code)]
#[path = "../../src/onnx/proto.rs"]
mod proto;
mod saved;
mod state_dicts;
mod yamnet;
