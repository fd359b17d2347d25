//! AIFF and AIFF-C (Apple, Audio Interchange File Format 1.3 and AIFF-C, 1991).

use std::io::{Read, Seek};

use super::chunks::{Chunk, Chunks, Form, bytes_at};
use super::codec::Codec;
use super::extent::Extent;
use super::pcm::Pcm;
use super::sound::Format;
use crate::Error;
use crate::decode::input::Input;
use crate::decode::limits;

/// Reads the header; the input begins with `FORM`, 4 bytes of any kind, and `AIFF` or `AIFC`.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Unsupported`].
pub(super) fn read_header(input: &mut Input<impl Read + Seek>) -> Result<(Format, Extent), Error> {
    let mut chunks = Chunks::new(input, Form { start: 12, size_bytes: 4, big_endian: true, padded: true });
    let (mut format, mut extent) = (None, None);
    loop {
        if let (Some(format), Some(extent)) = (&format, &extent) {
            return Ok((*format, *extent));
        }
        let chunk = chunks.next().ok_or_else(Error::cut_header)?;
        match &chunk.id {
            b"COMM" => {
                let body = chunks.body(&chunk, 22).ok_or_else(Error::cut_header)?;
                format = Some(read_format(&body)?);
            }
            b"SSND" => {
                // The sound follows its offset, 4 bytes, and the size of its blocks, 4 bytes that mean nothing.
                // They are there even if the chunk claims 0 bytes.
                let body = chunks.body(&Chunk { size: 8, ..chunk }, 8).ok_or_else(Error::cut_header)?;
                let before = 8 + u64::from(u32::from_be_bytes(bytes_at(&body, 0).ok_or_else(Error::cut_header)?));
                extent = Some(chunks.extent(&chunk, before));
            }
            _ => {}
        }
    }
}

/// What a `COMM` chunk says. Its number of frames is not needed.
fn read_format(body: &[u8]) -> Result<Format, Error> {
    let number = |at| bytes_at(body, at).map(u16::from_be_bytes).ok_or_else(Error::cut_header);
    let n_channels = usize::from(number(0)?);
    let bits = u32::from(number(6)?);
    let mantissa = bytes_at(body, 10).map(u64::from_be_bytes).ok_or_else(Error::cut_header)?;
    let sample_rate_hz = extended(number(8)?, mantissa).round() as u32;
    limits::check(sample_rate_hz, n_channels)?;
    let compression: [u8; 4] = bytes_at(body, 18).unwrap_or(*b"NONE");
    let codec = match &compression {
        b"NONE" | b"twos" => Pcm::signed(bits, true).map(Codec::Pcm),
        b"sowt" => Pcm::signed(bits, false).map(Codec::Pcm),
        b"in24" => Pcm::signed(24, true).map(Codec::Pcm),
        b"in32" => Pcm::signed(32, true).map(Codec::Pcm),
        b"raw " => Some(Codec::Pcm(Pcm::unsigned(8))),
        b"fl32" | b"FL32" => Pcm::float(32, true).map(Codec::Pcm),
        b"fl64" | b"FL64" => Pcm::float(64, true).map(Codec::Pcm),
        b"ulaw" | b"ULAW" => Some(Codec::MuLaw),
        b"alaw" | b"ALAW" => Some(Codec::ALaw),
        b"ima4" => Some(Codec::ImaQuickTime),
        _ => None,
    };
    let codec = codec.ok_or_else(|| {
        Error::not_decoded(&format!("AIFF with {bits}-bit sound of type \"{}\"", compression.escape_ascii()))
    })?;
    Ok(Format { codec, sample_rate_hz, n_channels })
}

/// A number in the 80-bit format of IEEE 754: a sign, 15 bits of exponent, 64 bits of mantissa.
fn extended(sign_and_exponent: u16, mantissa: u64) -> f64 {
    let sign = if sign_and_exponent & 0x8000 == 0 { 1.0 } else { -1.0 };
    sign * mantissa as f64 * f64::from(i32::from(sign_and_exponent & 0x7fff) - 16_383 - 63).exp2()
}
