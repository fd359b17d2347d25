//! What every container gives: the packets of its audio track.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::packet::Packet;

use crate::Error;

/// A container, opened at its audio track.
pub(super) trait Demuxer {
    /// The audio track, and that of the next stream after [`Next::NewStream`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::Malformed`] if there is no sound that can be decoded.
    fn track(&self) -> Result<Track, Error>;

    /// What comes next in the audio track.
    ///
    /// # Errors
    /// [`Error::Malformed`] or others if reading cannot continue; packets so far are valid.
    fn next(&mut self) -> Result<Next, Error>;
}

/// An audio track.
#[derive(Debug, Clone)]
pub(super) struct Track {
    /// Short name of the container.
    pub container: &'static str,
    /// The codec and what its decoder needs.
    pub parameters: AudioCodecParameters,
    /// Frames in the track, as far as the headers say.
    pub n_frames: Option<u64>,
    /// Decoded sound to remove from the start.
    pub delay: Duration,
    /// Decoded sound to keep after that; `None`: all.
    pub length: Option<Duration>,
}

/// A length of sound.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Duration {
    pub ticks: u64,
    /// 0 only in an empty duration.
    pub ticks_per_second: u32,
}

impl Duration {
    /// Frames at a sample rate, rounded.
    pub fn frames(self, sample_rate_hz: u32) -> u64 {
        let per_second = u128::from(self.ticks_per_second.max(1));
        let frames = (u128::from(self.ticks) * u128::from(sample_rate_hz) + per_second / 2) / per_second;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }
}

/// What comes next in a track.
#[derive(Debug)]
pub(super) enum Next {
    Packet(Packet),
    /// Damaged data was skipped.
    Skipped,
    /// Another stream follows, whose decoder starts anew.
    NewStream,
    /// The file ends where more should follow.
    Cut,
    End,
}
