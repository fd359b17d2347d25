//! Spectrogram image to logits: ResNet in burn, the head, ONNX and safetensors weights, devices.
//!
//! ```text
//! .onnx, .safetensors ─BackboneWeights::load─▶ BackboneWeights ─to_backbone─▶ Backbone
//! image [n, 1, h, w] ─Backbone─▶ embedding [n, 512] ─Head─▶ logits [n, classes]
//! ```
//!
//! The backbone holds convolutions with bias and no batch norm (folded in `f64` when the weights are
//! read), and takes ONE channel, because the three channels that ImageNet weights expect would be
//! equal. It is frozen and lives on a plain device, but for the layers that [`Trainable`] names.
//! Nothing here knows about audio.

mod arch;
mod backbone;
mod checksum;
mod device;
mod engine;
mod error;
mod fold;
mod head;
mod host_tensor;
mod network;
mod normed;
mod onnx;
mod random;
mod rten_engine;
mod safetensors;
mod saved;
mod torch_names;
mod trainable;
mod weight_file;
mod weights;

pub use arch::Arch;
pub use backbone::Backbone;
pub use device::cpu;
pub use engine::{Compute, Engine};
pub use error::Error;
pub use head::{Head, HeadConfig, random_linear};
pub use network::Network;
pub use normed::NormedBackbone;
pub use saved::{
    BackboneInfo, CheckpointInfo, ModelInfo, SavedModel, load_checkpoint, load_model, parse_model, read_model_file,
    read_provenance, save_backbone, save_checkpoint, save_model, save_onnx,
};
pub use trainable::Trainable;
pub use weights::BackboneWeights;
