//! 16-bit PCM WAV (RIFF; Microsoft Multimedia Programming Interface 1.0), the common case, read directly.

use std::io::{Read, Seek};

use super::audio::{DecodedStream, Source, Warning};
use super::input::{Input, Meter};
use super::limits;
use super::output::Output;
use crate::Error;

/// The header of a 16-bit PCM WAV file.
pub(super) struct Header {
    sample_rate_hz: u32,
    /// At least 1.
    n_channels: usize,
    /// Frames that the file really has; a frame is one little-endian sample per channel.
    n_frames: u64,
    /// Whether the file ends before the end that its header announces.
    truncated: bool,
}

const FORMAT_PCM: u16 = 1;
const FORMAT_EXTENSIBLE: u16 = 0xfffe;

/// Largest `fmt ` chunk, bytes; known ones have 16 to 40.
const MAX_FORMAT_BYTES: u32 = 1024;

/// Bytes of sound that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Reads the header and leaves the cursor at the first sample. `None` if this is not a 16-bit PCM WAV file, or if
/// reading fails; the input's meter keeps that error.
pub(super) fn read_header(input: &mut Input<impl Read + Seek>) -> Option<Header> {
    let riff: [u8; 12] = read(input)?;
    if !riff.starts_with(b"RIFF") || !riff.ends_with(b"WAVE") {
        return None;
    }
    let mut format = None;
    let mut at = riff.len() as u64;
    loop {
        let [id, size] = *read::<8>(input)?.as_chunks::<4>().0 else { return None };
        let size = u32::from_le_bytes(size);
        at += 8;
        match &id {
            b"fmt " => {
                let mut body = Vec::new();
                input.take(size.min(MAX_FORMAT_BYTES).into()).read_to_end(&mut body).ok()?;
                let mut tag = u16_at(&body, 0)?;
                if tag == FORMAT_EXTENSIBLE {
                    tag = u16_at(&body, 24)?; // the sub-format's GUID starts with the tag
                }
                if body.len() < size as usize || tag != FORMAT_PCM || u16_at(&body, 14)? != 16 {
                    return None;
                }
                format = Some((usize::from(u16_at(&body, 2)?), u32_at(&body, 4)?));
                input.seek_relative(i64::from(size % 2)).ok()?;
            }
            b"data" => {
                let (n_channels, sample_rate_hz) = format.filter(|(n_channels, _)| *n_channels > 0)?;
                let there = input.length().saturating_sub(at);
                let n_frames = u64::from(size).min(there) / (2 * n_channels as u64);
                return Some(Header { sample_rate_hz, n_channels, n_frames, truncated: u64::from(size) > there });
            }
            _ => input.seek_relative(i64::from(size) + i64::from(size % 2)).ok()?,
        }
        at += u64::from(size) + u64::from(size % 2);
    }
}

/// Decodes at most `seconds`; the cursor of `input` is at the first sample.
pub(super) fn decode(
    input: &mut impl Read,
    header: &Header,
    meter: &Meter,
    seconds: f64,
    output: &mut Output,
) -> Result<DecodedStream, Error> {
    let Header { sample_rate_hz, n_channels, n_frames, truncated } = *header;
    let frames = n_frames.min(limits::n_frames(sample_rate_hz, n_channels, seconds)? as u64);
    let mut left = 2 * n_channels as u64 * frames;
    meter.allow(left);
    let whole_frames = CHUNK_BYTES - CHUNK_BYTES % (2 * n_channels);
    let mut chunk = vec![0; left.min(whole_frames as u64) as usize];
    while left > 0 && !output.has_ended() {
        chunk.truncate(left.min(chunk.len() as u64) as usize);
        input.read_exact(&mut chunk)?;
        output.put(&mono_from_pcm16(&chunk, n_channels), sample_rate_hz);
        left -= chunk.len() as u64;
    }
    let source = Source {
        container: "wave".into(),
        codec: "pcm_s16le".into(),
        n_channels,
        bits_per_sample: Some(16),
        n_frames: Some(n_frames),
    };
    let warnings = if truncated { vec![Warning::Truncated] } else { vec![] };
    Ok(DecodedStream { n_samples: 0, sample_rate_hz, source, warnings })
}

/// Mono samples, `[n_frames]` f32 with full scale at ±1, of interleaved 16-bit little-endian PCM of `n_channels`, at
/// least 1. Channels are averaged. An incomplete frame at the end is dropped.
pub fn mono_from_pcm16(bytes: &[u8], n_channels: usize) -> Vec<f32> {
    let sample = |bytes: &[u8]| f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32_768.0;
    // The compiler vectorises arrays of a known size.
    match n_channels {
        1 => bytes.as_chunks::<2>().0.iter().map(|frame| sample(frame)).collect(),
        2 => bytes.as_chunks::<4>().0.iter().map(|frame| (sample(&frame[..2]) + sample(&frame[2..])) / 2.0).collect(),
        n => {
            let mean = |frame: &[u8]| frame.chunks_exact(2).map(sample).sum::<f32>() / n as f32;
            bytes.chunks_exact(2 * n).map(mean).collect()
        }
    }
}

fn read<const N: usize>(input: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
