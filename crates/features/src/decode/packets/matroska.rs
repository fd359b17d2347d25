//! Matroska and WebM (RFC 9559), read from start to end, so that a file without index, sizes or end gives what is there.

use std::collections::VecDeque;
use std::io::{self, Read, Seek};

use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration as FrameCount, Timestamp};

use super::demuxer::{Demuxer, Next, Track};
use super::ebml::{self, Element, id};
use super::matroska_track::MatroskaTrack;
use super::unsupported;
use super::window::Window;
use crate::Error;
use crate::decode::input::Input;

/// Most bytes of a track's description or of a block.
const MAX_BYTES: u64 = 1 << 22;

/// Bytes that are searched at once for the next cluster after damage, and those that are skipped if there is none: the last
/// three may be the first of an identifier.
const SEARCH_BYTES: usize = 1 << 16;
const SEARCH_STEP: u64 = 0xfffd;

/// Whether a file that begins with `start` is Matroska or WebM.
pub(super) fn is_matroska(start: &[u8]) -> bool {
    start.starts_with(&[0x1a, 0x45, 0xdf, 0xa3])
}

/// A Matroska file, opened at its first audio track.
pub(super) struct Matroska<'a, R> {
    window: Window<Input<'a, R>>,
    /// Offset of the cursor, and end of the segment as far as its header says, bytes.
    at: u64,
    end: Option<u64>,
    track: Option<MatroskaTrack>,
    queue: VecDeque<Packet>,
}

impl<'a, R: Read + Seek> Matroska<'a, R> {
    /// Reads up to the description of the first audio track.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::Malformed`] if there is none.
    pub fn open(input: Input<'a, R>) -> Result<Self, Error> {
        let window = Window::new(input);
        let mut file = Self { window, at: 0, end: None, track: None, queue: VecDeque::new() };
        match file.read_until_block() {
            Ok(Next::NewStream) => Ok(file),
            Ok(Next::Cut) => Err(Error::Malformed("it ends inside its header".into())),
            Ok(_) => Err(unsupported::no_audio_track()),
            Err(e) => Err(Error::Malformed(e.to_string())),
        }
    }

    /// Reads elements until packets of the track are in the queue. [`Next::NewStream`] after the description of a track.
    fn read_until_block(&mut self) -> io::Result<Next> {
        loop {
            if let Some(packet) = self.queue.pop_front() {
                return Ok(Next::Packet(packet));
            }
            let Some(element) = self.read_element()? else {
                let cut = self.end.is_some_and(|end| self.at < end);
                return Ok(if cut { Next::Cut } else { Next::End });
            };
            match element {
                Element { id: id::SEGMENT, size } => self.end = size.map(|size| self.at.saturating_add(size)),
                // Their content follows; whether their size is true does not matter.
                Element { id: id::TRACKS | id::CLUSTER, .. } => {}
                Element { id: id::TRACK_ENTRY, size: Some(size) } => {
                    let Some(content) = self.read_content(size)? else { return Ok(Next::Cut) };
                    let track = MatroskaTrack::read(&content);
                    // In a file of several segments, each describes its tracks.
                    let replaces = self
                        .track
                        .as_ref()
                        .is_none_or(|old| track.as_ref().is_some_and(|new| new.number == old.number));
                    if let Some(track) = track.filter(|_| replaces) {
                        self.track = Some(track);
                        return Ok(Next::NewStream);
                    }
                }
                Element { id: id::SIMPLE_BLOCK | id::BLOCK_GROUP, size: Some(size) } => {
                    let Some(content) = self.read_content(size)? else { return Ok(Next::Cut) };
                    match element.id {
                        id::SIMPLE_BLOCK => self.add_packets(&content, 0),
                        _ => self.add_group(&content),
                    }
                }
                Element { id, size: Some(size) } if ebml::is_known(id) => self.skip(size)?,
                _ => return self.resynchronise(),
            }
        }
    }

    /// A block with what is known about it.
    fn add_group(&mut self, content: &[u8]) {
        let (mut block, mut padding) = (None, 0);
        for (element, content) in ebml::elements(content) {
            match element {
                id::BLOCK => block = Some(content),
                id::DISCARD_PADDING => padding = ebml::signed(content),
                _ => {}
            }
        }
        if let Some(block) = block {
            self.add_packets(block, u64::try_from(padding).unwrap_or_default());
        }
    }

    /// Adds the packets of a block, the last of which ends with `padding`, ns.
    fn add_packets(&mut self, block: &[u8], padding: u64) {
        let Some(track) = &self.track else { return };
        let Some(frames) = ebml::frames(block, track.number) else { return };
        for frame in frames {
            let data = [track.stripped_header.as_slice(), frame].concat();
            self.queue.push_back(Packet::new(0, Timestamp::ZERO, FrameCount::ZERO, data));
        }
        if let Some(packet) = self.queue.back_mut() {
            packet.trim_end = FrameCount::new(track.nanoseconds(padding).frames(track.sample_rate_hz));
        }
    }

    /// Header of the next element; `None` at the end of the file, also within a header.
    fn read_element(&mut self) -> io::Result<Option<Element>> {
        let bytes = self.window.peek(ebml::MAX_HEADER_BYTES)?;
        let (element, n) = match ebml::header(bytes) {
            Some(found) => found,
            None if bytes.len() < ebml::MAX_HEADER_BYTES => return Ok(None),
            // Not an element: it is skipped like one of an unknown kind.
            None => (Element { id: 0, size: None }, 1),
        };
        self.skip(n as u64)?;
        Ok(Some(element))
    }

    /// The content of an element of `size` bytes; `None` if the file ends before it does. Too large a content is skipped.
    fn read_content(&mut self, size: u64) -> io::Result<Option<Vec<u8>>> {
        if size > MAX_BYTES {
            self.skip(size)?;
            return Ok(Some(Vec::new()));
        }
        let content = self.window.peek(size as usize)?.to_vec();
        self.skip(content.len() as u64)?;
        Ok((content.len() as u64 == size).then_some(content))
    }

    fn skip(&mut self, n: u64) -> io::Result<()> {
        self.at = self.at.saturating_add(n);
        self.window.skip(n)
    }

    /// Moves to the next cluster after damage.
    fn resynchronise(&mut self) -> io::Result<Next> {
        const CLUSTER: [u8; 4] = (id::CLUSTER as u32).to_be_bytes();
        loop {
            let bytes = self.window.peek(SEARCH_BYTES)?;
            match bytes.windows(CLUSTER.len()).position(|window| window == CLUSTER) {
                Some(at) => {
                    self.skip(at as u64)?;
                    return Ok(Next::Skipped);
                }
                None if bytes.len() < SEARCH_BYTES => return Ok(Next::Cut),
                None => self.skip(SEARCH_STEP)?,
            }
        }
    }
}

impl<R: Read + Seek> Demuxer for Matroska<'_, R> {
    fn track(&self) -> Result<Track, Error> {
        self.track.as_ref().ok_or_else(unsupported::no_audio_track)?.track()
    }

    fn next(&mut self) -> Result<Next, Error> {
        self.read_until_block().map_err(|e| Error::Malformed(e.to_string()))
    }
}
