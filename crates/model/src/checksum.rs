//! One number for the content of tensors.

use sha2::{Digest, Sha256};

/// SHA-256 over a text and tensors, whatever file they stand in.
pub(crate) struct Checksum(Sha256);

impl Checksum {
    pub fn new(text: &str) -> Checksum {
        Checksum(Sha256::new_with_prefix(text))
    }

    /// Adds a tensor; `bytes` are its numbers, little-endian.
    pub fn add(&mut self, name: &str, shape: &[usize], bytes: &[u8]) {
        self.0.update(format!("\n{name} {shape:?}\n"));
        self.0.update(bytes);
    }

    /// In hexadecimal.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
