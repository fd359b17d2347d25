//! The bytes of a recording, from memory or from a file, read only as far as the clip needs.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use symphonia::core::io::MediaSource;

use crate::Error;

/// Bytes that may be read of any file before its sound: tags, pictures, tables of packets.
const HEADER_BYTES: u64 = 32 << 20;

/// Bytes that a jump counts as: a file could hold nothing but jumps.
const BYTES_PER_SEEK: u64 = 4096;

/// Opens a regular file for reading. Anything else is refused without waiting, as opening a pipe would.
///
/// # Errors
/// The error of the system, or one that says that this is no regular file.
pub fn open_regular_file(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file but a folder, pipe, socket or device"));
    }
    File::open(path)
}

/// What may still be read of an input, and what went wrong with it: decoders hide both.
pub(crate) struct Meter {
    bytes_left: AtomicU64,
    failure: OnceLock<Error>,
}

impl Meter {
    /// A meter that allows for the headers.
    pub fn new() -> Self {
        Self { bytes_left: HEADER_BYTES.into(), failure: OnceLock::new() }
    }

    /// Allows for `bytes` more.
    pub fn allow(&self, bytes: u64) {
        let more = |left: u64| Some(left.saturating_add(bytes));
        // It always gives a value.
        let _ = self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// [`Error::Io`] or [`Error::Limit`] if the input gave one.
    pub fn check(&self) -> Result<(), Error> {
        self.failure.get().map_or(Ok(()), |failure| Err(failure.clone()))
    }

    fn spend(&self, bytes: u64) -> io::Result<()> {
        let spent = |left: u64| left.checked_sub(bytes);
        if self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent).is_ok() {
            return Ok(());
        }
        let failure = self.failure.get_or_init(|| Error::Limit("too much in the file beside its sound".into()));
        Err(io::Error::other(failure.to_string()))
    }
}

/// An input under a [`Meter`].
pub(crate) struct Input<'a, R> {
    inner: R,
    length: u64,
    meter: &'a Meter,
}

impl<'a, R> Input<'a, R> {
    /// `length` is that of `inner` in bytes.
    pub fn new(inner: R, length: u64, meter: &'a Meter) -> Self {
        Self { inner, length, meter }
    }

    /// Length of the whole in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl<R: Read + Seek> Input<'_, R> {
    /// The first bytes, at most `n`; the input then stands at its start.
    pub fn start(&mut self, n: u64) -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        self.rewind()?;
        self.by_ref().take(n).read_to_end(&mut start)?;
        self.rewind()?;
        Ok(start)
    }
}

impl<R: Read> Read for Input<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(n) => self.meter.spend(n as u64).map(|()| n),
            Err(e) => {
                if e.kind() != ErrorKind::Interrupted {
                    self.meter.failure.get_or_init(|| Error::Io(e.to_string()));
                }
                Err(e)
            }
        }
    }
}

impl<R: Seek> Seek for Input<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.meter.spend(BYTES_PER_SEEK)?;
        self.inner.seek(to)
    }

    fn seek_relative(&mut self, by: i64) -> io::Result<()> {
        self.meter.spend(BYTES_PER_SEEK)?;
        self.inner.seek_relative(by)
    }
}

impl<R: Read + Seek + Send + Sync> MediaSource for Input<'_, R> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Fails as a bad disk does.
    struct BadDisk;

    impl Read for BadDisk {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }

    #[test]
    fn only_what_is_allowed_is_read_and_jumps_count() {
        let meter = Meter::new();
        let mut input = Input::new(io::repeat(1).take(u64::MAX), u64::MAX, &meter);
        assert_eq!(io::copy(&mut (&mut input).take(HEADER_BYTES), &mut io::sink()).unwrap(), HEADER_BYTES);
        assert_eq!(meter.check(), Ok(()));
        meter.allow(10);
        input.read_exact(&mut [0; 10]).unwrap();
        assert!(input.read(&mut [0]).is_err());
        assert!(matches!(meter.check(), Err(Error::Limit(_))));

        let meter = Meter::new();
        let mut input = Input::new(Cursor::new([0; 8]), 8, &meter);
        assert_eq!((0..).take_while(|_| input.rewind().is_ok()).count() as u64, HEADER_BYTES / BYTES_PER_SEEK);
    }

    #[test]
    fn errors_of_the_system_are_kept() {
        let meter = Meter::new();
        assert!(Input::new(BadDisk, 0, &meter).read(&mut [0]).is_err());
        assert!(matches!(meter.check(), Err(Error::Io(_))));
    }

    #[test]
    fn the_start_is_given_and_nothing_is_lost() {
        let meter = Meter::new();
        let mut input = Input::new(Cursor::new(*b"abcdef"), 6, &meter);
        assert_eq!(input.start(2).unwrap(), b"ab");
        assert_eq!(input.start(99).unwrap(), b"abcdef");
        let mut all = String::new();
        input.read_to_string(&mut all).unwrap();
        assert_eq!(all, "abcdef");
    }
}
