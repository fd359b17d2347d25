//! Why sound did not become an encoder input. The caller adds the path.

use std::io;

use crate::invalid::Invalid;

/// Why sound did not become an encoder input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading failed: no such file, no permission, not a regular file, a bad disk.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The settings are invalid; one entry per problem.
    #[error("feature settings: {}", Invalid::join(.0))]
    Config(Vec<Invalid>),
    /// The bytes violate their format.
    #[error("damaged sound file: {0}")]
    Malformed(String),
    /// A format, codec or property that is not decoded.
    #[error("{0}")]
    Unsupported(String),
    /// The file demands more resources than any file may use.
    #[error("refused: {0}")]
    Limit(String),
    /// A codec refused to code a sound.
    #[error("{codec}: {source}")]
    Codec {
        /// Name of the codec.
        codec: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file has no samples.
    #[error("there is no sound in this file")]
    Empty,
    /// The wanted part starts after the end.
    #[error("the segment starts at {start_seconds} s, but the recording ends at {seconds} s; correct its times")]
    AfterEnd {
        /// Start of the part, s.
        start_seconds: f64,
        /// Length of the recording, s.
        seconds: f64,
    },
    /// Index of a sample that is NaN or infinite.
    #[error("sample {0} is NaN or infinite; export the recording again")]
    NotFinite(usize),
}

impl Error {
    /// `what`, a format or codec by name, is not decoded.
    pub(crate) fn not_decoded(what: &str) -> Self {
        Self::Unsupported(format!(
            "{what} is not decoded; convert it to WAV: ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav"
        ))
    }

    /// A header that the file does not hold completely.
    pub(crate) fn cut_header() -> Self {
        Self::Malformed("it ends inside its header".into())
    }
}
