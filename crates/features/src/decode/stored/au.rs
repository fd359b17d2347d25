//! AU, the sound files of Sun and NeXT (`.au`, `.snd`).

use std::io::{Read, Seek};

use super::chunks::read;
use super::codec::Codec;
use super::extent::Extent;
use super::pcm::Pcm;
use super::sound::Format;
use crate::Error;
use crate::decode::input::Input;
use crate::decode::limits;

/// Reads the header; the input begins with `.snd`.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Unsupported`].
pub(super) fn read_header(input: &mut Input<impl Read + Seek>) -> Result<(Format, Extent), Error> {
    let length = input.length();
    let header: [u8; 24] = read(input).ok_or_else(Error::cut_header)?;
    let mut fields = header.as_chunks().0.iter().map(|field| u32::from_be_bytes(*field)).skip(1);
    let mut next = || fields.next().ok_or_else(Error::cut_header);
    let (at, size, encoding, sample_rate_hz, n_channels) = (next()?, next()?, next()?, next()?, next()? as usize);
    limits::check(sample_rate_hz, n_channels)?;
    let codec = match encoding {
        1 => Some(Codec::MuLaw),
        2..=5 => Pcm::signed(8 * (encoding - 1), true).map(Codec::Pcm),
        6 => Pcm::float(32, true).map(Codec::Pcm),
        7 => Pcm::float(64, true).map(Codec::Pcm),
        27 => Some(Codec::ALaw),
        _ => None,
    };
    let codec = codec.ok_or_else(|| Error::not_decoded(&format!("AU with encoding {encoding}")))?;
    Ok((Format { codec, sample_rate_hz, n_channels }, Extent::new(at.into(), size.into(), length)))
}
