//! Audio bytes to a spectrogram image: decode, resample, log-mel, resize, augmentation.
//!
//! ```text
//! bytes ─decode─▶ samples ─resample─▶ 8 kHz mono ─clip/pad─▶ [56000] ─log-mel─▶ [128, 219] in 0..1 ─resize─▶ [224, 224]
//! bytes ─decode─▶ samples ─resample─▶ 16 kHz mono ─clip─▶ YAMNet's log-mel [720, 64]
//! ```
//!
//! The first is what ResNets see, the second what YAMNet hears; [`FrontEnd`] chooses.
//!
//! [`Extractor`] is the whole road; each step has a file of its own. The numbers are librosa's, within the tolerances
//! that `tests/parity.rs` states. Nothing here lists folders or knows about tensors.

mod augment;
mod config;
mod decode;
mod error;
mod extractor;
mod log_mel;
mod mel_filters;
mod resample;
mod resize;
mod waveform_augment;
mod window;
mod yamnet;

pub use augment::SpecAugment;
pub use config::{FEATURES_VERSION, FeatureConfig, FrontEnd};
pub use decode::{Audio, DecodedStream, Source, Warning, mono_from_pcm16};
pub use error::Error;
pub use extractor::{Extractor, RESAMPLER_REACH_SECONDS};
pub use mel_filters::mel_filter_bank;
pub use waveform_augment::WaveformAugment;
pub use window::hann;
pub use yamnet::YAMNET_PATCH;
