//! Audio bytes to an encoder's inputs: decode, resample, log-mel, resize, augmentation.
//!
//! - [`Extractor`]: all steps; [`FeatureConfig`], [`FrontEnd`]: settings; [`SpecAugment`], [`WaveformAugment`]:
//!   augmentation; [`Occlusion`], [`OcclusionMap`]: which part of a sound an answer depends on;
//!   [`through_opus`] and its neighbours: what happens to sound on its way.
//!
//! ```text
//! bytes ─decode─▶ samples ─resample─▶ 8 kHz mono ─clip/pad─▶ [56000] ─log-mel─▶ [128, 219] in 0..1 ─resize─▶ image [224, 224]
//! bytes ─decode─▶ samples ─resample─▶ 16 kHz mono ─clip─▶ YAMNet's log-mel ─▶ patches [720, 64]
//! ```
//!
//! The first is the input of ResNets, the second that of YAMNet; a [`FrontEnd`] makes each. Encoders in ONNX files take an image, a
//! waveform, or a log-mel spectrogram with the settings of [`LogMelConfig`]. An encoder of several networks has
//! several inputs: its record holds them one after the other, and [`FeatureConfig::inputs`] names them and their shapes.
//!
//! [`Extractor`] does all steps; each step has its own file. The values match librosa's within the tolerances that
//! `tests/parity.rs` states. This crate neither lists folders nor knows about tensors.
//!
//! ```
//! use features::{Extractor, FeatureConfig};
//!
//! // A WAV file of half a second: a tone of 440 Hz, 16-bit mono at 8 kHz.
//! let samples: Vec<u8> = (0..4000)
//!     .map(|i| ((std::f32::consts::TAU * 440.0 * i as f32 / 8000.0).sin() * 16_000.0) as i16)
//!     .flat_map(i16::to_le_bytes)
//!     .collect();
//! let mut wav = b"RIFF".to_vec();
//! wav.extend((36 + samples.len() as u32).to_le_bytes());
//! wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
//! wav.extend((samples.len() as u32).to_le_bytes());
//! wav.extend(samples);
//!
//! let config = FeatureConfig::default();
//! let (image, warnings) = Extractor::new(&config)?.record_from_bytes(&wav, Some("wav"))?;
//! assert_eq!(config.inputs(), [("image", [224, 224])]);
//! assert_eq!(image.len(), 224 * 224);
//! assert!(image.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
//! assert!(image.iter().any(|pixel| *pixel > 0.9));
//! assert!(warnings.is_empty());
//! # Ok::<(), features::Error>(())
//! ```

mod augment;
mod channel;
mod config;
mod decode;
mod error;
mod extractor;
mod fft;
mod flat_config;
mod front_end;
mod invalid;
mod log_mel;
mod logarithm;
mod mel_config;
mod mel_filters;
mod mel_frames;
mod occlusion;
mod occlusion_map;
mod resample;
mod resize;
mod segment;
mod segment_cuts;
mod waveform_augment;
mod window;
mod yamnet;
mod yamnet_spec;

pub use augment::SpecAugment;
pub use channel::{add_room, at_gain, band_limit, pink_noise, through_mp3, through_opus};
pub use config::{FEATURES_VERSION, FeatureConfig};
pub use decode::{
    Audio, DecodedStream, STREAM_START_BYTES, Source, StreamFormat, Warning, decode_stream, mono_from_pcm16,
};
pub use error::Error;
pub use extractor::{Extractor, RESAMPLER_REACH_SECONDS};
pub use fft::{forward_fft, inverse_fft};
pub use front_end::{
    FrontEnd, IMAGE, ImageConfig, InputShape, LOG_MEL, PATCHES, WAVEFORM, WaveformConfig, YamnetConfig,
};
pub use invalid::Invalid;
pub use mel_config::{Centring, LogKind, LogMelConfig, MelNorm, MelScale, MelSpectrum, MelTriangles, Window};
pub use mel_filters::mel_filter_bank;
pub use occlusion::{Cell, Occlusion, OcclusionGrid};
pub use occlusion_map::OcclusionMap;
pub use segment::Segment;
pub use waveform_augment::{WaveformAugment, add_below};
pub use window::{hann, hann_weights};
pub use yamnet_spec::YAMNET_PATCH;
