//! CAF with uncompressed sound, mu-law, A-law or IMA ADPCM (Apple, Core Audio Format Specification 1.0).

use std::io::{Read, Seek};

use super::chunks::{Chunks, Form, bytes_at};
use super::codec::Codec;
use super::extent::Extent;
use super::pcm::Pcm;
use super::sound::Format;
use crate::Error;
use crate::decode::input::Input;
use crate::decode::limits;

/// Reads the header; the input begins with `caff`. `None` if its codec is another one.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Unsupported`].
pub(super) fn read_header(input: &mut Input<impl Read + Seek>) -> Result<Option<(Format, Extent)>, Error> {
    let mut chunks = Chunks::new(input, Form { start: 8, size_bytes: 8, big_endian: true, padded: false });
    let mut format = None;
    loop {
        let chunk = chunks.next().ok_or_else(Error::cut_header)?;
        match (&chunk.id, format) {
            (b"desc", _) => {
                let body = chunks.body(&chunk, 32).ok_or_else(Error::cut_header)?;
                let Some(described) = read_format(&body)? else { return Ok(None) };
                format = Some(described);
            }
            (b"data", Some(format)) => {
                // The sound follows a count of edits, 4 bytes. A size of -1 is unknown.
                return Ok(Some((format, chunks.extent(&chunk, 4))));
            }
            _ => {}
        }
    }
}

/// What a `desc` chunk says; `None` if the codec is another one.
fn read_format(body: &[u8]) -> Result<Option<Format>, Error> {
    let number = |at| bytes_at(body, at).map(u32::from_be_bytes).ok_or_else(Error::cut_header);
    let rate = bytes_at(body, 0).map(f64::from_be_bytes).ok_or_else(Error::cut_header)?;
    let id: [u8; 4] = bytes_at(body, 8).ok_or_else(Error::cut_header)?;
    let (flags, packet_bytes, packet_frames) = (number(12)?, number(16)? as usize, number(20)?);
    let (n_channels, bits) = (number(24)? as usize, number(28)?);
    let codec = match &id {
        b"lpcm" => None,
        b"ulaw" => Some(Codec::MuLaw),
        b"alaw" => Some(Codec::ALaw),
        b"ima4" => Some(Codec::ImaQuickTime),
        _ => return Ok(None),
    };
    let sample_rate_hz = rate.round() as u32;
    limits::check(sample_rate_hz, n_channels)?;
    let linear = || {
        let big_endian = flags & 2 == 0;
        let pcm = if flags & 1 == 0 { Pcm::signed(bits, big_endian) } else { Pcm::float(bits, big_endian) }?;
        // The upper bits of a packet hold the sound.
        let width = packet_bytes / n_channels;
        (packet_frames == 1 && (pcm.width..=4.max(pcm.width)).contains(&width))
            .then_some(Codec::Pcm(Pcm { width, ..pcm }))
    };
    let codec = codec.or_else(linear).ok_or_else(|| {
        Error::not_decoded(&format!(
            "CAF with bits per sample: {bits}, bytes per packet: {packet_bytes}, frames per packet: {packet_frames}"
        ))
    })?;
    Ok(Some(Format { codec, sample_rate_hz, n_channels }))
}
