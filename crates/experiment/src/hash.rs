//! Unambiguous hashing of lists of texts.

use durable::sha256_hex;
use sha2::{Digest, Sha256};

/// Adds `parts` to `hasher`, each after its length, so that two different lists never give the same bytes.
pub fn add_parts<'a>(hasher: &mut Sha256, parts: impl IntoIterator<Item = &'a str>) {
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
}

/// The first 8 hexadecimal digits of the SHA-256 of `text`.
pub fn short(text: &str) -> String {
    let mut digest = sha256_hex(text.as_bytes());
    digest.truncate(8);
    digest
}
