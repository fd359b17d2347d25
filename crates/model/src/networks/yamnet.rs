//! YAMNet (TensorFlow's model garden, `research/audioset/yamnet`): MobileNetV1 (Howard et al., "MobileNets", 2017) on patches of a
//! log-mel spectrogram.

pub(crate) mod classifier;
pub(crate) mod module;
pub(crate) mod pooling;
mod raw;
mod read_onnx;
mod read_tflite;
mod simd;
pub(crate) mod spec;
pub(crate) mod weights;
mod write_onnx;
