//! A cache of float32 lists on disk, such as spectrogram images and embeddings.
//!
//! Entries are written atomically, so two processes that fill the same cache at once only do the same work twice. A
//! damaged entry counts as missing.

use std::io;
use std::path::{Path, PathBuf};

use durable::write_atomic;
use sha2::{Digest, Sha256};

use crate::Error;

const MAGIC: &[u8; 8] = b"wailf32\x01";
const CHECKSUM_BYTES: usize = 16;

/// A folder of float32 lists. Safe to delete at any time.
#[derive(Debug, Clone)]
pub struct FloatCache {
    folder: PathBuf,
}

impl FloatCache {
    /// A cache in `folder`, which is created with the first entry.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    /// The entry of `key`, `[len]`; `None` if it is missing, damaged or of another length.
    pub fn get(&self, key: &str, len: usize) -> Option<Vec<f32>> {
        let bytes = std::fs::read(self.path(key)).ok()?;
        let body = bytes.strip_prefix(MAGIC)?;
        let (checksum, numbers) = body.split_at_checked(CHECKSUM_BYTES)?;
        if numbers.len() != 4 * len || checksum != Self::checksum(numbers) {
            return None;
        }
        Some(numbers.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// Whether an entry of `key` exists. Only [`FloatCache::get`] checks that it is intact.
    pub fn contains(&self, key: &str) -> bool {
        self.path(key).is_file()
    }

    /// Stores `values` as the entry of `key`, a hexadecimal digest.
    ///
    /// # Errors
    /// [`Error::Write`] if the cache cannot be written.
    pub fn put(&self, key: &str, values: &[f32]) -> Result<(), Error> {
        let path = self.path(key);
        let numbers: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let bytes = [MAGIC, Self::checksum(&numbers).as_slice(), &numbers].concat();
        let write = || -> io::Result<()> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            write_atomic(&path, &bytes)
        };
        write().map_err(Error::write(&path))
    }

    /// The first two digits are a folder, since file systems slow down with very many files in one folder.
    fn path(&self, key: &str) -> PathBuf {
        let (first, rest) = key.split_at_checked(2).unwrap_or((key, "_"));
        self.folder.join(first).join(rest)
    }

    fn checksum(numbers: &[u8]) -> Vec<u8> {
        Sha256::digest(numbers)[..CHECKSUM_BYTES].to_vec()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_back_and_damaged_ones_are_missing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FloatCache::new(folder.path());
        let values = [1.0, -0.0, f32::MIN_POSITIVE];
        assert_eq!(cache.get("abcdef", 3), None);
        cache.put("abcdef", &values).unwrap();
        assert_eq!(cache.get("abcdef", 3).unwrap(), values);
        assert_eq!(cache.get("abcdef", 2), None, "another length");

        let path = cache.path("abcdef");
        let intact = std::fs::read(&path).unwrap();
        for at in 0..intact.len() {
            let mut flipped = intact.clone();
            flipped[at] ^= 1;
            for damaged in [&flipped[..], &intact[..at]] {
                std::fs::write(&path, damaged).unwrap();
                assert_eq!(cache.get("abcdef", 3), None, "byte {at}");
            }
        }
        cache.put("abcdef", &values).unwrap();
        assert_eq!(cache.get("abcdef", 3).unwrap(), values);
    }
}
