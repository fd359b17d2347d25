//! WAV: RIFF (Microsoft Multimedia Programming Interface 1.0) with WAVE_FORMAT_EXTENSIBLE, and RF64 and BW64 for sizes
//! beyond 4 GiB (EBU Tech 3306, ITU-R BS.2088).

use std::io::{Read, Seek};

use super::chunks::{Chunk, Chunks, Form, bytes_at};
use super::codec::Codec;
use super::extent::Extent;
use super::pcm::Pcm;
use super::sound::Format;
use crate::Error;
use crate::decode::input::Input;
use crate::decode::limits;

/// The first bytes of a `fmt ` chunk that are read; the known fields end before.
const MAX_FORMAT_BYTES: u64 = 64;

/// What a WAV file holds.
pub(super) enum Content {
    Stored(Format),
    /// MPEG audio, a stream like an MP3 file.
    Mpeg,
}

/// Reads the header; the input begins with `RIFF`, `RF64` or `BW64`. The size of the whole file, which follows, is often
/// wrong and never needed.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Unsupported`].
pub(super) fn read_header(input: &mut Input<impl Read + Seek>) -> Result<(Content, Extent), Error> {
    let mut chunks = Chunks::new(input, Form { start: 12, size_bytes: 4, big_endian: false, padded: true });
    let (mut format, mut data, mut long_size) = (None, None, None);
    while format.is_none() || data.is_none() {
        let chunk = chunks.next().ok_or_else(Error::cut_header)?;
        match &chunk.id {
            b"fmt " => format = Some(chunks.body(&chunk, MAX_FORMAT_BYTES).ok_or_else(Error::cut_header)?),
            b"data" => data = Some(chunk),
            b"ds64" => long_size = chunks.body(&chunk, 16).and_then(|body| bytes_at(&body, 8)).map(u64::from_le_bytes),
            _ => {}
        }
    }
    let (Some(format), Some(data)) = (format, data) else { return Err(Error::cut_header()) };
    let size = if data.size == u64::from(u32::MAX) { long_size.unwrap_or(data.size) } else { data.size };
    Ok((content(&format)?, chunks.extent(&Chunk { size, ..data }, 0)))
}

/// What a `fmt ` chunk says about the sound.
fn content(format: &[u8]) -> Result<Content, Error> {
    let number = |at| bytes_at(format, at).map(u16::from_le_bytes).ok_or_else(Error::cut_header);
    let extensible = number(0)? == 0xfffe;
    // The GUID of an extensible format begins with the tag.
    let tag = number(if extensible { 24 } else { 0 })?;
    let n_channels = usize::from(number(2)?);
    let sample_rate_hz = bytes_at(format, 4).map(u32::from_le_bytes).ok_or_else(Error::cut_header)?;
    limits::check(sample_rate_hz, n_channels)?;
    let block_bytes = usize::from(number(12)?);
    let bits = u32::from(number(14).unwrap_or(0));
    let codec = match tag {
        1 => integer(bits, block_bytes, n_channels, extensible).map(Codec::Pcm),
        2 => Codec::microsoft(block_bytes, n_channels),
        3 => Pcm::float(bits, false).map(Codec::Pcm),
        6 => Some(Codec::ALaw),
        7 => Some(Codec::MuLaw),
        0x11 if bits == 4 => Codec::ima_wav(block_bytes, n_channels),
        0x31 => Codec::gsm(block_bytes, n_channels),
        0x50 | 0x55 => return Ok(Content::Mpeg),
        _ => None,
    };
    let codec = codec.ok_or_else(|| {
        let format = format!(
            "format tag {tag:#06x}, channels: {n_channels}, bits per sample: {bits}, bytes per block: {block_bytes}"
        );
        Error::not_decoded(&match name(tag) {
            Some(name) => format!("{name} in WAV ({format})"),
            None => format!("WAV with {format}"),
        })
    })?;
    Ok(Content::Stored(Format { codec, sample_rate_hz, n_channels }))
}

/// Integers of `bits`, which fill the upper bits of their bytes: as few bytes as hold them, or as many as the block says
/// for 24 bits in 4 bytes and the like. Such samples fill the lower bits instead in files of ALSA, whose format is not an
/// extensible one.
fn integer(bits: u32, block_bytes: usize, n_channels: usize, extensible: bool) -> Option<Pcm> {
    let fewest = Pcm::signed(bits, false)?;
    // Wrong block sizes are more frequent than wide blocks with samples of 8 or 16 bits.
    let width = if bits > 16 && block_bytes == 4 * n_channels { 4 } else { fewest.width };
    Some(match width {
        1 => Pcm::unsigned(bits),
        width => Pcm { width, low_aligned: width > fewest.width && !extensible, ..fewest },
    })
}

/// Names of frequent formats that are not decoded.
fn name(tag: u16) -> Option<&'static str> {
    Some(match tag {
        1 | 3 => "PCM",
        2 | 0x11 => "ADPCM",
        0x22 => "TrueSpeech",
        0x31 => "GSM",
        0x40 | 0x45 | 0x64 => "G.726",
        0x160..=0x163 => "WMA",
        0x92 | 0x2000 => "AC-3",
        0xff | 0x1600 | 0x1601 | 0x1610 => "AAC",
        0x566f | 0x674f..=0x6771 => "Vorbis",
        0xf1ac => "FLAC",
        _ => return None,
    })
}
