//! Decoded sound and what the file said about it.

use serde::{Deserialize, Serialize};

/// Decoded sound, mixed to one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Mono samples, `[n_samples]` f32 at `sample_rate_hz`, full scale at ±1; no more than the clip needs.
    pub samples: Vec<f32>,
    /// Length of the sound that follows `samples` in the file, s: 0 to 0.5, because it is not looked at further.
    pub rest_seconds: f64,
    /// Sample rate of the file, 4000 to 192000 Hz.
    pub sample_rate_hz: u32,
    /// How the file stores its sound.
    pub source: Source,
    /// Defects of the file that did not prevent decoding.
    pub warnings: Vec<Warning>,
}

/// How a file stores its sound, according to its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Short name of the container, such as `wave`, `flac` or `ogg`.
    pub container: String,
    /// Short name of the codec, such as `pcm_s16le`, `mp3` or `vorbis`.
    pub codec: String,
    /// Channels before mixing, 1 to 8.
    pub n_channels: usize,
    /// Bits per sample before coding; `None` for codecs without such a number, such as the lossy ones.
    pub bits_per_sample: Option<u32>,
    /// Frames in the whole file, including those beyond the clip; `None` where the headers do not say. Do not trust it:
    /// it is the file's claim.
    pub n_frames: Option<u64>,
}

/// A defect of a file that could still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The file ends before the end that its header announces; the sound up to there is used.
    #[error("the file is cut short; the sound up to the cut was used")]
    Truncated,
    /// Some packets could not be decoded and were skipped.
    #[error("parts of the file are damaged and were skipped")]
    Damaged,
    /// All samples are equal.
    #[error("the recording is silent")]
    Silent,
    /// A segment ends after the recording; the sound up to there is used.
    #[error("the segment ends after the recording; the sound up to the end was used")]
    BeyondEnd,
}

/// What is known about a recording after its samples went to a callback.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedStream {
    /// Sample rate of the file, 4000 to 192000 Hz.
    pub sample_rate_hz: u32,
    /// Mono samples that the callback received.
    pub n_samples: usize,
    /// How the file stores its sound.
    pub source: Source,
    /// Defects of the file that did not prevent decoding.
    pub warnings: Vec<Warning>,
}
