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
mod section;
mod stored;

use std::io::{Read, Seek};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Error;
use input::{Input, Meter};
pub(crate) use output::Part;
use output::{Output, Sink};
use section::Section;
use stored::Found;

pub use audio::{Audio, DecodedStream, Source, Warning};
pub use stored::mono_from_pcm16;

/// Length of sound after the wanted part that is decoded to see how much is left out, s.
const LOOK_AHEAD_SECONDS: f64 = 0.5;

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

/// [`decode_into`], with the number of samples after the wanted part that were decoded.
fn decode_and_look_ahead<R: Read + Seek + Send + Sync>(
    input: R,
    length: u64,
    extension: Option<&str>,
    part: Part,
    sink: &mut Sink,
) -> Result<(DecodedStream, usize), Error> {
    if length == 0 {
        return Err(Error::Empty);
    }
    let meter = Meter::new();
    let mut output = Output::new(sink, part);
    let seconds = part.start_seconds + part.seconds + LOOK_AHEAD_SECONDS;
    let decoding = || {
        let mut input = Input::new(input, length, &meter);
        match stored::recognise(&mut input)? {
            Found::Stored(stored) => stored.decode(&mut input, &meter, seconds, &mut output),
            Found::Mpeg(extent) => {
                let stream = Input::new(Section::new(input.into_inner(), extent), extent.n_bytes, &meter);
                packets::decode(stream, &meter, Some("mp3"), seconds, &mut output)
            }
            Found::Other => packets::decode(input, &meter, extension, seconds, &mut output),
        }
    };
    let decoded = catch_unwind(AssertUnwindSafe(decoding))
        .unwrap_or_else(|_| Err(Error::Malformed("the decoder failed on it".into())));
    // The reason why reading stopped explains more than the decoder's error.
    meter.into_result()?;
    output.finish(decoded)
}
