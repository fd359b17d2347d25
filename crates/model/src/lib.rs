//! Spectrogram image to logits: ResNet and YAMNet in burn, the head, ONNX, TFLite and safetensors weights, devices.
//!
//! ```text
//! .onnx, .tflite, .safetensors ─BackboneWeights::load─▶ BackboneWeights ─to_backbone─▶ Backbone
//! image [n, 1, h, w] ─Backbone─▶ embedding [n, 512] (YAMNet: 1024) ─Head─▶ logits [n, classes]
//!                                                         embedding ─Gate─▶ score that it is a cry [n]
//! ```
//!
//! The backbone holds convolutions with bias and no batch norm (folded in `f64` when the weights are
//! read), and takes ONE channel, because the three channels that ImageNet weights expect would be
//! equal. It is frozen and lives on a plain device, but for the layers that [`Trainable`] names.
//! Nothing here knows about audio.

mod arch;
mod backbone;
mod checksum;
mod classifier;
#[cfg(feature = "cli")]
mod compute_args;
mod compute_names;
mod device;
mod engine;
mod error;
mod flatbuffer;
mod fold;
mod gate;
mod head;
mod host_tensor;
mod network;
mod normed;
mod onnx;
mod pooling;
mod random;
mod rten_engine;
mod safetensors;
mod saved;
mod tflite;
mod torch_names;
mod trainable;
mod weight_file;
mod weights;

pub use arch::Arch;
pub use backbone::{Backbone, Both, ResNet, Yamnet};
pub use classifier::Classifier;
#[cfg(feature = "cli")]
pub use compute_args::ComputeArgs;
pub use compute_names::{DeviceName, EngineName};
pub use device::cpu;
pub use engine::{Compute, Engine};
pub use error::Error;
pub use gate::{Gate, GateInfo};
pub use head::{Head, HeadConfig, random_linear};
pub use network::Network;
pub use normed::NormedBackbone;
pub use pooling::Pooling;
pub use saved::{
    BackboneInfo, CheckpointInfo, ModelInfo, SavedModel, load_backbone, load_checkpoint, load_model, parse_model,
    read_model_file, save_backbone, save_checkpoint, save_model, save_onnx,
};
pub use trainable::Trainable;
pub use weights::BackboneWeights;
