//! Containers that symphonia reads.

use std::io::{Read, Seek};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track as SymphoniaTrack, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::demuxer::{Demuxer, Next, Track};
use super::mp4::Mp4;
use super::opus;
use super::unsupported::{self, classify};
use crate::Error;
use crate::decode::input::Input;

/// A container, opened by symphonia.
pub(super) struct Container<'a> {
    format: Box<dyn FormatReader + 'a>,
    /// What symphonia does not say about an MP4 file.
    mp4: Option<Mp4>,
}

impl<'a> Container<'a> {
    /// Recognises the container. `start` holds the first bytes; `extension` is only a hint.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::Malformed`].
    pub fn open<R: Read + Seek + Send + Sync + 'a>(
        mut input: Input<'a, R>,
        start: &[u8],
        extension: Option<&str>,
    ) -> Result<Self, Error> {
        let mp4 = Mp4::read(&mut input, start)?;
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(Box::new(input), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|e| unsupported::container(start, &e))?;
        Ok(Self { format, mp4 })
    }

    fn audio_track(&self) -> Option<&SymphoniaTrack> {
        self.format.default_track(TrackType::Audio)
    }
}

impl Demuxer for Container<'_> {
    fn track(&self) -> Result<Track, Error> {
        let track = self.audio_track();
        let parameters = track.and_then(|track| match &track.codec_params {
            Some(CodecParameters::Audio(parameters)) => Some((track, parameters.clone())),
            _ => None,
        });
        let Some((track, parameters)) = parameters else {
            return Err(self.mp4.as_ref().map_or_else(unsupported::no_audio_track, Mp4::not_decoded));
        };
        let pre_skip = parameters.extra_data.as_deref().and_then(opus::Head::read).map(|head| head.pre_skip());
        let edit = self.mp4.as_ref().and_then(|mp4| mp4.edit(track.id));
        Ok(Track {
            container: self.format.format_info().short_name,
            n_frames: track.num_frames.map(|n| n.saturating_sub(pre_skip.map_or(0, |skipped| skipped.ticks))),
            parameters,
            delay: edit.map(|edit| edit.start).or(pre_skip).unwrap_or_default(),
            length: edit.and_then(|edit| edit.length),
        })
    }

    fn next(&mut self) -> Result<Next, Error> {
        let id = self.audio_track().map(|track| track.id);
        loop {
            match self.format.next_packet() {
                Ok(Some(packet)) if Some(packet.track_id) == id => return Ok(Next::Packet(packet)),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Next::End),
                // A disk error is reported as such, whatever is returned here.
                Err(SymphoniaError::IoError(_)) => return Ok(Next::Cut),
                Err(SymphoniaError::ResetRequired) => return Ok(Next::NewStream),
                Err(e) => return Err(classify(&e)),
            }
        }
    }
}
