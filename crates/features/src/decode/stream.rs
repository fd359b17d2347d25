//! Sound that arrives through a pipe: its format, and a reader that stands in for a file.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use super::packets::starts_with_mpeg;

/// Bytes at the start of a stream that [`StreamFormat::of`] should have: a few frames of MP3.
pub const STREAM_START_BYTES: usize = 4096;

/// Bytes at the start of a stream that are remembered, since a format is recognised by reading them more than once.
const KEPT_BYTES: usize = 2 << 20;

/// How a stream is coded, as far as its first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFormat {
    /// A format with this name, which [`decode_stream`](crate::decode_stream) decodes as it arrives.
    Decoded(&'static str),
    /// A format with this name that is decoded from files only.
    FilesOnly(&'static str),
    /// None that is known, or plain PCM.
    Unknown,
}

impl StreamFormat {
    /// The format of a stream that begins with `start`.
    pub fn of(start: &[u8]) -> Self {
        match start {
            _ if [b"RIFF", b"RF64", b"BW64"].iter().any(|id| start.starts_with(*id)) => Self::Decoded("WAV"),
            _ if start.starts_with(b"fLaC") => Self::Decoded("FLAC"),
            _ if start.starts_with(b"ID3") || starts_with_mpeg(start) => Self::Decoded("MP3"),
            _ if start.starts_with(b"OggS") => Self::FilesOnly("Ogg"),
            _ if start.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) => Self::FilesOnly("WebM"),
            _ if start.get(4..8) == Some(b"ftyp") => Self::FilesOnly("MP4"),
            _ => Self::Unknown,
        }
    }
}

/// A reader that remembers its start, so that it can go back there, and that goes forward by reading.
pub(super) struct Forward<R> {
    inner: R,
    /// The first bytes, at most [`KEPT_BYTES`].
    start: Vec<u8>,
    /// Bytes that were read from `inner`.
    n_read: u64,
    position: u64,
}

impl<R: Read> Forward<R> {
    /// A reader at the start of `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, start: Vec::new(), n_read: 0, position: 0 }
    }
}

impl<R: Read> Read for Forward<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let kept = usize::try_from(self.position).ok().and_then(|position| self.start.get(position..));
        let n = match kept {
            Some(kept) if !kept.is_empty() => {
                let n = kept.len().min(buffer.len());
                buffer[..n].copy_from_slice(&kept[..n]);
                n
            }
            _ if self.position == self.n_read => {
                let n = self.inner.read(buffer)?;
                let room = KEPT_BYTES - self.start.len();
                self.start.extend_from_slice(&buffer[..n.min(room)]);
                self.n_read += n as u64;
                n
            }
            _ => return Err(io::Error::new(ErrorKind::Unsupported, "a stream cannot go back")),
        };
        self.position += n as u64;
        Ok(n)
    }
}

impl<R: Read> Seek for Forward<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(_) => None,
        };
        let target = target.ok_or(ErrorKind::Unsupported)?;
        if target > self.n_read {
            self.position = self.n_read;
            let by = target - self.n_read;
            io::copy(&mut self.by_ref().take(by), &mut io::sink())?;
        } else {
            self.position = target;
        }
        Ok(self.position)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_back_to_its_start_and_forward_but_not_between() {
        let bytes: Vec<u8> = (0..KEPT_BYTES + 300).map(|at| (at % 251) as u8).collect();
        let mut forward = Forward::new(bytes.as_slice());
        let read = |forward: &mut Forward<&[u8]>, at: u64| {
            let mut byte = [0];
            forward.seek(SeekFrom::Start(at)).and_then(|_| forward.read_exact(&mut byte)).map(|()| byte[0])
        };
        for at in [0, 10, 5, 1000, KEPT_BYTES as u64 + 200, 7, KEPT_BYTES as u64 - 1] {
            assert_eq!(read(&mut forward, at).unwrap(), (at % 251) as u8, "{at}");
        }
        assert!(read(&mut forward, KEPT_BYTES as u64).is_err(), "it is gone");
        assert_eq!(read(&mut forward, KEPT_BYTES as u64 + 299).unwrap(), ((KEPT_BYTES + 299) % 251) as u8);
        assert_eq!(forward.seek(SeekFrom::Start(u64::MAX)).unwrap(), bytes.len() as u64, "no further than its end");
        assert!(forward.seek(SeekFrom::End(0)).is_err());
    }

    #[test]
    fn pcm_that_begins_like_a_frame_of_mp3_is_not_mp3() {
        for (start, expected) in [
            (&b"RIFF\0\0\0\0WAVE"[..], StreamFormat::Decoded("WAV")),
            (b"fLaC", StreamFormat::Decoded("FLAC")),
            (b"ID3\x04", StreamFormat::Decoded("MP3")),
            (b"OggS", StreamFormat::FilesOnly("Ogg")),
            (b"\0\0\0\x20ftypM4A ", StreamFormat::FilesOnly("MP4")),
            (b"", StreamFormat::Unknown),
        ] {
            assert_eq!(StreamFormat::of(start), expected, "{start:?}");
        }
        // 128 kbit/s at 44.1 kHz: 417 bytes a frame.
        let frame = [&[0xff, 0xfb, 0x90, 0x64][..], &[0; 413]].concat();
        assert_eq!(StreamFormat::of(&frame.repeat(9)), StreamFormat::Decoded("MP3"));
        let quiet = [&[0xff, 0xfb, 0x90, 0x64][..], &[1; STREAM_START_BYTES]].concat();
        assert_eq!(StreamFormat::of(&quiet), StreamFormat::Unknown);
    }
}
