//! MPEG audio without a container: frames of layers I to III one after the other, with tags and junk between them.
//!
//! Symphonia's own reader ends where the first header's count says, also where that count is 0, too small, or that of the
//! first of several concatenated recordings.

use std::collections::VecDeque;
use std::io::{self, Read, Seek};

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration as FrameCount, Timestamp};

use super::demuxer::{Demuxer, Duration, Next, Track};
use super::mpeg_header::{Header, Info, MAX_FRAME_BYTES};
use super::tags;
use super::window::Window;
use crate::Error;
use crate::decode::input::Input;

/// Bytes that are looked at together: a frame and the header after it, or a tag's header.
const WINDOW_BYTES: usize = MAX_FRAME_BYTES + 4;

/// Frames one after the other that are enough to call junk before them junk.
const ENOUGH_FRAMES: usize = 3;

/// Offset of the first frame in `start`, the first bytes of a file. `None` if they are something else.
pub(super) fn find(start: &[u8]) -> Option<usize> {
    // Frames from here on, and whether no other header has room after the last of them, or a tag follows.
    let frames = |from: usize| {
        let mut at = from;
        let mut first: Option<Header> = None;
        for n in 0..ENOUGH_FRAMES {
            let rest = start.get(at..).unwrap_or_default();
            let Some(header) = Header::read(rest).filter(|header| first.is_none_or(|first| first.continues(header)))
            else {
                return (n, rest.len() < 4 || tags::length(rest).is_some());
            };
            first = Some(header);
            at += header.n_bytes;
        }
        (ENOUGH_FRAMES, true)
    };
    match frames(0) {
        (1, true) | (2.., _) => Some(0),
        _ => (1..start.len()).find(|at| start[*at] == 0xff && frames(*at).0 >= ENOUGH_FRAMES),
    }
}

/// MPEG audio at the cursor of an input.
pub(super) struct Mpeg<'a, R> {
    window: Window<Input<'a, R>>,
    /// Header of the stream's first frame, or of the first frame after [`Next::NewStream`].
    header: Header,
    info: Info,
    /// Length of the file, bytes.
    file_bytes: u64,
    /// Whether the last frame ended where the next one is expected.
    in_sync: bool,
    n_read: u64,
    /// Frames that are held back until it is known whether the stream ends with them.
    queue: VecDeque<Next>,
}

impl<'a, R: Read + Seek> Mpeg<'a, R> {
    /// `input` starts with a frame.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it does not, or if reading fails.
    pub fn open(input: Input<'a, R>) -> Result<Self, Error> {
        let file_bytes = input.length();
        let mut window = Window::new(input);
        let start = window.peek(WINDOW_BYTES).map_err(|e| malformed(&e))?;
        let header = Header::read(start).ok_or_else(|| Error::Malformed("it does not begin with a frame".into()))?;
        let info = start.get(..header.n_bytes).and_then(|frame| Info::read(frame, &header));
        if info.is_some() {
            window.skip(header.n_bytes as u64).map_err(|e| malformed(&e))?;
        }
        let info = info.unwrap_or_default();
        Ok(Self { window, header, info, file_bytes, in_sync: true, n_read: 0, queue: VecDeque::new() })
    }

    /// The next frame, not held back.
    fn read_frame(&mut self) -> io::Result<Next> {
        let mut skipped = false;
        loop {
            let expected = self.in_sync.then_some(self.header);
            let bytes = self.window.peek(WINDOW_BYTES)?;
            if bytes.len() < 4 {
                return Ok(Next::End);
            }
            if let Some(n) = tags::length(bytes) {
                self.window.skip(n)?;
                continue;
            }
            match Header::read(bytes).filter(|header| accepts(header, bytes, expected)) {
                Some(_) if skipped => return Ok(Next::Skipped),
                Some(header) if header.n_bytes > bytes.len() => return Ok(Next::Cut),
                Some(header) => {
                    self.in_sync = true;
                    if !header.continues(&self.header) || header.n_channels != self.header.n_channels {
                        self.header = header;
                        return Ok(Next::NewStream);
                    }
                    let data = bytes[..header.n_bytes].to_vec();
                    self.window.skip(header.n_bytes as u64)?;
                    self.n_read += 1;
                    let length = FrameCount::new(header.n_samples());
                    return Ok(Next::Packet(Packet::new(0, Timestamp::ZERO, length, data)));
                }
                None => {
                    (self.in_sync, skipped) = (false, true);
                    // The first byte of a frame or of a tag.
                    let may_start = |byte: &u8| matches!(byte, 0xff | b'I' | b'T' | b'A');
                    let n = bytes[1..].iter().position(may_start).map_or(bytes.len(), |at| at + 1);
                    self.window.skip(n as u64)?;
                }
            }
        }
    }

    /// Marks the padding at the end of the queue, if the stream ends where its header says.
    fn trim_end(&mut self) {
        if self.info.n_frames != Some(self.n_read) {
            return;
        }
        let mut left = self.info.padding;
        for next in self.queue.iter_mut().rev() {
            if let Next::Packet(packet) = next {
                let padding = left.min(packet.dur.get());
                packet.trim_end = FrameCount::new(padding);
                left -= padding;
            }
        }
    }
}

impl<R: Read + Seek> Demuxer for Mpeg<'_, R> {
    fn track(&self) -> Result<Track, Error> {
        let Header { layer, sample_rate_hz, n_channels, bit_rate, .. } = self.header;
        if !self.header.has_standard_bit_rate() {
            let channels = if n_channels == 1 { "mono" } else { "stereo" };
            return Err(Error::not_decoded(&format!(
                "MPEG audio layer II with {} kbit/s in {channels}, which its standard excludes,",
                bit_rate / 1000
            )));
        }
        let (codec, container) = match layer {
            1 => (CODEC_ID_MP1, "mp1"),
            2 => (CODEC_ID_MP2, "mp2"),
            _ => (CODEC_ID_MP3, "mp3"),
        };
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(codec).with_sample_rate(sample_rate_hz);
        // Without a count, a constant bit rate is assumed.
        let n_frames = self.info.n_frames.unwrap_or(self.file_bytes / self.header.n_bytes.max(1) as u64);
        let n_samples =
            (n_frames.saturating_mul(self.header.n_samples())).saturating_sub(self.info.delay + self.info.padding);
        // Later streams begin with sound.
        let delay = if self.n_read == 0 { self.info.delay } else { 0 };
        let delay = Duration { ticks: delay, ticks_per_second: sample_rate_hz };
        Ok(Track { container, parameters, n_frames: Some(n_samples), delay, length: None })
    }

    fn next(&mut self) -> Result<Next, Error> {
        let held_back = self.info.padding.div_ceil(self.header.n_samples()) as usize;
        while self.queue.len() <= held_back {
            let next = self.read_frame().map_err(|e| malformed(&e))?;
            match next {
                Next::End => {
                    self.trim_end();
                    self.info.padding = 0;
                    self.queue.push_back(Next::End);
                    break;
                }
                next => self.queue.push_back(next),
            }
        }
        Ok(self.queue.pop_front().unwrap_or(Next::End))
    }
}

/// Whether `header`, with which `bytes` start, is that of a frame. Junk can look like a header: where none or one of another
/// kind is `expected`, another one of the same kind must follow, or the end of the file, or a tag.
fn accepts(header: &Header, bytes: &[u8], expected: Option<Header>) -> bool {
    if expected.is_some_and(|expected| expected.continues(header)) {
        return true;
    }
    let after = bytes.get(header.n_bytes..).unwrap_or_default();
    let follows = Header::read(after).is_some_and(|next| next.continues(header));
    follows || bytes.len() == header.n_bytes || tags::length(after).is_some()
}

/// A disk error is reported as such, whatever is returned here.
fn malformed(error: &io::Error) -> Error {
    Error::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Silent frames of layer II: 48 kHz, 32 kbit/s, mono.
    fn frames(n: usize) -> Vec<u8> {
        [&[0xff, 0xfd, 0x14, 0xc0][..], &[0; 92]].concat().repeat(n)
    }

    #[test]
    fn two_frames_at_the_start_or_three_after_junk_are_mpeg_audio() {
        let then = |n: usize, after: &[u8]| [&frames(n), after].concat();
        let after_junk = |n: usize| [&[1, 0xff, 0xfe, 1, 1], &frames(n)[..]].concat();
        let layer_3 = [0xff, 0xfb, 0x14, 0xc0];
        for (case, bytes, expected) in [
            ("one frame", frames(1), Some(0)),
            ("a frame and less than a header", then(1, &[1; 3]), Some(0)),
            ("a frame and junk", then(1, &[1; 4]), None),
            ("a frame and a tag", then(1, b"TAG and more"), Some(0)),
            ("a frame and one of another layer", then(1, &layer_3), None),
            ("two frames and junk", then(2, &[1; 200]), Some(0)),
            ("four frames", frames(4), Some(0)),
            ("junk and two frames", after_junk(2), None),
            ("junk and three frames", after_junk(3), Some(5)),
            ("nothing", vec![], None),
        ] {
            assert_eq!(find(&bytes), expected, "{case}");
        }
    }
}
