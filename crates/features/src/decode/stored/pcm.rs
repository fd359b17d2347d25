//! Linear PCM, and mu-law and A-law (ITU-T G.711), to mono samples.

/// How a sample of linear PCM is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pcm {
    pub kind: Kind,
    /// Bytes of a sample: 1 if unsigned, 1 to 4 if signed, 4 or 8 if float.
    pub width: usize,
    /// Bits of a sample that carry sound, at most `8 * width`.
    pub bits: u32,
    pub big_endian: bool,
    /// Whether the upper byte of a signed sample of 24 bits in 4 little-endian bytes may only extend the sign.
    pub low_aligned: bool,
}

/// The numbers of linear PCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Unsigned,
    Signed,
    Float,
}

impl Pcm {
    /// Unsigned bytes of which the upper `bits` carry sound.
    pub fn unsigned(bits: u32) -> Self {
        Self { kind: Kind::Unsigned, width: 1, bits, big_endian: false, low_aligned: false }
    }

    /// Signed samples in the fewest bytes that hold them, the least significant bits unused; `None` for none or more than
    /// 32 bits.
    pub fn signed(bits: u32, big_endian: bool) -> Option<Self> {
        let width = bits.div_ceil(8) as usize;
        (1..=4).contains(&width).then_some(Self { kind: Kind::Signed, width, bits, big_endian, low_aligned: false })
    }

    /// `None` for any number of bits except 32 and 64.
    pub fn float(bits: u32, big_endian: bool) -> Option<Self> {
        let width = bits as usize / 8;
        matches!(bits, 32 | 64).then_some(Self { kind: Kind::Float, width, bits, big_endian, low_aligned: false })
    }

    /// Appends the mono samples of interleaved ones, `bytes`, whose order may be changed. An incomplete frame at the end
    /// is dropped. Low-aligned samples turn out to be high-aligned ones when their upper byte holds more than the sign.
    pub fn decode(&mut self, bytes: &mut [u8], n_channels: usize, mono: &mut Vec<f32>) {
        if self.big_endian {
            bytes.chunks_exact_mut(self.width).for_each(<[u8]>::reverse);
        }
        self.low_aligned &= bytes.as_chunks::<4>().0.iter().all(|[.., sign, upper]| *upper == 0xff * (sign >> 7));
        let shift = if self.low_aligned { 32 - self.bits } else { 0 };
        match (self.kind, self.width) {
            (Kind::Unsigned, _) => average(bytes, n_channels, |[a]| (f32::from(a) - 128.0) / 128.0, mono),
            (Kind::Signed, 1) => average(bytes, n_channels, |[a]| f32::from(a as i8) / 128.0, mono),
            (Kind::Signed, 2) => average(bytes, n_channels, |sample| i16_sample(i16::from_le_bytes(sample)), mono),
            (Kind::Signed, 3) => average(bytes, n_channels, |[a, b, c]| i32_sample([0, a, b, c], 0), mono),
            (Kind::Signed, _) => average(bytes, n_channels, |sample| i32_sample(sample, shift), mono),
            (Kind::Float, 4) => average(bytes, n_channels, f32::from_le_bytes, mono),
            (Kind::Float, _) => average(bytes, n_channels, |sample| f64::from_le_bytes(sample) as f32, mono),
        }
    }
}

/// Mono samples, `[n_frames]` f32 with full scale at ±1, of interleaved 16-bit little-endian PCM of `n_channels`, at
/// least 1. Channels are averaged. An incomplete frame at the end is dropped.
pub fn mono_from_pcm16(bytes: &[u8], n_channels: usize) -> Vec<f32> {
    let mut mono = Vec::new();
    average(bytes, n_channels, |sample| i16_sample(i16::from_le_bytes(sample)), &mut mono);
    mono
}

/// Appends the mean of each frame's samples, in f32 with full scale at ±1. An incomplete frame at the end is dropped.
pub(super) fn average<const N: usize>(
    bytes: &[u8],
    n_channels: usize,
    sample: impl Fn([u8; N]) -> f32,
    mono: &mut Vec<f32>,
) {
    let samples = bytes.as_chunks::<N>().0;
    // The compiler vectorises arrays of a known size.
    match n_channels {
        1 => mono.extend(samples.iter().map(|only| sample(*only))),
        2 => mono.extend(samples.as_chunks().0.iter().map(|[left, right]| (sample(*left) + sample(*right)) / 2.0)),
        n => {
            let mean = |frame: &[[u8; N]]| frame.iter().map(|bytes| sample(*bytes)).sum::<f32>() / n as f32;
            mono.extend(samples.chunks_exact(n).map(mean));
        }
    }
}

/// A 16-bit sample as a number with full scale at ±1.
pub(super) fn i16_sample(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

fn i32_sample(bytes: [u8; 4], shift: u32) -> f32 {
    (i32::from_le_bytes(bytes) << shift) as f32 / 2_147_483_648.0
}

/// A byte of mu-law.
pub(super) fn mu_law([byte]: [u8; 1]) -> f32 {
    let code = !byte;
    let magnitude = ((i16::from(code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
    i16_sample(if code & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude })
}

/// A byte of A-law.
pub(super) fn a_law([byte]: [u8; 1]) -> f32 {
    let code = byte ^ 0x55;
    let step = 2 * i16::from(code & 0x0f) + 1;
    let magnitude = match (code & 0x70) >> 4 {
        0 => step << 3,
        segment => (step + 32) << (segment + 2),
    };
    i16_sample(if code & 0x80 == 0 { -magnitude } else { magnitude })
}
