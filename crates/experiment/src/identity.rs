//! The identity of a run.

use std::fmt;

use durable::hex;
use sha2::{Digest, Sha256};

use crate::hash;

/// Hash of everything that decides the results of a run. Runs with the same identity share a folder and resume one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    digest: [u8; Self::BYTES],
}

impl Identity {
    /// Length, bytes.
    pub const BYTES: usize = 32;

    /// The identity that `inputs` give, each a name and a text.
    pub fn new<'a>(inputs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut hasher = Sha256::new();
        hash::add_parts(&mut hasher, inputs.into_iter().flat_map(|(name, text)| [name, text]));
        Self { digest: hasher.finalize().into() }
    }

    /// The identity with these bytes.
    pub fn from_bytes(digest: [u8; Self::BYTES]) -> Self {
        Self { digest }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.digest
    }

    /// Its first 12 hexadecimal digits, for the name of the folder.
    pub fn short(&self) -> String {
        hex(&self.digest[..6])
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&hex(&self.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_text_changes_it() {
        let identity = |inputs: &[(&'static str, &'static str)]| Identity::new(inputs.iter().copied());
        let one = identity(&[("corpus", "a"), ("engine", "b")]);
        assert_eq!(one, identity(&[("corpus", "a"), ("engine", "b")]));
        assert_eq!(one, Identity::from_bytes(*one.as_bytes()));
        assert!(one.to_string().len() == 64 && one.to_string().starts_with(&one.short()) && one.short().len() == 12);
        for other in [
            identity(&[("corpus", "b"), ("engine", "b")]),
            identity(&[("corpus", "a"), ("device", "b")]),
            identity(&[("corpus", "a")]),
            identity(&[("corpus", "a"), ("engine", "b"), ("files", "")]),
        ] {
            assert_ne!(one, other);
        }
    }
}
