//! WAV files made in memory, with true or false headers.

/// Content of a `fmt ` chunk; the sound need not agree with it.
#[derive(Clone, Copy)]
pub struct Format {
    /// 1 for PCM, 3 for float.
    pub tag: u16,
    pub channels: u16,
    pub rate_hz: u32,
    pub bits: u16,
}

/// A file whose header claims `data_size` bytes of sound, followed by `data`.
pub fn claiming(format: Format, data_size: u32, data: &[u8]) -> Vec<u8> {
    let Format { tag, channels, rate_hz, bits } = format;
    let block = channels.wrapping_mul(bits / 8);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(data_size.saturating_add(36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend(rate_hz.wrapping_mul(u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(data_size.to_le_bytes());
    bytes.extend(data);
    bytes
}

/// A valid 16-bit PCM file of interleaved samples.
pub fn pcm16(rate_hz: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    claiming(Format { tag: 1, channels, rate_hz, bits: 16 }, data.len() as u32, &data)
}
