//! A checksum of tensor contents.

use sha2::{Digest, Sha256};

use crate::host_tensor::{TensorView, Values};

/// SHA-256 over a text and tensors, independent of the file format that holds them.
pub(crate) struct Checksum(Sha256);

impl Checksum {
    pub fn new(text: &str) -> Checksum {
        Checksum(Sha256::new_with_prefix(text))
    }

    /// Adds a tensor: name and shape, then the values as little-endian bytes.
    pub fn add(&mut self, tensor: &TensorView) {
        self.0.update(format!("\n{} {:?}\n", tensor.name, tensor.shape));
        let numbers = match &tensor.data {
            Values::F32(numbers) => numbers,
            Values::U8(bytes) => return self.0.update(bytes),
        };
        let mut bytes = [[0; 4]; 1024];
        for numbers in numbers.chunks(bytes.len()) {
            for (bytes, number) in bytes.iter_mut().zip(numbers) {
                *bytes = number.to_le_bytes();
            }
            self.0.update(bytes[..numbers.len()].as_flattened());
        }
    }

    /// The digest in hexadecimal.
    pub fn finish(self) -> String {
        durable::hex(&self.0.finalize())
    }
}
