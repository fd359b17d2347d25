//! An encoder's inputs to logits: ResNet and YAMNet in burn, the head, ONNX, TFLite, safetensors and PyTorch weights, devices.
//!
//! - [`Arch`], [`BackboneWeights`]: an encoder and its weights; [`Compute`], [`Engine`]: what runs it; [`Head`],
//!   [`Gate`].
//! - [`save_model`], [`load_model`], [`save_onnx`]: model files; [`parse_state_dict`]: classifiers of PyTorch; [`Network`],
//!   [`Backbone`]: burn modules.
//!
//! ```text
//! .onnx, .tflite, .safetensors, .pt ─BackboneWeights::load─▶ BackboneWeights ─Compute::engine─▶ Engine
//! record: image [h, w], patches [frames, 64] ─Engine─▶ embedding [n, 512] (YAMNet: 1024) ─Head─▶ logits [n, classes]
//!                                                                               embedding ─Gate─▶ cry score [n]
//! ```
//!
//! An encoder is one network or several whose embeddings are concatenated: see [`Arch`]. Networks consist of convolutions
//! with bias and no batch norm, which is folded in `f64` when the weights are read. They take ONE channel, because the three
//! channels that ImageNet weights expect would be equal. All layers are frozen and on a plain device, except those that
//! [`Trainable`] names. This crate knows nothing about audio.
//!
//! From a model file to logits, here with random weights:
//!
//! ```
//! use model::{Arch, BackboneWeights, Compute, DeviceName, EngineName, Head, HeadConfig, ModelInfo, load_model, save_model};
//! use rand::SeedableRng;
//!
//! let compute = Compute::new(DeviceName::Cpu, EngineName::Auto)?;
//! let weights = BackboneWeights::random(Arch::RESNET18_W8, 42)?;
//! let config = HeadConfig::mlp(16, 0.5);
//! let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(42);
//! let head = Head::new(&config, weights.n_outputs(), 2, &mut rng, compute.device());
//! let info = ModelInfo {
//!     arch: weights.arch(),
//!     labels: vec!["hungry".into(), "tired".into()],
//!     head: config,
//!     gate: None,
//!     features: serde_json::Value::Null,
//!     calibration: serde_json::Value::Null,
//!     backbone_source: "random, seed 42".into(),
//!     provenance: serde_json::Value::Null,
//! };
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("model.safetensors");
//! save_model(&path, &info, &weights, &head, None)?;
//!
//! let model = load_model(&path, compute.device())?;
//! let engine = compute.engine(&model.weights, &[("image", [64, 64])])?;
//! let embeddings = engine.embed(&[0.5; 3 * 64 * 64])?; // of three images
//! assert_eq!(embeddings.len(), 3 * 64);
//! assert_eq!(model.head.classify(&embeddings, 3)?.len(), 3 * model.info.labels.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arch;
mod backbone;
mod burn_layers;
mod checksum;
#[cfg(feature = "cli")]
mod compute_args;
mod compute_names;
mod conv;
mod device;
mod engine;
mod episode_settings;
mod error;
mod flatbuffer;
mod float;
mod fold;
mod frozen_output;
mod gate;
mod guarded;
mod head;
mod host_tensor;
mod named_tensors;
mod network;
mod networks;
mod onnx;
mod pytorch;
mod random;
mod safetensors;
mod saved;
mod state_dict;
mod tensor_names;
mod tflite;
mod trainable;
mod weight_file;
mod weights;
mod wrapper_prefixes;

pub use arch::Arch;
pub use backbone::Backbone;
#[cfg(feature = "cli")]
pub use compute_args::ComputeArgs;
pub use compute_names::{DeviceName, EngineName};
pub use device::cpu;
pub use engine::Engine;
pub use engine::compute::Compute;
pub use episode_settings::EpisodeSettings;
pub use error::Error;
pub use frozen_output::FrozenOutput;
pub use gate::{Gate, GateInfo};
pub use head::{
    Attention, AttentionConfig, Head, HeadConfig, HeadKind, Logistic, LogisticConfig, Mlp, MlpConfig, Recurrent,
    RecurrentConfig, random_linear,
};
pub use network::Network;
pub use networks::frame_pooling::FramePooling;
pub use networks::onnx::binding::{GraphBinding, Normalisation};
pub use networks::onnx::layout::Layout;
pub use networks::onnx::operators::UnsupportedNode;
pub use networks::onnx::summary::{GraphSummary, PortSummary, describe_onnx};
pub use networks::resnet::module::ResNet;
pub use networks::resnet::normed::NormedBackbone;
pub use networks::resnet::spec::{ResNetArch, ResNetDepth, ResNetWidth};
pub use networks::yamnet::classifier::Classifier;
pub use networks::yamnet::module::Yamnet;
pub use networks::yamnet::pooling::Pooling;
pub use networks::{NETWORKS_VERSION, NetworkArch};
pub use saved::backbone::{BackboneInfo, load_backbone, save_backbone};
pub use saved::checkpoint::{CheckpointInfo, load_checkpoint, save_checkpoint};
pub use saved::model::{ModelInfo, SavedModel, load_model, parse_model, read_model_file, save_model, save_onnx};
pub use state_dict::parse_state_dict;
pub use trainable::Trainable;
pub use weights::{BackboneWeights, Inputs};
