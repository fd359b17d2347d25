//! A segment of a table: a safetensors file that other programs can read, too.
//!
//! | tensor | type and shape | what it holds |
//! | --- | --- | --- |
//! | `keys` | U8 `[n, 32]` | the key of each entry |
//! | `values` | `[n, length]`, or `[total]` if lengths differ | the numbers of all entries, one after the other |
//! | `ends` | U64 `[n]` | where the numbers of each entry end in `values` |
//! | `checksums` | U8 `[n, 16]` | the first bytes of SHA-256 over key and numbers of each entry |
//!
//! The metadata `wail` is the kind of the table, as text. A key or a number that is damaged fails its checksum, and so does
//! an entry whose end is damaged.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use durable::hex;
use safetensors::tensor::{Metadata, TensorView};
use safetensors::{Dtype, SafeTensorError};
use sha2::{Digest, Sha256};

use super::key::Key;

type Checksum = [u8; 16];

/// Name of the metadata with the kind.
const KIND: &str = "wail";
/// Bytes before the header that hold its length.
const LENGTH_BYTES: u64 = 8;
/// Largest header that is read; those of segments have a few hundred bytes and the kind.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// A segment's entries; their numbers stay on disk.
pub(super) struct Segment {
    pub path: PathBuf,
    /// Key of each entry.
    pub keys: Vec<Key>,
    /// End of each entry in the file, bytes; the first starts at `start`.
    ends: Vec<u64>,
    start: u64,
    checksums: Vec<Checksum>,
}

impl Segment {
    /// Reads all but the numbers; `None` if the file cannot be read, is damaged, or belongs to another table.
    pub fn open(path: &Path, kind: &str, dtype: Dtype) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let mut header_bytes = [0; LENGTH_BYTES as usize];
        file.read_exact(&mut header_bytes).ok()?;
        let header_bytes = Some(u64::from_le_bytes(header_bytes)).filter(|bytes| *bytes <= MAX_HEADER_BYTES)?;
        let mut header = vec![0; header_bytes as usize];
        file.read_exact(&mut header).ok()?;
        let header: Metadata = serde_json::from_slice(&header).ok()?;
        if header.metadata().as_ref()?.get(KIND)? != kind || header.info("values")?.dtype != dtype {
            return None;
        }
        let after_header = LENGTH_BYTES + header_bytes;
        let place = |name: &str| {
            let (from, to) = header.info(name)?.data_offsets;
            let [from, to] = [after_header.checked_add(from as u64)?, after_header.checked_add(to as u64)?];
            (to <= length).then_some((from, to))
        };
        let mut read = |name: &str| {
            let (from, to) = place(name)?;
            bytes_at(&mut file, from, to).ok()
        };
        let (keys, ends, checksums) = (read("keys")?, read("ends")?, read("checksums")?);
        let (start, values_end) = place("values")?;
        let size = dtype.bitsize() as u64 / 8;
        let end = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes).checked_mul(size)?.checked_add(start);
        let ends = ends.as_chunks().0.iter().map(end).collect::<Option<Vec<u64>>>()?;
        let keys = keys.as_chunks().0.to_vec();
        let checksums = checksums.as_chunks().0.to_vec();
        let fits = keys.len() == ends.len() && ends.len() == checksums.len();
        (fits && ends.last().is_none_or(|end| *end == values_end)).then(|| Self {
            path: path.into(),
            keys,
            ends,
            start,
            checksums,
        })
    }

    /// Place of the entry of `key`.
    pub fn slot_of(&self, key: &Key) -> Option<usize> {
        self.keys.iter().position(|other| other == key)
    }

    /// The bytes of an entry's numbers, from the open `file`; `None` if they are damaged.
    pub fn read(&self, file: &mut File, slot: usize) -> Option<Vec<u8>> {
        let from = if slot == 0 { self.start } else { *self.ends.get(slot - 1)? };
        let to = *self.ends.get(slot)?;
        let in_values = from >= self.start && from <= to && to <= *self.ends.last()?;
        let bytes = in_values.then(|| bytes_at(file, from, to))?.ok()?;
        (checksum(self.keys.get(slot)?, &bytes) == *self.checksums.get(slot)?).then_some(bytes)
    }
}

/// The entries of a segment that is not written yet.
#[derive(Default)]
pub(super) struct Draft {
    /// Key and bytes of each entry.
    entries: Vec<(Key, Vec<u8>)>,
    /// Index of each entry by its key.
    index: HashMap<Key, usize>,
    n_bytes: usize,
}

impl Draft {
    /// Adds an entry unless it has one with this key.
    pub fn add(&mut self, key: &Key, bytes: Vec<u8>) {
        if !self.index.contains_key(key) {
            self.index.insert(*key, self.entries.len());
            self.n_bytes += bytes.len();
            self.entries.push((*key, bytes));
        }
    }

    /// The bytes of an entry.
    pub fn get(&self, key: &Key) -> Option<&[u8]> {
        self.entries.get(*self.index.get(key)?).map(|(_, bytes)| bytes.as_slice())
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all numbers.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Name of the segment: a digest of what it holds.
    pub fn name(&self) -> String {
        let mut hasher = Sha256::new();
        for (key, bytes) in &self.entries {
            hasher.update(key);
            hasher.update(checksum(key, bytes));
        }
        hex(&hasher.finalize()[..16])
    }

    /// The bytes of the segment. `size` is the length of a `dtype`, bytes.
    ///
    /// # Errors
    /// The error of the format's crate, which no entry can cause.
    pub fn into_bytes(self, kind: &str, dtype: Dtype, size: usize) -> io::Result<Vec<u8>> {
        let keys: Vec<Key> = self.entries.iter().map(|(key, _)| *key).collect();
        let checksums: Vec<Checksum> = self.entries.iter().map(|(key, bytes)| checksum(key, bytes)).collect();
        let mut end = 0;
        let ends: Vec<u64> = (self.entries.iter())
            .map(|(_, bytes)| {
                end += (bytes.len() / size) as u64;
                end
            })
            .collect();
        let n = keys.len();
        let shape = match self.entries.first().map(|(_, bytes)| bytes.len()) {
            Some(length) if self.entries.iter().all(|(_, bytes)| bytes.len() == length) => vec![n, length / size],
            _ => vec![end as usize],
        };
        let mut values = Vec::with_capacity(self.n_bytes);
        self.entries.into_iter().for_each(|(_, bytes)| values.extend(bytes));
        let on_disk: Vec<u8> = ends.iter().flat_map(|end| end.to_le_bytes()).collect();
        let tensors = [
            ("keys", Dtype::U8, vec![n, 32], keys.as_flattened()),
            ("ends", Dtype::U64, vec![n], on_disk.as_slice()),
            ("checksums", Dtype::U8, vec![n, 16], checksums.as_flattened()),
            ("values", dtype, shape, values.as_slice()),
        ];
        let views =
            tensors.into_iter().map(|(name, dtype, shape, data)| Ok((name, TensorView::new(dtype, shape, data)?)));
        let views = views.collect::<Result<Vec<_>, SafeTensorError>>().map_err(io::Error::other)?;
        let metadata = HashMap::from([(KIND.to_owned(), kind.to_owned())]);
        safetensors::serialize(views, Some(metadata)).map_err(io::Error::other)
    }
}

fn checksum(key: &Key, values: &[u8]) -> Checksum {
    let digest = Sha256::new_with_prefix(key).chain_update(values).finalize();
    std::array::from_fn(|index| digest[index])
}

fn bytes_at(file: &mut File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = vec![0; to.saturating_sub(from) as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
