//! One pass over an input: its format is recognised, and its samples go to a sink.

use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::audio::DecodedStream;
use super::input::{Input, Meter};
use super::output::{Output, Part, Sink};
use super::packets;
use super::section::Section;
use super::stored::{self, Found};
use crate::Error;

/// Length of sound after the wanted part that is decoded to see how much is left out, s.
pub(super) const LOOK_AHEAD_SECONDS: f64 = 0.5;

/// Decodes `part` of an input of `length` bytes and gives its samples to `sink` chunk by chunk. The second value is the number of
/// samples after the part that were decoded. `extension` ("mp3") is only a hint.
///
/// # Errors
/// Any [`Error`] except [`Error::Config`].
pub(super) fn decode_and_look_ahead<R: Read + Seek + Send + Sync>(
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
