//! Texts in a hash.

use sha2::{Digest, Sha256};

/// Adds `parts` to what is hashed, each after its length, so that no two lists of parts are the same bytes.
pub fn add<'a>(hasher: &mut Sha256, parts: impl IntoIterator<Item = &'a str>) {
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
}
