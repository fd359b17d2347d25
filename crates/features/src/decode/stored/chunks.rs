//! Chunks of RIFF, AIFF and CAF files: a four-letter id, the size of the body, the body.

use std::io::{Read, Seek, SeekFrom};

use super::extent::Extent;
use crate::decode::input::Input;

/// How a container writes its chunks.
pub(super) struct Form {
    /// Length of the header before the first chunk, bytes.
    pub start: u64,
    /// Bytes of a size: 4 or 8.
    pub size_bytes: usize,
    pub big_endian: bool,
    /// Whether a byte of padding follows a body of odd size.
    pub padded: bool,
}

/// A chunk, without its body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub id: [u8; 4],
    /// Offset of its body in the file, bytes.
    pub at: u64,
    /// Size of its body as the file claims, bytes.
    pub size: u64,
}

/// The chunks of a file, in order, up to the first that begins beyond the end of the file or cannot be read; the input's
/// meter keeps the reason.
pub(super) struct Chunks<'a, 'b, R> {
    input: &'a mut Input<'b, R>,
    form: Form,
    /// Where the next chunk begins; `None` if no number can say.
    next: Option<u64>,
    odd: bool,
}

impl<'a, 'b, R: Read + Seek> Chunks<'a, 'b, R> {
    pub fn new(input: &'a mut Input<'b, R>, form: Form) -> Self {
        let next = Some(form.start);
        Self { input, form, next, odd: false }
    }

    /// The first bytes of a body, at most `most`.
    pub fn body(&mut self, chunk: &Chunk, most: u64) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        self.input.seek(SeekFrom::Start(chunk.at)).ok()?;
        self.input.take(chunk.size.min(most)).read_to_end(&mut body).ok()?;
        Some(body)
    }

    /// The sound in `chunk`, which follows `before` bytes.
    pub fn extent(&mut self, chunk: &Chunk, before: u64) -> Extent {
        let (at, size) = (chunk.at.saturating_add(before), chunk.size.saturating_sub(before));
        if size == 0 && self.follow(at) {
            return Extent { at, n_bytes: 0, truncated: false };
        }
        Extent::new(at, size, self.input.length())
    }

    /// Whether the rest of the file, from `at` on, consists of whole chunks, at least one: then no sound of unknown size
    /// begins there.
    fn follow(&mut self, at: u64) -> bool {
        let mut end = at;
        for chunk in self.by_ref() {
            if !chunk.id.iter().all(|byte| matches!(byte, b' '..=b'~')) {
                return false;
            }
            end = chunk.at.saturating_add(chunk.size);
        }
        end > at && (end..=end.saturating_add(1)).contains(&self.input.length())
    }

    /// Where a chunk begins that may or may not be preceded by a byte of padding: some writers forget it.
    fn after_padding(&mut self, at: u64) -> Option<u64> {
        const KNOWN: [&[u8; 4]; 6] = [b"data", b"fmt ", b"fact", b"LIST", b"COMM", b"SSND"];
        self.input.seek(SeekFrom::Start(at)).ok()?;
        let id = read::<4>(self.input)?;
        Some(if KNOWN.contains(&&id) { at } else { at + 1 })
    }
}

impl<R: Read + Seek> Iterator for Chunks<'_, '_, R> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let mut begin = self.next.take()?;
        if self.odd {
            begin = self.after_padding(begin)?;
        }
        self.input.seek(SeekFrom::Start(begin)).ok()?;
        let id = read::<4>(self.input)?;
        let mut size = [0; 8];
        self.input.read_exact(&mut size[..self.form.size_bytes]).ok()?;
        if self.form.big_endian {
            size[..self.form.size_bytes].reverse();
        }
        let size = u64::from_le_bytes(size);
        let at = begin + 4 + self.form.size_bytes as u64;
        self.next = at.checked_add(size);
        self.odd = self.form.padded && size % 2 == 1;
        Some(Chunk { id, at, size })
    }
}

pub(super) fn read<const N: usize>(input: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// `N` bytes of `bytes` from index `at` on.
pub(super) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
