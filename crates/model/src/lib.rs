//! Spectrogram image to logits: ResNet in burn, the head, ONNX and safetensors weights, devices.
//!
//! ```text
//! .onnx, .safetensors ─BackboneWeights::load─▶ BackboneWeights ─to_backbone─▶ Backbone
//! image [n, 1, h, w] ─Backbone─▶ embedding [n, 512] ─Head─▶ logits [n, classes]
//! ```
//!
//! The backbone is frozen: it lives on a plain device, holds convolutions with bias and no batch
//! norm (folded in `f64` when the weights are read), and takes ONE channel, because the three
//! channels that ImageNet weights expect would be equal. Nothing here knows about audio.

mod arch;
mod atomic;
mod backbone;
mod checksum;
mod device;
mod engine;
mod error;
mod fold;
mod head;
mod host_tensor;
mod network;
mod onnx;
mod random;
mod rten_engine;
mod safetensors;
mod saved;
mod torch_names;
mod weight_file;
mod weights;

pub use arch::Arch;
pub use backbone::Backbone;
pub use device::cpu;
pub use engine::{Compute, Engine};
pub use error::Error;
pub use head::{Head, HeadConfig};
pub use network::Network;
pub use saved::{ModelInfo, SavedModel, load_head, load_model, save_head, save_model, save_onnx};
pub use weights::BackboneWeights;
