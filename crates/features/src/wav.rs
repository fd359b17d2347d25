//! The common case read directly: 16-bit PCM WAV (RIFF; Microsoft Multimedia Programming Interface 1.0).
//! Everything else goes to symphonia.

use std::io::{Read, Seek};

use crate::input::Input;

/// The header of a 16-bit PCM WAV file.
pub(crate) struct Pcm16 {
    pub(crate) sample_rate_hz: u32,
    pub(crate) n_channels: usize,
    /// Frames that are there; a frame is a little-endian sample of each channel.
    pub(crate) n_frames: u64,
    /// Whether the file ends before its header says.
    pub(crate) truncated: bool,
}

const FORMAT_PCM: u16 = 1;
const FORMAT_EXTENSIBLE: u16 = 0xfffe;

/// Most bytes of a `fmt ` chunk; known ones have 16 to 40.
const MAX_FORMAT_BYTES: u32 = 1024;

/// Reads up to the first sample, where the input then stands. `None` if this is not a 16-bit PCM WAV file, or if reading
/// fails, which the input's meter keeps.
pub(crate) fn read_header(input: &mut Input<impl Read + Seek>) -> Option<Pcm16> {
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
                return Some(Pcm16 { sample_rate_hz, n_channels, n_frames, truncated: u64::from(size) > there });
            }
            _ => input.seek_relative(i64::from(size) + i64::from(size % 2)).ok()?,
        }
        at += u64::from(size) + u64::from(size % 2);
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
