//! Every format except 16-bit PCM WAV, decoded by symphonia.

use std::io::{ErrorKind, Read, Seek};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use super::audio::{DecodedStream, Source, Warning};
use super::input::{Input, Meter};
use super::limits::{self, MAX_BYTES_PER_SECOND};
use super::output::Output;
use crate::Error;

/// Largest number of frames that a packet may claim: decoders allocate this much before they see data.
const MAX_FRAMES_PER_PACKET: u64 = 65_536;
/// Packets that may fail to decode before the file is given up.
const MAX_BAD_PACKETS: usize = 1000;
/// Bytes at the start of a file that are searched for the signatures of unsupported formats.
const SIGNATURE_BYTES: u64 = 4096;

/// The audio track of an opened file.
struct Track<'a> {
    format: Box<dyn FormatReader + 'a>,
    decoder: Box<dyn AudioDecoder>,
    id: u32,
    /// Its channels are 0 until a packet is decoded.
    source: Source,
}

/// Sample rate in Hz and number of channels, the same in every packet.
type Spec = (u32, usize);

/// Decodes at most `seconds`.
pub(super) fn decode<'a, R: Read + Seek + Send + Sync + 'a>(
    input: Input<'a, R>,
    meter: &Meter,
    extension: Option<&str>,
    seconds: f64,
    output: &mut Output,
) -> Result<DecodedStream, Error> {
    let track = Track::open(input, extension, seconds)?;
    meter.allow((seconds * MAX_BYTES_PER_SECOND).ceil() as u64);
    track.decode(seconds, output)
}

impl<'a> Track<'a> {
    /// Recognises the format and prepares a decoder for its audio track. `seconds` is how much will be decoded.
    fn open<R: Read + Seek + Send + Sync + 'a>(
        mut input: Input<'a, R>,
        extension: Option<&str>,
        seconds: f64,
    ) -> Result<Self, Error> {
        let start = input.start(SIGNATURE_BYTES)?;
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(Box::new(input), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|e| not_opened(&start, &e))?;
        let track = format
            .default_track(TrackType::Audio)
            .ok_or_else(|| Error::Unsupported("the file has no audio track".into()))?;
        let (id, n_frames) = (track.id, track.num_frames);
        let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
        let parameters = parameters.ok_or_else(|| not_opened(&start, &SymphoniaError::Unsupported("codec")))?;
        let claimed = parameters.max_frames_per_packet.max(parameters.frames_per_block).unwrap_or(0);
        if claimed > MAX_FRAMES_PER_PACKET {
            return Err(Error::Limit(format!(
                "a packet claims {claimed} frames; at most {MAX_FRAMES_PER_PACKET} are decoded"
            )));
        }
        if let Some(rate) = parameters.sample_rate {
            limits::n_frames(rate, parameters.channels.as_ref().map_or(1, |channels| channels.count()), seconds)?;
        }
        let bits_per_sample = parameters.bits_per_sample;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|e| not_opened(&start, &e))?;
        let source = Source {
            container: format.format_info().short_name.into(),
            codec: decoder.codec_info().short_name.into(),
            n_channels: 0,
            bits_per_sample,
            n_frames,
        };
        Ok(Self { format, decoder, id, source })
    }

    fn decode(mut self, seconds: f64, output: &mut Output) -> Result<DecodedStream, Error> {
        let mut warnings = Vec::new();
        let mut spec: Option<(Spec, usize)> = None; // with the number of frames wanted
        let (mut interleaved, mut mono): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
        let mut bad_packets = 0;
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(e) if ended_early(&e) => {
                    warnings.push(Warning::Truncated);
                    break;
                }
                Err(SymphoniaError::ResetRequired) => return Err(spec_changed()),
                Err(_) if output.n_samples() > 0 => {
                    bad_packets += 1;
                    break;
                }
                Err(e) => return Err(classify(&e)),
            };
            if packet.track_id != self.id {
                continue;
            }
            let Some(decoded) = self.decode_packet(&packet, &mut bad_packets)? else { continue };
            let found = (decoded.spec().rate(), decoded.spec().channels().count());
            let wanted = match spec {
                None => limits::n_frames(found.0, found.1, seconds)?,
                Some((first, wanted)) if first == found => wanted,
                Some(_) => return Err(spec_changed()),
            };
            spec = Some((found, wanted));
            let (rate, channels) = found;
            decoded.copy_to_vec_interleaved(&mut interleaved);
            let room = wanted - output.n_samples();
            let frames = interleaved.chunks_exact(channels).take(room);
            mono.clear();
            mono.extend(frames.map(|frame| frame.iter().sum::<f32>() / channels as f32));
            output.put(&mono, rate);
            if output.has_ended() || output.n_samples() >= wanted {
                break;
            }
        }
        if bad_packets > 0 {
            if output.n_samples() == 0 {
                return Err(Error::Malformed("no part of it can be decoded".into()));
            }
            warnings.push(Warning::Damaged);
        }
        let (sample_rate_hz, n_channels) = spec.map_or((0, 0), |(spec, _)| spec);
        Ok(DecodedStream { n_samples: 0, sample_rate_hz, source: Source { n_channels, ..self.source }, warnings })
    }

    /// Decodes one packet. `None` for a bad packet, which is counted and skipped.
    fn decode_packet(
        &mut self,
        packet: &Packet,
        bad_packets: &mut usize,
    ) -> Result<Option<GenericAudioBufferRef<'_>>, Error> {
        match self.decoder.decode(packet) {
            Ok(decoded) => Ok(Some(decoded)),
            Err(SymphoniaError::DecodeError(_) | SymphoniaError::IoError(_)) if *bad_packets < MAX_BAD_PACKETS => {
                *bad_packets += 1;
                Ok(None)
            }
            Err(SymphoniaError::ResetRequired) => Err(spec_changed()),
            Err(e) => Err(classify(&e)),
        }
    }
}

fn ended_early(error: &SymphoniaError) -> bool {
    matches!(error, SymphoniaError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof)
}

fn spec_changed() -> Error {
    Error::Unsupported("the sample rate or the number of channels changes within the file".into())
}

/// Why no decoder was found, with advice for the formats that people send most.
fn not_opened(start: &[u8], error: &SymphoniaError) -> Error {
    let holds = |signature: &[u8]| start.windows(signature.len()).any(|window| window == signature);
    let known = [
        (holds(b"OpusHead") || holds(b"A_OPUS"), "Opus"),
        (start.starts_with(b"#!AMR") || holds(b"samr"), "AMR"),
        (start.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]), "WebM or Matroska"),
        (start.starts_with(&[0x30, 0x26, 0xb2, 0x75]), "WMA"),
    ];
    match known.into_iter().find(|(found, _)| *found) {
        Some((_, name)) => Error::Unsupported(format!("{name} is not decoded; convert the recording to WAV")),
        None => classify(error),
    }
}

fn classify(error: &SymphoniaError) -> Error {
    match error {
        SymphoniaError::Unsupported(what) => Error::Unsupported(format!(
            "not a sound file of a supported format (wav, flac, mp3, ogg-vorbis, m4a, aac, caf): {what}"
        )),
        SymphoniaError::LimitError(what) => Error::Limit((*what).into()),
        e if ended_early(e) => Error::Malformed("it ends inside its header, or is not a sound file".into()),
        e => Error::Malformed(e.to_string()),
    }
}
