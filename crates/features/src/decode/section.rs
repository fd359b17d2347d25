//! A part of an input, as an input.

use std::io::{self, Read, Seek, SeekFrom};

use super::stored::Extent;

/// The bytes of `inner` that an extent names. Its first seek, to the start, moves the cursor to them.
pub(super) struct Section<R> {
    inner: R,
    extent: Extent,
    /// Offset of the cursor from the start of the section, bytes.
    at: u64,
}

impl<R> Section<R> {
    pub fn new(inner: R, extent: Extent) -> Self {
        Self { inner, extent, at: 0 }
    }
}

impl<R: Read> Read for Section<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.extent.n_bytes.saturating_sub(self.at);
        let n = self.inner.by_ref().take(left).read(buffer)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl<R: Seek> Seek for Section<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.extent.n_bytes.checked_add_signed(by),
        };
        let inner = at.and_then(|at| self.extent.at.checked_add(at)).ok_or(io::ErrorKind::InvalidInput)?;
        self.inner.seek(SeekFrom::Start(inner))?;
        self.at = inner - self.extent.at;
        Ok(self.at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn only_the_bytes_of_the_section_are_read() {
        let extent = Extent { at: 2, n_bytes: 3, truncated: false };
        let mut section = Section::new(Cursor::new(*b"abcdefgh"), extent);
        let mut text = String::new();
        for (to, expected) in [
            (SeekFrom::Start(0), "cde"),
            (SeekFrom::End(-1), "e"),
            (SeekFrom::Current(-2), "de"),
            (SeekFrom::Start(9), ""),
        ] {
            text.clear();
            section.seek(to).unwrap();
            section.read_to_string(&mut text).unwrap();
            assert_eq!(text, expected, "{to:?}");
        }
        assert!(section.seek(SeekFrom::Current(-99)).is_err());
        assert!(section.seek(SeekFrom::Start(u64::MAX)).is_err());
    }
}
