//! Opus (RFC 6716), decoded at 48 kHz.

use opus_pure::packet::samples_per_frame;
use opus_pure::{OpusDecoder, OpusMSDecoder, Repacketizer};
use symphonia::core::errors::{Error as SymphoniaError, decode_error, unsupported_error};

use super::demuxer::Duration;

/// Rate at which Opus is decoded and at which its headers count, Hz.
pub(super) const SAMPLE_RATE_HZ: u32 = 48_000;
/// Most samples per channel in a packet: 120 ms.
const MAX_PACKET_SAMPLES: usize = 5760;
/// Most bytes of a packet whose single frame the encoder left out: its configuration and, at most, one byte more.
const MAX_BYTES_LEFT_OUT: usize = 2;

/// The identification header, RFC 7845, section 5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    n_channels: usize,
    /// Samples to remove from the start.
    pre_skip: u16,
    /// Steps of 1/256 dB.
    output_gain: i16,
    mapping_family: u8,
    /// Streams in a packet, and how many of them are stereo.
    streams: [usize; 2],
}

impl Head {
    /// Reads `OpusHead` and what follows it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(b"OpusHead")?;
        let [version, n_channels, skip_low, skip_high, _, _, _, _, gain_low, gain_high, mapping_family, mapping @ ..] =
            bytes
        else {
            return None;
        };
        let n_channels = usize::from(*n_channels);
        let streams = match mapping {
            [n, n_stereo, ..] if *mapping_family != 0 => [usize::from(*n), usize::from(*n_stereo)],
            _ => [1, n_channels.saturating_sub(1)],
        };
        (version >> 4 == 0 && n_channels > 0).then_some(Self {
            n_channels,
            pre_skip: u16::from_le_bytes([*skip_low, *skip_high]),
            output_gain: i16::from_le_bytes([*gain_low, *gain_high]),
            mapping_family: *mapping_family,
            streams,
        })
    }

    /// Sound to remove from the start.
    pub fn pre_skip(&self) -> Duration {
        Duration { ticks: self.pre_skip.into(), ticks_per_second: SAMPLE_RATE_HZ }
    }
}

/// A decoder of one stream.
pub(super) struct Decoder {
    inner: Inner,
    n_channels: usize,
    samples: Vec<f32>,
}

enum Inner {
    /// Mono or stereo.
    One(Box<OpusDecoder>),
    /// Surround: several streams in a packet.
    Several(Box<OpusMSDecoder>),
}

impl Decoder {
    /// # Errors
    /// Unsupported for arrangements of channels other than mono, stereo and Vorbis' surround of up to 8.
    pub fn new(head: &Head) -> Result<Self, SymphoniaError> {
        let rate = SAMPLE_RATE_HZ as i32;
        let gain = i32::from(head.output_gain);
        let inner = match head {
            Head { mapping_family: 0, n_channels, .. } => {
                OpusDecoder::new(rate, *n_channels).ok().map(|mut decoder| {
                    decoder.gain_q8 = gain;
                    Inner::One(Box::new(decoder))
                })
            }
            Head { mapping_family: 1, n_channels, streams, .. } => {
                let decoder = OpusMSDecoder::new(rate, *n_channels, 1).ok();
                let n_coupled = |decoder: &OpusMSDecoder| decoder.layout().nb_coupled_streams;
                decoder.filter(|decoder| [decoder.nb_streams(), n_coupled(decoder)] == *streams).map(|mut decoder| {
                    decoder.streams_mut().iter_mut().for_each(|stream| stream.gain_q8 = gain);
                    Inner::Several(Box::new(decoder))
                })
            }
            _ => None,
        };
        match inner {
            Some(inner) => Ok(Self { inner, n_channels: head.n_channels, samples: Vec::new() }),
            None => unsupported_error("opus: channel mapping"),
        }
    }

    /// Channels of the decoded sound.
    pub fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// Interleaved samples of a packet, full scale at ±1; louder ones, which the codec can give, are clipped.
    ///
    /// # Errors
    /// A decode error for a damaged packet.
    pub fn decode(&mut self, packet: &[u8]) -> Result<&[f32], SymphoniaError> {
        self.samples.resize(MAX_PACKET_SAMPLES * self.n_channels, 0.0);
        let decoded = match &mut self.inner {
            Inner::One(decoder) => decode_frames(decoder, packet, &mut self.samples),
            Inner::Several(decoder) => decoder.decode(packet, MAX_PACKET_SAMPLES, &mut self.samples),
        };
        let Ok(n) = decoded else { return decode_error("opus: damaged packet") };
        let samples = &mut self.samples[..n.min(MAX_PACKET_SAMPLES) * self.n_channels];
        for sample in samples.iter_mut() {
            // A damaged packet can give anything.
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        Ok(samples)
    }
}

/// Decodes a packet frame by frame into interleaved samples and returns their number per channel. Frames that the encoder
/// left out in a pause (DTX) are filled with comfort noise, as by libopus; `opus-pure` by itself takes them for sound.
fn decode_frames(decoder: &mut OpusDecoder, packet: &[u8], samples: &mut [f32]) -> opus_pure::Result<usize> {
    let frame_samples = samples_per_frame(packet, SAMPLE_RATE_HZ as i32)?;
    let mut frames = Repacketizer::new();
    frames.cat(packet)?;
    let mut n = 0;
    for i in 0..frames.nb_frames() {
        let frame = frames.out_range(i, i + 1)?;
        let coded = if frame.len() > MAX_BYTES_LEFT_OUT { &frame[..] } else { &[] };
        n += decoder.decode(coded, frame_samples, &mut samples[n * decoder.channels()..])?;
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_and_other_bytes_are_not() {
        let mut bytes = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\xfe\0".to_vec();
        let head = Head { n_channels: 2, pre_skip: 312, output_gain: -512, mapping_family: 0, streams: [1, 1] };
        assert_eq!(Head::read(&bytes), Some(head));
        assert_eq!(Head::read(&bytes[..18]), None);
        assert_eq!(Head::read(&[&bytes[..], &[9, 9]].concat()), Some(head), "bytes of no meaning");
        bytes[9] = 0;
        assert_eq!(Head::read(&bytes), None, "no channels");
        (bytes[8], bytes[9]) = (0x10, 2);
        assert_eq!(Head::read(&bytes), None, "a later version");
        let surround = b"OpusHead\x01\x06\0\0\0\0\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05";
        let head = Head { n_channels: 6, pre_skip: 0, output_gain: 0, mapping_family: 1, streams: [4, 2] };
        assert_eq!(Head::read(surround), Some(head));
        assert!(Decoder::new(&head).is_ok());
        assert!(Decoder::new(&Head { streams: [3, 3], ..head }).is_err());
        assert!(Decoder::new(&Head { mapping_family: 255, ..head }).is_err());
    }
}
