//! Zip archives whose entries are stored without compression, as `torch.save` writes them.
//!
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, sections 4.3.7, 4.3.12 and 4.3.16. Files here are below 4 GiB,
//! so the fields of zip64 are not needed.

use std::collections::BTreeMap;

use crate::error::Error;

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const LISTED_HEADER: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

/// Length of the record at the end without the comment that may follow, and of the longest comment.
const END_BYTES: usize = 22;
const MAX_COMMENT_BYTES: usize = u16::MAX as usize;

/// Whether `bytes` start like a zip archive with at least one entry.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(LOCAL_HEADER)
}

/// The contents of an archive's entries, by name.
///
/// # Errors
/// [`Error::Malformed`], also for an entry that does not match its CRC-32, and [`Error::Unsupported`] for a compressed entry.
pub(super) fn entries(bytes: &[u8]) -> Result<BTreeMap<&str, &[u8]>, Error> {
    let last = bytes.len().saturating_sub(END_BYTES + MAX_COMMENT_BYTES);
    let end = bytes[last..].windows(END.len()).rposition(|window| window == END).map(|at| at + last);
    let end = end.ok_or_else(|| malformed("the list of its entries is missing, so it was cut off"))?;
    let (count, mut at) = (u16_at(bytes, end + 10)?, u32_at(bytes, end + 16)?);
    let mut entries = BTreeMap::new();
    let mut total = 0;
    for _ in 0..count {
        expect(bytes, at, LISTED_HEADER)?;
        let lengths = [28, 30, 32].map(|field| u16_at(bytes, at + field));
        let [name_length, extra_length, comment_length] = lengths;
        let (name_length, others) = (name_length?, extra_length? + comment_length?);
        let name = std::str::from_utf8(slice(bytes, at + 46, name_length)?);
        let name = name.map_err(|_| malformed("the name of an entry is not UTF-8"))?;
        let (method, crc) = (u16_at(bytes, at + 10)?, u32_at(bytes, at + 16)?);
        let (packed, length) = (u32_at(bytes, at + 20)?, u32_at(bytes, at + 24)?);
        if method != 0 || packed != length {
            return Err(Error::Unsupported(format!("the entry `{name}` is compressed; torch.save stores it as it is")));
        }
        let content = content(bytes, u32_at(bytes, at + 42)?, length)?;
        // Entries that overlap would make the checksums slow.
        total += length;
        if total > bytes.len() {
            return Err(malformed("its entries overlap"));
        }
        if crc32fast::hash(content) as usize != crc {
            return Err(malformed(&format!("the entry `{name}` does not match its checksum: the file is damaged")));
        }
        entries.insert(name, content);
        at += 46 + name_length + others;
    }
    Ok(entries)
}

/// The content of the entry whose own header is at `at`.
fn content(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], Error> {
    expect(bytes, at, LOCAL_HEADER)?;
    slice(bytes, at + 30 + u16_at(bytes, at + 26)? + u16_at(bytes, at + 28)?, length)
}

fn expect(bytes: &[u8], at: usize, signature: &[u8]) -> Result<(), Error> {
    if slice(bytes, at, signature.len())? == signature {
        Ok(())
    } else {
        Err(malformed("an entry is not where it is listed"))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<usize, Error> {
    slice(bytes, at, 2).map(|number| usize::from(number[0]) | usize::from(number[1]) << 8)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize, Error> {
    Ok(u16_at(bytes, at)? | u16_at(bytes, at + 2)? << 16)
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], Error> {
    let end = at.checked_add(length);
    end.and_then(|end| bytes.get(at..end)).ok_or_else(|| malformed("an entry lies outside the file"))
}

fn malformed(problem: &str) -> Error {
    Error::Malformed(format!("not a whole zip archive: {problem}"))
}
