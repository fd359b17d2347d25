//! Bytes of a sound file to mono samples, whatever the bytes are.
//!
//! The bytes are not trusted: no allocation follows a header's claim, reading and decoding stop when the clip is full, and
//! a panic inside a decoder becomes an error.

use std::io::{ErrorKind, Read, Seek};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use crate::input::{Input, Meter};
use crate::{Error, wav};

/// Rates that are accepted, Hz.
const SAMPLE_RATES_HZ: std::ops::RangeInclusive<u32> = 4000..=192_000;
/// Most channels that are accepted.
const MAX_CHANNELS: usize = 8;
/// Bytes of a second of sound at the highest rate, in most channels, in 64 bit.
const MOST_BYTES_PER_SECOND: f64 = 192_000.0 * 8.0 * 8.0;
/// Most frames that a packet may claim: decoders allocate this much before they see data.
const MAX_FRAMES_PER_PACKET: u64 = 65_536;
/// Most packets that may fail to decode before the file is given up.
const MAX_BAD_PACKETS: usize = 1000;
/// Bytes of 16-bit PCM that are read at once.
const PCM_CHUNK_BYTES: usize = 1 << 20;
/// Bytes at a file's start in which the marks of formats that are not decoded are looked for.
const START_BYTES: u64 = 4096;

/// Decoded sound, mixed to one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Mono samples at `sample_rate_hz`, full scale at ±1; no more than the clip needs.
    pub samples: Vec<f32>,
    /// Rate of the file, 4000 to 192000 Hz.
    pub sample_rate_hz: u32,
    /// How the file holds its sound.
    pub source: Source,
    /// What is odd about the file.
    pub warnings: Vec<Warning>,
}

/// How a file holds its sound, as its headers tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The container's short name, such as `wave`, `flac` or `ogg`.
    pub container: String,
    /// The codec's short name, such as `pcm_s16le`, `mp3` or `vorbis`.
    pub codec: String,
    /// Channels before mixing, 1 to 8.
    pub n_channels: usize,
    /// Bits of a sample before coding; `None` where the codec has no such number, as lossy ones.
    pub bits_per_sample: Option<u32>,
    /// Frames in the whole file, beyond the clip too; `None` where the headers do not tell. Not to be trusted.
    pub n_frames: Option<u64>,
}

/// What is odd about a file that could still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The file ends before its header says; what is there was used.
    #[error("the file is cut short; what is there was used")]
    Truncated,
    /// Some packets could not be decoded and were left out.
    #[error("parts of the file are damaged and were left out")]
    Damaged,
    /// Every sample is the same.
    #[error("the recording is silent")]
    Silent,
}

/// What is known of a recording once its sound has been passed on.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Rate of the file, 4000 to 192000 Hz.
    pub sample_rate_hz: u32,
    /// Mono samples that were passed on.
    pub n_samples: usize,
    /// How the file holds its sound.
    pub source: Source,
    /// What is odd about the file.
    pub warnings: Vec<Warning>,
}

/// Takes mono samples, full scale at ±1, and their rate, Hz; says whether to go on.
pub(crate) type Sink<'a> = dyn FnMut(&[f32], u32) -> ControlFlow<()> + 'a;

/// Decodes at most `seconds` of an input of `length` bytes. `extension` is only a hint.
pub(crate) fn decode<R: Read + Seek + Send + Sync>(
    input: R,
    length: u64,
    extension: Option<&str>,
    seconds: f64,
) -> Result<Audio, Error> {
    let mut samples = Vec::new();
    let heard = decode_into(input, length, extension, seconds, &mut |piece, _| {
        samples.extend_from_slice(piece);
        ControlFlow::Continue(())
    })?;
    let Heard { sample_rate_hz, source, warnings, .. } = heard;
    Ok(Audio { samples, sample_rate_hz, source, warnings })
}

/// [`decode`], with the samples passed on piece by piece.
pub(crate) fn decode_into<R: Read + Seek + Send + Sync>(
    input: R,
    length: u64,
    extension: Option<&str>,
    seconds: f64,
    sink: &mut Sink,
) -> Result<Heard, Error> {
    if length == 0 {
        return Err(Error::Empty);
    }
    let meter = Meter::new();
    let mut out = Output { sink, first: None, silent: true, n_samples: 0, not_finite: None, ended: false };
    let decoding = || {
        let mut input = Input::new(input, length, &meter);
        match wav::read_header(&mut input) {
            Some(header) => from_pcm16(&mut input, &header, &meter, seconds, &mut out),
            None => from_symphonia(input, &meter, extension, seconds, &mut out),
        }
    };
    let decoded = catch_unwind(AssertUnwindSafe(decoding));
    // What stopped the reading says more than what the decoder made of it.
    meter.check()?;
    let mut heard = decoded.unwrap_or_else(|_| Err(Error::Malformed("its decoder gave up".into())))?;
    match out.not_finite {
        _ if out.n_samples == 0 => return Err(Error::Empty),
        Some(at) => return Err(Error::NotFinite(at)),
        None if out.silent => heard.warnings.push(Warning::Silent),
        None => {}
    }
    heard.n_samples = out.n_samples;
    Ok(heard)
}

/// Passes samples on and keeps what is to be known of them.
struct Output<'a, 'b> {
    sink: &'a mut Sink<'b>,
    first: Option<f32>,
    silent: bool,
    n_samples: usize,
    /// Place of the first sample that is NaN or infinite: it and what follows is not passed on.
    not_finite: Option<usize>,
    /// Whether nothing more is wanted.
    ended: bool,
}

impl Output<'_, '_> {
    fn put(&mut self, samples: &[f32], sample_rate_hz: u32) {
        if let Some(at) = samples.iter().position(|sample| !sample.is_finite()) {
            (self.not_finite, self.ended) = (Some(self.n_samples + at), true);
        }
        if !self.ended && !samples.is_empty() {
            let first = *self.first.get_or_insert(samples[0]);
            self.silent &= samples.iter().all(|sample| *sample == first);
            self.ended = (self.sink)(samples, sample_rate_hz).is_break();
        }
        self.n_samples += samples.len();
    }
}

/// 16-bit little-endian PCM of `n_channels`, at least 1, mixed to one channel; bytes of a frame that is not whole are left out.
pub fn mono_from_pcm16(bytes: &[u8], n_channels: usize) -> Vec<f32> {
    let sample = |bytes: &[u8]| f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32_768.0;
    // Arrays of a known size are what the compiler can work on eight at a time.
    match n_channels {
        1 => bytes.as_chunks::<2>().0.iter().map(|frame| sample(frame)).collect(),
        2 => bytes.as_chunks::<4>().0.iter().map(|frame| (sample(&frame[..2]) + sample(&frame[2..])) / 2.0).collect(),
        n => {
            let mean = |frame: &[u8]| frame.chunks_exact(2).map(sample).sum::<f32>() / n as f32;
            bytes.chunks_exact(2 * n).map(mean).collect()
        }
    }
}

fn frames_wanted(sample_rate_hz: u32, n_channels: usize, seconds: f64) -> Result<usize, Error> {
    if !SAMPLE_RATES_HZ.contains(&sample_rate_hz) {
        return Err(Error::Unsupported(format!("{sample_rate_hz} Hz: the sample rate must be 4000 to 192000 Hz")));
    }
    if !(1..=MAX_CHANNELS).contains(&n_channels) {
        return Err(Error::Unsupported(format!("{n_channels} channels: there must be 1 to {MAX_CHANNELS}")));
    }
    Ok((seconds * f64::from(sample_rate_hz)).ceil() as usize)
}

fn from_pcm16(
    input: &mut impl Read,
    header: &wav::Pcm16,
    meter: &Meter,
    seconds: f64,
    out: &mut Output,
) -> Result<Heard, Error> {
    let n_channels = header.n_channels;
    let frames = header.n_frames.min(frames_wanted(header.sample_rate_hz, n_channels, seconds)? as u64);
    let mut left = 2 * n_channels as u64 * frames;
    meter.allow(left);
    let whole_frames = PCM_CHUNK_BYTES - PCM_CHUNK_BYTES % (2 * n_channels);
    let mut sound = vec![0; left.min(whole_frames as u64) as usize];
    while left > 0 && !out.ended {
        sound.truncate(left.min(sound.len() as u64) as usize);
        input.read_exact(&mut sound).map_err(|e| Error::Io(e.to_string()))?;
        out.put(&mono_from_pcm16(&sound, n_channels), header.sample_rate_hz);
        left -= sound.len() as u64;
    }
    let source = Source {
        container: "wave".into(),
        codec: "pcm_s16le".into(),
        n_channels,
        bits_per_sample: Some(16),
        n_frames: Some(header.n_frames),
    };
    let warnings = if header.truncated { vec![Warning::Truncated] } else { vec![] };
    Ok(Heard { n_samples: 0, sample_rate_hz: header.sample_rate_hz, source, warnings })
}

fn from_symphonia<'a, R: Read + Seek + Send + Sync + 'a>(
    mut input: Input<'a, R>,
    meter: &Meter,
    extension: Option<&str>,
    seconds: f64,
    out: &mut Output,
) -> Result<Heard, Error> {
    let start = input.start(START_BYTES).map_err(|e| Error::Io(e.to_string()))?;
    let mut hint = Hint::new();
    if let Some(extension) = extension {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(input), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|e| not_opened(&start, &e))?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or_else(|| Error::Unsupported("there is no audio track in it".into()))?;
    let (track_id, n_frames) = (track.id, track.num_frames);
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or_else(|| not_opened(&start, &SymphoniaError::Unsupported("codec")))?;
    let claimed = parameters.max_frames_per_packet.max(parameters.frames_per_block).unwrap_or(0);
    if claimed > MAX_FRAMES_PER_PACKET {
        return Err(Error::Limit(format!("a packet of {claimed} frames; at most {MAX_FRAMES_PER_PACKET} are decoded")));
    }
    if let Some(rate) = parameters.sample_rate {
        frames_wanted(rate, parameters.channels.as_ref().map_or(1, |channels| channels.count()), seconds)?;
    }
    let bits_per_sample = parameters.bits_per_sample;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|e| not_opened(&start, &e))?;

    let source = Source {
        container: format.format_info().short_name.into(),
        codec: decoder.codec_info().short_name.into(),
        n_channels: 0,
        bits_per_sample,
        n_frames,
    };
    meter.allow((seconds * MOST_BYTES_PER_SECOND).ceil() as u64);
    let mut heard = Heard { n_samples: 0, sample_rate_hz: 0, source, warnings: Vec::new() };
    let mut spec: Option<(u32, usize, usize)> = None; // rate, channels, frames wanted
    let (mut interleaved, mut mono): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
    let mut bad_packets = 0;
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(e) if ended_early(&e) => {
                heard.warnings.push(Warning::Truncated);
                break;
            }
            Err(SymphoniaError::ResetRequired) => return Err(changed()),
            Err(_) if out.n_samples > 0 => {
                bad_packets += 1;
                break;
            }
            Err(e) => return Err(classify(&e)),
        };
        if packet.track_id != track_id {
            continue;
        }
        let decoded = match decoder.decode(&packet) {
            Ok(decoded) => decoded,
            Err(SymphoniaError::DecodeError(_) | SymphoniaError::IoError(_)) if bad_packets < MAX_BAD_PACKETS => {
                bad_packets += 1;
                continue;
            }
            Err(SymphoniaError::ResetRequired) => return Err(changed()),
            Err(e) => return Err(classify(&e)),
        };
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels().count());
        let wanted = match spec {
            None => {
                let wanted = frames_wanted(rate, channels, seconds)?;
                spec = Some((rate, channels, wanted));
                wanted
            }
            Some((first_rate, first_channels, wanted)) if (first_rate, first_channels) == (rate, channels) => wanted,
            Some(_) => return Err(changed()),
        };
        decoded.copy_to_vec_interleaved(&mut interleaved);
        let room = wanted - out.n_samples;
        let frames = interleaved.chunks_exact(channels).take(room);
        mono.clear();
        mono.extend(frames.map(|frame| frame.iter().sum::<f32>() / channels as f32));
        heard.sample_rate_hz = rate;
        heard.source.n_channels = channels;
        out.put(&mono, rate);
        if out.ended || out.n_samples >= wanted {
            break;
        }
    }
    if bad_packets > 0 {
        if out.n_samples == 0 {
            return Err(Error::Malformed("no part of it can be decoded".into()));
        }
        heard.warnings.push(Warning::Damaged);
    }
    Ok(heard)
}

fn ended_early(error: &SymphoniaError) -> bool {
    matches!(error, SymphoniaError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof)
}

fn changed() -> Error {
    Error::Unsupported("the sample rate or the channels change in the middle".into())
}

/// Why there is no decoder, with a way out for what people send most.
fn not_opened(start: &[u8], error: &SymphoniaError) -> Error {
    let holds = |mark: &[u8]| start.windows(mark.len()).any(|window| window == mark);
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
            "not a sound file that is decoded (wav, flac, mp3, ogg-vorbis, m4a, aac, caf): {what}"
        )),
        SymphoniaError::LimitError(what) => Error::Limit((*what).into()),
        e if ended_early(e) => Error::Malformed("it ends in its header, or is no sound file".into()),
        e => Error::Malformed(e.to_string()),
    }
}
