//! Bytes of a sound file to mono samples. The bytes are untrusted.
//!
//! Allocations never rely on a header's claim, reading and decoding stop when the clip is full, and a panic inside a decoder
//! becomes an error.
//!
//! ```text
//! bytes ─input─▶ stored   uncompressed, companded, ADPCM and GSM in WAV, AIFF, AU and CAF ─┐
//!              ╰▶ packets  every other codec, in MP3, Ogg, WebM, MP4 and others           ─┴▶ output ─▶ callback
//! ```

mod audio;
mod input;
mod limits;
mod output;
mod packets;
mod parts;
mod pass;
mod section;
mod stored;
mod stream;

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use crate::Error;
use input::UNKNOWN_LENGTH;
pub(crate) use output::Part;
use output::Sink;
pub(crate) use parts::decode_parts;
use pass::{LOOK_AHEAD_SECONDS, decode_and_look_ahead};

pub use audio::{Audio, DecodedStream, Source, Warning};
pub use stored::mono_from_pcm16;
use stream::Forward;
pub use stream::{STREAM_START_BYTES, StreamFormat};

/// Decodes a part of an input of `length` bytes. `extension` ("mp3") is only a hint.
///
/// # Errors
/// Any [`Error`] except [`Error::Config`].
pub(crate) fn decode<R: Read + Seek + Send + Sync>(
    input: R,
    length: u64,
    extension: Option<&str>,
    part: Part,
) -> Result<Audio, Error> {
    let mut samples = Vec::new();
    let sink: &mut Sink = &mut |chunk, _| {
        samples.extend_from_slice(chunk);
        ControlFlow::Continue(())
    };
    let (stream, n_after) = decode_and_look_ahead(input, length, extension, part, sink)?;
    let DecodedStream { sample_rate_hz, source, warnings, .. } = stream;
    let rest_seconds = (n_after as f64 / f64::from(sample_rate_hz)).min(LOOK_AHEAD_SECONDS);
    Ok(Audio { samples, rest_seconds, sample_rate_hz, source, warnings })
}

/// [`decode`], with the samples given to `sink` chunk by chunk.
///
/// # Errors
/// As [`decode`].
pub(crate) fn decode_into<R: Read + Seek + Send + Sync>(
    input: R,
    length: u64,
    extension: Option<&str>,
    part: Part,
    sink: &mut Sink,
) -> Result<DecodedStream, Error> {
    decode_and_look_ahead(input, length, extension, part, sink).map(|(stream, _)| stream)
}

/// Decodes a stream of one of the formats of [`StreamFormat::Decoded`] as it arrives, until it ends, and passes its sound to `sink`
/// piece by piece: mono samples, full scale at ±1, and their rate, Hz. `sink` may stop the decoding.
///
/// # Errors
/// Any [`Error`] but [`Error::Config`].
pub fn decode_stream(stream: impl Read + Send + Sync, sink: &mut Sink) -> Result<(), Error> {
    decode_into(Forward::new(stream), UNKNOWN_LENGTH, None, Part::first(f64::INFINITY), sink).map(drop)
}
