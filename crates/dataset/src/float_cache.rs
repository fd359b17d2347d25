//! Lists of float32 on disk, found by key: spectrogram images and embeddings.
//!
//! An entry is written whole to a temporary name and renamed, so that two processes that fill the same cache at once
//! only do the same work twice. A damaged entry is as good as none.

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
    /// A cache in `folder`, which is made when the first entry is written.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    /// The entry of `key` if it is there, whole and `len` numbers long.
    pub fn get(&self, key: &str, len: usize) -> Option<Vec<f32>> {
        let bytes = std::fs::read(self.path(key)).ok()?;
        let body = bytes.strip_prefix(MAGIC)?;
        let (checksum, numbers) = body.split_at_checked(CHECKSUM_BYTES)?;
        if numbers.len() != 4 * len || checksum != Self::checksum(numbers) {
            return None;
        }
        Some(numbers.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// Whether there is an entry of `key`; [`FloatCache::get`] tells whether it is whole.
    pub fn contains(&self, key: &str) -> bool {
        self.path(key).is_file()
    }

    /// Keeps `values` as the entry of `key`, a hexadecimal digest.
    ///
    /// # Errors
    /// [`Error::Io`] if the cache cannot be written.
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
        write().map_err(|source| Error::Io { path, source })
    }

    /// The first two digits are a folder of their own: file systems slow down with very many files in one.
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
    fn what_is_put_is_got_and_damage_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FloatCache::new(folder.path());
        let values = [1.0, -0.0, f32::MIN_POSITIVE];
        assert_eq!(cache.get("abcdef", 3), None);
        cache.put("abcdef", &values).unwrap();
        assert_eq!(cache.get("abcdef", 3).unwrap(), values);
        assert_eq!(cache.get("abcdef", 2), None, "another length");

        let path = cache.path("abcdef");
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for damaged in [&flipped[..], &whole[..at]] {
                std::fs::write(&path, damaged).unwrap();
                assert_eq!(cache.get("abcdef", 3), None, "byte {at}");
            }
        }
        cache.put("abcdef", &values).unwrap();
        assert_eq!(cache.get("abcdef", 3).unwrap(), values);
    }
}
