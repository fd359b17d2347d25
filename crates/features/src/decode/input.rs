//! The bytes of a recording, from memory or from a file, read only as far as the clip needs.
//!
//! Decoders hide why reading failed, so a [`Meter`] next to the [`Input`] records the reason.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use symphonia::core::io::MediaSource;

use crate::Error;

/// Bytes that may be read from any file besides its sound: tags, pictures, packet tables.
const HEADER_BYTES: u64 = 32 << 20;

/// Bytes that one seek counts as: a file could consist of nothing but seeks.
const BYTES_PER_SEEK: u64 = 4096;

/// The length of a stream, which nobody knows.
pub(super) const UNKNOWN_LENGTH: u64 = i64::MAX as u64;

/// How many bytes of an input may still be read, and why reading it failed.
pub(crate) struct Meter {
    bytes_left: AtomicU64,
    failure: OnceLock<Error>,
}

impl Meter {
    /// A meter that allows [`HEADER_BYTES`].
    pub fn new() -> Self {
        Self { bytes_left: HEADER_BYTES.into(), failure: OnceLock::new() }
    }

    /// Allows `bytes` more.
    pub fn allow(&self, bytes: u64) {
        let more = |left: u64| Some(left.saturating_add(bytes));
        // Cannot fail: the closure always returns a value.
        let _ = self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// [`Error::Io`] or [`Error::Limit`] if reading the input failed.
    pub fn into_result(self) -> Result<(), Error> {
        self.failure.into_inner().map_or(Ok(()), Err)
    }

    fn spend(&self, bytes: u64) -> io::Result<()> {
        let spent = |left: u64| left.checked_sub(bytes);
        if self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent).is_ok() {
            return Ok(());
        }
        let failure = self.failure.get_or_init(|| Error::Limit("too much data in the file besides its sound".into()));
        Err(io::Error::other(failure.to_string()))
    }
}

/// An input that a [`Meter`] limits.
pub(crate) struct Input<'a, R> {
    inner: R,
    /// Where it starts in `inner`, bytes.
    origin: u64,
    length: u64,
    meter: &'a Meter,
}

impl<'a, R> Input<'a, R> {
    /// `length` is the length of `inner`, bytes.
    pub fn new(inner: R, length: u64, meter: &'a Meter) -> Self {
        Self { inner, origin: 0, length, meter }
    }

    /// Length of the whole input, bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The bytes without their limit.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read + Seek> Input<'_, R> {
    /// The first bytes, at most `n`. Leaves the cursor at the start.
    pub fn start(&mut self, n: u64) -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        self.rewind()?;
        self.by_ref().take(n).read_to_end(&mut start)?;
        self.rewind()?;
        Ok(start)
    }

    /// Sets the length that the input claims to have. Nothing is read beyond the real end.
    pub fn set_length(&mut self, length: u64) {
        self.length = length;
    }

    /// Removes the first `n` bytes, at most all: the input starts after them. Leaves the cursor there.
    pub fn drop_start(&mut self, n: u64) -> io::Result<()> {
        let n = n.min(self.length);
        self.origin += n;
        self.length -= n;
        self.rewind()
    }
}

impl<R: Read> Read for Input<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(n) => self.meter.spend(n as u64).map(|()| n),
            Err(e) if e.kind() == ErrorKind::Interrupted => Err(e),
            Err(e) => {
                let for_decoder = io::Error::new(e.kind(), e.to_string());
                self.meter.failure.get_or_init(|| Error::Io(e));
                Err(for_decoder)
            }
        }
    }
}

impl<R: Seek> Seek for Input<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.meter.spend(BYTES_PER_SEEK)?;
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(self.origin.saturating_add(at)),
            SeekFrom::End(from_end) => {
                SeekFrom::Start(self.origin.saturating_add(self.length).saturating_add_signed(from_end))
            }
            SeekFrom::Current(by) => SeekFrom::Current(by),
        };
        self.inner.seek(to)?.checked_sub(self.origin).ok_or_else(|| ErrorKind::InvalidInput.into())
    }

    fn seek_relative(&mut self, by: i64) -> io::Result<()> {
        self.meter.spend(BYTES_PER_SEEK)?;
        self.inner.seek_relative(by)
    }
}

impl<R: Read + Seek + Send + Sync> MediaSource for Input<'_, R> {
    fn is_seekable(&self) -> bool {
        self.byte_len().is_some()
    }

    fn byte_len(&self) -> Option<u64> {
        (self.length < UNKNOWN_LENGTH).then_some(self.length)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Fails like a bad disk.
    struct BadDisk;

    impl Read for BadDisk {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }

    #[test]
    fn reading_stops_at_the_allowance_and_seeks_count() {
        let meter = Meter::new();
        let mut input = Input::new(io::repeat(1).take(u64::MAX), u64::MAX, &meter);
        assert_eq!(io::copy(&mut (&mut input).take(HEADER_BYTES), &mut io::sink()).unwrap(), HEADER_BYTES);
        assert!(meter.failure.get().is_none());
        meter.allow(10);
        input.read_exact(&mut [0; 10]).unwrap();
        assert!(input.read(&mut [0]).is_err());
        assert!(matches!(meter.into_result(), Err(Error::Limit(_))));

        let meter = Meter::new();
        let mut input = Input::new(Cursor::new([0; 8]), 8, &meter);
        assert_eq!((0..).take_while(|_| input.rewind().is_ok()).count() as u64, HEADER_BYTES / BYTES_PER_SEEK);
    }

    #[test]
    fn system_errors_are_kept_with_their_code() {
        let meter = Meter::new();
        assert!(Input::new(BadDisk, 0, &meter).read(&mut [0]).is_err());
        assert!(matches!(meter.into_result(), Err(Error::Io(e)) if e.raw_os_error() == Some(5)));
    }

    /// Is interrupted once, then gives its bytes.
    struct Interrupted(bool);

    impl Read for Interrupted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if !std::mem::replace(&mut self.0, true) {
                return Err(ErrorKind::Interrupted.into());
            }
            b"abc".as_slice().read(buffer)
        }
    }

    #[test]
    fn an_interrupted_read_can_be_repeated_and_is_no_failure() {
        let meter = Meter::new();
        let mut bytes = [0; 3];
        Input::new(Interrupted(false), 3, &meter).read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"abc");
        assert!(meter.into_result().is_ok());
    }

    #[test]
    fn a_seek_from_the_cursor_moves_it_and_counts() {
        let meter = Meter::new();
        let mut input = Input::new(Cursor::new(*b"abcdef"), 6, &meter);
        input.seek_relative(4).unwrap();
        input.seek_relative(-1).unwrap();
        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "def");
        assert_eq!(meter.bytes_left.into_inner(), HEADER_BYTES - 2 * BYTES_PER_SEEK - 3);
    }

    #[test]
    fn reading_the_start_loses_no_bytes() {
        let meter = Meter::new();
        let mut input = Input::new(Cursor::new(*b"abcdef"), 6, &meter);
        assert_eq!(input.start(2).unwrap(), b"ab");
        assert_eq!(input.start(99).unwrap(), b"abcdef");
        let mut all = String::new();
        input.read_to_string(&mut all).unwrap();
        assert_eq!(all, "abcdef");
    }

    #[test]
    fn an_input_without_its_start_begins_after_it() {
        let meter = Meter::new();
        let mut input = Input::new(Cursor::new(*b"abcdef"), 6, &meter);
        input.drop_start(2).unwrap();
        input.drop_start(1).unwrap();
        assert_eq!((input.length(), input.start(9).unwrap()), (3, b"def".to_vec()));
        assert_eq!((input.seek(SeekFrom::End(0)).unwrap(), input.seek(SeekFrom::Start(1)).unwrap()), (3, 1));
        assert!(input.seek(SeekFrom::Current(-2)).is_err(), "before the new start");
        input.set_length(5);
        assert_eq!((input.seek(SeekFrom::End(-3)).unwrap(), input.read(&mut [0; 4]).unwrap()), (2, 1));
        assert_eq!((input.seek(SeekFrom::End(0)).unwrap(), input.read(&mut [0; 4]).unwrap()), (5, 0));
        input.drop_start(99).unwrap();
        assert_eq!(input.start(9).unwrap(), b"");
    }
}
