//! The description of an audio track in a Matroska file.

use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS,
    CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64LE, CODEC_ID_PCM_S16LE, CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32LE,
    CODEC_ID_PCM_U8, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use super::demuxer::{Duration, Track};
use super::ebml::{self, id};
use super::opus;
use crate::Error;

/// Matroska's name of Opus.
const OPUS: &str = "A_OPUS";

/// A description, read but not checked.
#[derive(Debug, Default, PartialEq)]
pub(super) struct MatroskaTrack {
    pub number: u64,
    /// Rate of the decoded sound.
    pub sample_rate_hz: u32,
    n_channels: u64,
    bit_depth: u64,
    codec: String,
    private: Vec<u8>,
    /// Sound to remove from the start, ns.
    codec_delay: u64,
    /// Bytes that every packet begins with and that its block leaves out.
    pub stripped_header: Vec<u8>,
    /// Whether packets are encrypted, or compressed in another way.
    encoded: bool,
}

impl MatroskaTrack {
    /// Reads the content of a track's element; `None` if it is not audio.
    pub fn read(content: &[u8]) -> Option<Self> {
        const KIND_AUDIO: u64 = 2;
        let mut track = Self { sample_rate_hz: 8000, n_channels: 1, ..Self::default() };
        let mut kind = 0;
        for (element, content) in ebml::elements(content) {
            match element {
                id::TRACK_NUMBER => track.number = ebml::unsigned(content),
                id::TRACK_TYPE => kind = ebml::unsigned(content),
                id::CODEC_ID => track.codec = String::from_utf8_lossy(content).trim_end_matches('\0').into(),
                id::CODEC_PRIVATE => track.private = content.into(),
                id::CODEC_DELAY => track.codec_delay = ebml::unsigned(content),
                id::AUDIO => track.read_audio(content),
                id::CONTENT_ENCODINGS => track.read_encodings(content),
                _ => {}
            }
        }
        if track.codec == OPUS {
            // The file may say at which rate the sound was recorded.
            track.sample_rate_hz = opus::SAMPLE_RATE_HZ;
        }
        (kind == KIND_AUDIO).then_some(track)
    }

    fn read_audio(&mut self, content: &[u8]) {
        for (element, content) in ebml::elements(content) {
            match element {
                id::SAMPLING_FREQUENCY => self.sample_rate_hz = ebml::float(content).round() as u32,
                id::CHANNELS => self.n_channels = ebml::unsigned(content),
                id::BIT_DEPTH => self.bit_depth = ebml::unsigned(content),
                _ => {}
            }
        }
    }

    fn read_encodings(&mut self, content: &[u8]) {
        const HEADER_STRIPPING: u64 = 3;
        for (_, encoding) in ebml::elements(content).filter(|(element, _)| *element == id::CONTENT_ENCODING) {
            let compression = ebml::elements(encoding).find(|(element, _)| *element == id::CONTENT_COMPRESSION);
            let (mut algorithm, mut settings) = (0, [].as_slice());
            for (element, content) in ebml::elements(compression.map_or(&[], |(_, content)| content)) {
                match element {
                    id::CONTENT_COMPRESSION_ALGORITHM => algorithm = ebml::unsigned(content),
                    id::CONTENT_COMPRESSION_SETTINGS => settings = content,
                    _ => {}
                }
            }
            match algorithm {
                HEADER_STRIPPING => self.stripped_header = settings.into(),
                _ => self.encoded = true,
            }
        }
    }

    /// A length that is given in ns.
    pub fn nanoseconds(&self, ticks: u64) -> Duration {
        Duration { ticks, ticks_per_second: 1_000_000_000 }
    }

    /// The track for its decoder.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::Malformed`].
    pub fn track(&self) -> Result<Track, Error> {
        if self.encoded {
            return Err(Error::not_decoded("compressed or encrypted sound in Matroska"));
        }
        let codec = self.codec_id().ok_or_else(|| Error::not_decoded(&self.codec_name()))?;
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(codec).with_sample_rate(self.sample_rate_hz);
        let positions = u32::try_from(self.n_channels).ok().and_then(Position::from_count);
        if let Some(positions) = positions {
            parameters.with_channels(Channels::Positioned(positions));
        }
        if let Some(bits) = u32::try_from(self.bit_depth).ok().filter(|bits| *bits > 0) {
            parameters.with_bits_per_sample(bits);
        }
        let extra = match codec {
            CODEC_ID_VORBIS => Some(vorbis_headers(&self.private).ok_or_else(damaged)?),
            // Its first block of metadata, without its header.
            CODEC_ID_FLAC => Some(self.private.get(8..42).ok_or_else(damaged)?.into()),
            _ if self.private.is_empty() => None,
            _ => Some(self.private.clone()),
        };
        if let Some(extra) = extra {
            parameters.with_extra_data(extra.into());
        }
        let pre_skip = opus::Head::read(&self.private).map(|head| head.pre_skip());
        let delay = pre_skip.unwrap_or(self.nanoseconds(self.codec_delay));
        Ok(Track { container: "matroska", parameters, n_frames: None, delay, length: None })
    }

    fn codec_id(&self) -> Option<AudioCodecId> {
        Some(match (self.codec.as_str(), self.bit_depth) {
            (OPUS, _) => CODEC_ID_OPUS,
            ("A_VORBIS", _) => CODEC_ID_VORBIS,
            ("A_FLAC", _) => CODEC_ID_FLAC,
            ("A_ALAC", _) => CODEC_ID_ALAC,
            ("A_AAC", _) => CODEC_ID_AAC,
            ("A_MPEG/L1", _) => CODEC_ID_MP1,
            ("A_MPEG/L2", _) => CODEC_ID_MP2,
            ("A_MPEG/L3", _) => CODEC_ID_MP3,
            ("A_PCM/INT/LIT", 8) => CODEC_ID_PCM_U8,
            ("A_PCM/INT/LIT", 16) => CODEC_ID_PCM_S16LE,
            ("A_PCM/INT/LIT", 24) => CODEC_ID_PCM_S24LE,
            ("A_PCM/INT/LIT", 32) => CODEC_ID_PCM_S32LE,
            ("A_PCM/FLOAT/IEEE", 32) => CODEC_ID_PCM_F32LE,
            ("A_PCM/FLOAT/IEEE", 64) => CODEC_ID_PCM_F64LE,
            _ => return None,
        })
    }

    fn codec_name(&self) -> String {
        match self.codec.as_str() {
            "A_AC3" => "AC-3 (Dolby Digital)".into(),
            "A_EAC3" => "E-AC-3 (Dolby Digital Plus)".into(),
            "A_DTS" => "DTS".into(),
            codec => format!("the codec {codec:?} in Matroska"),
        }
    }
}

/// Vorbis' identification and setup headers, one after the other, from all three as Matroska has them: their number less
/// one, their sizes without the last, the headers.
fn vorbis_headers(private: &[u8]) -> Option<Vec<u8>> {
    let mut rest = private.strip_prefix(&[2])?;
    let sizes = [ebml::xiph_size(&mut rest)?, ebml::xiph_size(&mut rest)?];
    let identification = rest.get(..sizes[0])?;
    let setup = rest.get(sizes[0].checked_add(sizes[1])?..)?;
    Some([identification, setup].concat())
}

fn damaged() -> Error {
    Error::Malformed("the description of its sound is damaged".into())
}
