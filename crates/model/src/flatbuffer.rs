//! A FlatBuffers reader for untrusted input: every offset is checked where it is followed, and none is followed twice.
//!
//! <https://flatbuffers.dev/internals/>. The `flatbuffers` crate reads through generated code with `unsafe` in it, which this
//! workspace forbids.

use crate::error::Error;

/// A table: numbered fields, each of which may be absent.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Two bytes per field: its offset from `at`, or 0 if the field is absent.
    fields: &'a [[u8; 2]],
}

impl<'a> Table<'a> {
    /// The root table of a file.
    pub fn root(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::at(bytes, follow(bytes, 0)?)
    }

    /// A table starts with the distance back to its vtable. The vtable starts with its own length and the table's, followed
    /// by the field offsets.
    fn at(bytes: &'a [u8], at: usize) -> Result<Self, Error> {
        let back = i32::from_le_bytes(number(bytes, at)?);
        let list = i64::try_from(at).ok().map(|at| at - i64::from(back));
        let list = list.and_then(|list| usize::try_from(list).ok()).ok_or_else(|| outside(at))?;
        let length = usize::from(u16::from_le_bytes(number(bytes, list)?));
        let (list, _) = slice(bytes, list, length)?.as_chunks();
        Ok(Self { bytes, at, fields: list.get(2..).unwrap_or_default() })
    }

    /// Position of field `id` in the file.
    fn place(&self, id: usize) -> Option<usize> {
        let offset = u16::from_le_bytes(*self.fields.get(id)?);
        (offset != 0).then(|| self.at + usize::from(offset))
    }

    /// A one-byte number; `default` if it is absent.
    pub fn byte(&self, id: usize, default: i8) -> Result<i8, Error> {
        self.place(id).map_or(Ok(default), |at| Ok(i8::from_le_bytes(number(self.bytes, at)?)))
    }

    /// A four-byte number.
    pub fn int(&self, id: usize, default: i32) -> Result<i32, Error> {
        self.place(id).map_or(Ok(default), |at| Ok(i32::from_le_bytes(number(self.bytes, at)?)))
    }

    /// A nested table.
    pub fn table(&self, id: usize) -> Result<Option<Self>, Error> {
        self.place(id).map(|at| Self::at(self.bytes, follow(self.bytes, at)?)).transpose()
    }

    /// A list of tables; empty if it is absent.
    pub fn tables(&self, id: usize) -> Result<Tables<'a>, Error> {
        let Some(at) = self.place(id) else { return Ok(Tables { bytes: self.bytes, start: 0, offsets: &[] }) };
        let start = follow(self.bytes, at)?;
        let (offsets, _) = list(self.bytes, start, 4)?.as_chunks();
        Ok(Tables { bytes: self.bytes, start: start + 4, offsets })
    }

    /// A list of bytes, or the bytes of numbers that take `size` bytes each; empty if it is absent.
    pub fn bytes(&self, id: usize, size: usize) -> Result<&'a [u8], Error> {
        self.place(id).map_or(Ok(&[]), |at| list(self.bytes, follow(self.bytes, at)?, size))
    }

    /// A list of 32-bit integers, little-endian.
    pub fn ints(&self, id: usize) -> Result<&'a [[u8; 4]], Error> {
        Ok(self.bytes(id, 4)?.as_chunks().0)
    }
}

/// A list of tables.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'a> {
    bytes: &'a [u8],
    start: usize,
    offsets: &'a [[u8; 4]],
}

impl<'a> Tables<'a> {
    /// Number of tables.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The table at `index`; `None` if the list is shorter.
    pub fn get(&self, index: usize) -> Option<Result<Table<'a>, Error>> {
        let at = self.start + 4 * self.offsets.get(index).map(|_| index)?;
        Some(follow(self.bytes, at).and_then(|at| Table::at(self.bytes, at)))
    }
}

/// Target of the offset at `at`.
fn follow(bytes: &[u8], at: usize) -> Result<usize, Error> {
    let offset = u32::from_le_bytes(number(bytes, at)?);
    usize::try_from(offset).ok().and_then(|offset| at.checked_add(offset)).ok_or_else(|| outside(at))
}

/// Bytes of a length-prefixed list whose items take `size` bytes each.
fn list(bytes: &[u8], at: usize, size: usize) -> Result<&[u8], Error> {
    let length = usize::try_from(u32::from_le_bytes(number(bytes, at)?)).map_err(|_| outside(at))?;
    slice(bytes, at + 4, length.checked_mul(size).ok_or_else(|| outside(at))?)
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Error> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or_else(|| outside(at))
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], Error> {
    bytes.get(at..).and_then(|rest| rest.get(..length)).ok_or_else(|| outside(at))
}

fn outside(at: usize) -> Error {
    Error::Malformed(format!("not a FlatBuffer: the value at byte {at} leads out of the file"))
}
