//! Sound that a container stores in packets, which a codec's decoder turns into samples.
//!
//! ```text
//! mpeg            MP3, layers I and II ─┐
//! matroska        WebM and Matroska    ─┼▶ packets ─▶ decoder: symphonia's, or opus ─▶ samples
//! with_symphonia  every other format   ─┘
//! ```

mod decoder;
mod demuxer;
mod ebml;
mod matroska;
mod matroska_track;
mod mp4;
mod mpeg;
mod mpeg_header;
mod opus;
mod tags;
mod unsupported;
mod window;
mod with_symphonia;

use std::io::{Read, Seek};

use symphonia::core::errors::Error as SymphoniaError;

use super::audio::{DecodedStream, Source, Warning};
use super::input::{Input, Meter};
use super::limits::{self, MAX_BYTES_PER_SECOND};
use super::output::Output;
use crate::Error;
use decoder::Decoder;
use demuxer::{Demuxer, Next, Track};
use matroska::Matroska;
use mpeg::Mpeg;
use unsupported::classify;
use with_symphonia::Container;

/// Largest number of frames that a packet may claim: decoders allocate this much before they see data.
const MAX_FRAMES_PER_PACKET: u64 = 65_536;
/// Packets that may fail to decode before the file is given up.
const MAX_BAD_PACKETS: usize = 1000;

/// Bytes at the start of a file in which its format is recognised.
const START_BYTES: u64 = 1 << 16;
/// The same for a file without a known signature, which may be MPEG audio after junk.
const LONG_START_BYTES: u64 = 1 << 20;

/// Whether `start`, the first bytes of a stream, begins with frames of MPEG audio.
pub(super) fn starts_with_mpeg(start: &[u8]) -> bool {
    !unsupported::has_signature(start) && mpeg::find(start) == Some(0)
}

/// Decodes at most `seconds` of an input. `extension` is only a hint.
pub(super) fn decode<R: Read + Seek + Send + Sync>(
    input: Input<R>,
    meter: &Meter,
    extension: Option<&str>,
    seconds: f64,
    output: &mut Output,
) -> Result<DecodedStream, Error> {
    let mut demuxer = open(input, extension)?;
    meter.allow((seconds * MAX_BYTES_PER_SECOND).ceil() as u64);
    decode_packets(&mut *demuxer, seconds, output)
}

/// Recognises the container. Tags before it are removed.
fn open<'a, R: Read + Seek + Send + Sync + 'a>(
    mut input: Input<'a, R>,
    extension: Option<&str>,
) -> Result<Box<dyn Demuxer + 'a>, Error> {
    while let Some(n) = tags::length(&input.start(tags::HEADER_BYTES as u64)?) {
        input.drop_start(n)?;
    }
    let mut start = input.start(START_BYTES)?;
    if matroska::is_matroska(&start) {
        return Ok(Box::new(Matroska::open(input)?));
    }
    if !unsupported::has_signature(&start) {
        let mut frame = mpeg::find(&start);
        if frame.is_none() {
            start = input.start(LONG_START_BYTES)?;
            frame = mpeg::find(&start);
        }
        if let Some(at) = frame {
            input.drop_start(at as u64)?;
            return Ok(Box::new(Mpeg::open(input)?));
        }
    }
    Ok(Box::new(Container::open(input, &start, extension)?))
}

/// Decodes at most `seconds` of an opened container.
fn decode_packets(demuxer: &mut dyn Demuxer, seconds: f64, output: &mut Output) -> Result<DecodedStream, Error> {
    let mut stream = Stream::open(demuxer.track()?, seconds)?;
    let mut source = stream.source.clone();
    let mut warnings = Vec::new();
    let mut rate: Option<(u32, usize)> = None; // with the number of frames wanted
    let (mut damaged, mut bad_packets) = (false, 0);
    let mut reason = Error::Malformed("no part of it can be decoded".into());
    while !stream.ended {
        let packet = match demuxer.next() {
            Ok(Next::Packet(packet)) => packet,
            Ok(Next::NewStream) => {
                stream = Stream::open(demuxer.track()?, seconds)?;
                continue;
            }
            Ok(Next::Skipped) => {
                damaged = true;
                continue;
            }
            Ok(Next::Cut) => {
                warnings.push(Warning::Truncated);
                break;
            }
            Ok(Next::End) => break,
            Err(e) => {
                (damaged, reason) = (true, e);
                break;
            }
        };
        let (rate_hz, n_channels) = match stream.decode(&packet) {
            Ok(spec) => spec,
            Err(SymphoniaError::DecodeError(_) | SymphoniaError::IoError(_)) if bad_packets < MAX_BAD_PACKETS => {
                (damaged, bad_packets) = (true, bad_packets + 1);
                continue;
            }
            Err(SymphoniaError::ResetRequired) => return Err(rate_changed()),
            Err(e) => return Err(classify(&e)),
        };
        let wanted = match rate {
            None => limits::n_frames(rate_hz, n_channels, seconds)?,
            Some((first_hz, wanted)) if first_hz == rate_hz => wanted,
            Some(_) => return Err(rate_changed()),
        };
        if rate.is_none() {
            source.n_channels = n_channels;
        }
        rate = Some((rate_hz, wanted));
        output.put(stream.mono(rate_hz, n_channels), rate_hz);
        if output.has_ended() || output.n_samples() >= wanted {
            break;
        }
    }
    if damaged {
        if output.n_samples() == 0 {
            return Err(reason);
        }
        warnings.push(Warning::Damaged);
    }
    let sample_rate_hz = rate.map_or(0, |(rate_hz, _)| rate_hz);
    Ok(DecodedStream { n_samples: 0, sample_rate_hz, source, warnings })
}

/// A track, or one of several chained ones, with its decoder.
struct Stream {
    decoder: Decoder,
    track: Track,
    /// Its channels are 0 until a packet is decoded.
    source: Source,
    /// Frames that were decoded, also those that are removed.
    n_decoded: u64,
    /// Whether the track's length is reached.
    ended: bool,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
}

impl Stream {
    fn open(track: Track, seconds: f64) -> Result<Self, Error> {
        let parameters = &track.parameters;
        let claimed = parameters.max_frames_per_packet.max(parameters.frames_per_block).unwrap_or(0);
        if claimed > MAX_FRAMES_PER_PACKET {
            return Err(Error::Limit(format!(
                "a packet claims {claimed} frames; at most {MAX_FRAMES_PER_PACKET} are decoded"
            )));
        }
        if let Some(rate_hz) = parameters.sample_rate {
            limits::n_frames(rate_hz, parameters.channels.as_ref().map_or(1, |channels| channels.count()), seconds)?;
        }
        let decoder = Decoder::new(parameters).map_err(|e| unsupported::codec(&track, &e))?;
        let source = Source {
            container: track.container.into(),
            codec: decoder.name().into(),
            n_channels: 0,
            bits_per_sample: parameters.bits_per_sample,
            n_frames: track.n_frames,
        };
        let (interleaved, mono) = (Vec::new(), Vec::new());
        Ok(Self { decoder, track, source, n_decoded: 0, ended: false, interleaved, mono })
    }

    /// Decodes a packet. Returns its rate in Hz and the number of channels.
    fn decode(&mut self, packet: &symphonia::core::packet::Packet) -> Result<(u32, usize), SymphoniaError> {
        self.decoder.decode(packet, &mut self.interleaved)
    }

    /// The decoded packet in mono, without what is before or after the track's sound.
    fn mono(&mut self, rate_hz: u32, n_channels: usize) -> &[f32] {
        let frames = self.interleaved.chunks_exact(n_channels.max(1));
        let start = self.track.delay.frames(rate_hz);
        let end = self.track.length.map_or(u64::MAX, |length| start.saturating_add(length.frames(rate_hz)));
        let before = self.n_decoded;
        self.n_decoded += frames.len() as u64;
        self.ended = self.n_decoded >= end;
        let clamp = |frame: u64| frame.saturating_sub(before).min(frames.len() as u64) as usize;
        let kept = clamp(start)..clamp(end);
        self.mono.clear();
        let frames = frames.skip(kept.start).take(kept.len());
        self.mono.extend(frames.map(|frame| frame.iter().sum::<f32>() / n_channels as f32));
        &self.mono
    }
}

fn rate_changed() -> Error {
    Error::Unsupported("the sample rate changes within the file".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::ops::ControlFlow;

    use symphonia::core::audio::{Channels, Position};
    use symphonia::core::codecs::audio::AudioCodecParameters;
    use symphonia::core::codecs::audio::well_known::CODEC_ID_PCM_U8;
    use symphonia::core::packet::Packet;
    use symphonia::core::units::{Duration as FrameCount, Timestamp};

    use super::*;
    use crate::decode::output::{Part, Sink};

    /// 8-bit sound without an end, 100 samples in a packet; counts its packets.
    struct Endless(usize);

    impl Demuxer for Endless {
        fn track(&self) -> Result<Track, Error> {
            let mut parameters = AudioCodecParameters::new();
            let mono = Channels::Positioned(Position::FRONT_LEFT);
            parameters.for_codec(CODEC_ID_PCM_U8).with_sample_rate(8000).with_channels(mono);
            let delay = demuxer::Duration::default();
            Ok(Track { container: "test", parameters, n_frames: None, delay, length: None })
        }

        fn next(&mut self) -> Result<Next, Error> {
            self.0 += 1;
            assert!(self.0 < 1000, "no end");
            Ok(Next::Packet(Packet::new(0, Timestamp::ZERO, FrameCount::ZERO, vec![200; 100])))
        }
    }

    #[test]
    fn decoding_ends_with_the_clip_or_when_the_sink_wants_no_more() {
        for (most_chunks, n_packets) in [(3, 3), (100, 10)] {
            let mut left = most_chunks;
            let sink: &mut Sink = &mut |_, _| {
                left -= 1;
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let mut endless = Endless(0);
            // Half of it is forwarded, and as much again is looked at.
            let mut output = Output::new(sink, Part::first(0.0625));
            decode_packets(&mut endless, 0.125, &mut output).unwrap();
            assert_eq!(endless.0, n_packets);
        }
    }
}
