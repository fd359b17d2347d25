//! The common case read directly: 16-bit PCM WAV (RIFF; Microsoft Multimedia Programming Interface 1.0).
//! Everything else goes to symphonia.

/// The sound in a 16-bit PCM WAV file.
pub(crate) struct Pcm16<'a> {
    pub(crate) sample_rate_hz: u32,
    pub(crate) n_channels: usize,
    /// Little-endian samples, interleaved; whole frames only.
    pub(crate) samples: &'a [u8],
    /// Whether the file ends before its header says.
    pub(crate) truncated: bool,
}

const FORMAT_PCM: u16 = 1;
const FORMAT_EXTENSIBLE: u16 = 0xfffe;

/// `None` if this is not a 16-bit PCM WAV file.
pub(crate) fn read(bytes: &[u8]) -> Option<Pcm16<'_>> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut rest = &bytes[12..];
    let mut format = None;
    loop {
        let (id, size) = (rest.get(..4)?, u32_at(rest, 4)? as usize);
        let body = &rest[8..];
        match id {
            b"fmt " => {
                let body = body.get(..size)?;
                let mut tag = u16_at(body, 0)?;
                if tag == FORMAT_EXTENSIBLE {
                    tag = u16_at(body, 24)?; // the sub-format's GUID starts with the tag
                }
                if tag != FORMAT_PCM || u16_at(body, 14)? != 16 {
                    return None;
                }
                format = Some((usize::from(u16_at(body, 2)?), u32_at(body, 4)?));
            }
            b"data" => {
                let (n_channels, sample_rate_hz) = format.filter(|(n_channels, _)| *n_channels > 0)?;
                let samples = &body[..size.min(body.len())];
                let whole = samples.len() - samples.len() % (2 * n_channels);
                return Some(Pcm16 {
                    sample_rate_hz,
                    n_channels,
                    samples: &samples[..whole],
                    truncated: size > body.len(),
                });
            }
            _ => {}
        }
        rest = body.get(size.checked_add(size % 2)?..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
