//! One number for the content of tensors.

use sha2::{Digest, Sha256};

use crate::host_tensor::TensorView;

/// SHA-256 over a text and tensors, whatever file they stand in.
pub(crate) struct Checksum(Sha256);

impl Checksum {
    pub fn new(text: &str) -> Checksum {
        Checksum(Sha256::new_with_prefix(text))
    }

    /// Adds a tensor: its name and shape, then its numbers, little-endian.
    pub fn add(&mut self, tensor: &TensorView) {
        self.0.update(format!("\n{} {:?}\n", tensor.name, tensor.shape));
        let mut bytes = [[0; 4]; 1024];
        for numbers in tensor.data.chunks(bytes.len()) {
            for (bytes, number) in bytes.iter_mut().zip(numbers) {
                *bytes = number.to_le_bytes();
            }
            self.0.update(bytes[..numbers.len()].as_flattened());
        }
    }

    /// In hexadecimal.
    pub fn finish(self) -> String {
        durable::hex(&self.0.finalize())
    }
}
