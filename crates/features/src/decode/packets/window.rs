//! A look ahead into a reader.

use std::io::{self, Read, Seek};

/// A reader whose next bytes can be looked at before they are skipped.
pub(super) struct Window<R> {
    inner: R,
    /// Bytes that were read; those before `at` are skipped.
    buffer: Vec<u8>,
    at: usize,
}

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 14;

impl<R: Read + Seek> Window<R> {
    /// At the cursor of `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, buffer: Vec::new(), at: 0 }
    }

    /// The next `n` bytes, fewer at the end of the file.
    pub fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.at < n {
            self.buffer.drain(..self.at);
            self.at = 0;
            self.inner.by_ref().take(n.max(CHUNK_BYTES) as u64).read_to_end(&mut self.buffer)?;
        }
        Ok(&self.buffer[self.at..self.buffer.len().min(self.at + n)])
    }

    /// Skips `n` bytes, also beyond the end.
    pub fn skip(&mut self, n: u64) -> io::Result<()> {
        let buffered = (self.buffer.len() - self.at) as u64;
        if n <= buffered {
            self.at += n as usize;
            return Ok(());
        }
        self.at = self.buffer.len();
        let beyond = i64::try_from(n - buffered).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        self.inner.seek_relative(beyond)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn skipped_bytes_are_not_seen_again_and_peeked_ones_are() {
        let bytes: Vec<u8> = (0..60_000_u32).map(|i| (i / 256) as u8).collect();
        let mut window = Window::new(Cursor::new(&bytes));
        assert_eq!(window.peek(3).unwrap(), &bytes[..3]);
        window.skip(2).unwrap();
        assert_eq!(window.peek(20_000).unwrap(), &bytes[2..20_002]);
        window.skip(40_000).unwrap();
        assert_eq!(window.peek(30_000).unwrap(), &bytes[40_002..]);
        window.skip(100_000).unwrap();
        assert_eq!(window.peek(1).unwrap(), b"");
    }
}
