//! Sound that a container stores without packets, in blocks of a fixed size: uncompressed, companded, ADPCM and GSM.
//!
//! ```text
//! header ─wav, aiff, au, caf─▶ sound: its codec, and its extent in the file ─codec─▶ samples
//! ```

mod adpcm;
mod aiff;
mod au;
mod caf;
mod chunks;
mod codec;
mod extent;
mod pcm;
mod sound;
mod wav;

use std::io::{Read, Seek};

use super::input::Input;
use crate::Error;
use sound::Stored;
use wav::Content;

pub(super) use extent::Extent;
pub use pcm::mono_from_pcm16;

/// What an input holds.
pub(super) enum Found {
    Stored(Stored),
    /// MPEG audio in a container of no further use.
    Mpeg(Extent),
    /// Another format, or none.
    Other,
}

/// Reads the header of the container. `input` may be moved.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Unsupported`]; [`Error::Io`] if reading failed.
pub(super) fn recognise(input: &mut Input<impl Read + Seek>) -> Result<Found, Error> {
    let start = input.start(12)?;
    let (id, kind) = (start.get(..4).unwrap_or(&[]), start.get(8..).unwrap_or(&[]));
    let (container, (format, extent)) = match (id, kind) {
        (b"RIFF" | b"RF64" | b"BW64", b"WAVE") => match wav::read_header(input)? {
            (Content::Stored(format), extent) => ("wave", (format, extent)),
            (Content::Mpeg, extent) => return Ok(Found::Mpeg(extent)),
        },
        (b"FORM", b"AIFF" | b"AIFC") => ("aiff", aiff::read_header(input)?),
        (b".snd", _) => ("au", au::read_header(input)?),
        (b"caff", _) => match caf::read_header(input)? {
            Some(found) => ("caf", found),
            None => return Ok(Found::Other),
        },
        _ => return Ok(Found::Other),
    };
    Ok(Found::Stored(Stored { container, format, extent }))
}
