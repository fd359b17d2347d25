//! The files of a version, and its name.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of `manifest.json` and of the aliases.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Length of a SHA-256 in hexadecimal.
const DIGITS: usize = 64;

/// The name of a version: the SHA-256 of its manifest, which holds those of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Version(String);

/// The files of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format.
    pub format_version: u32,
    /// The files by their names.
    pub files: BTreeMap<String, FileInfo>,
}

/// What a manifest says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileInfo {
    /// Length, bytes.
    pub bytes: u64,
    /// SHA-256 of the content, 64 hexadecimal digits.
    pub sha256: String,
}

impl Version {
    /// The version that `text` names; `None` unless it is 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == DIGITS && text.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Version {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a version is 64 hexadecimal digits")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Manifest {
    /// The bytes of `manifest.json`, the same for the same files, and the version that they are.
    ///
    /// # Errors
    /// None that the type can cause.
    pub fn encode(&self) -> serde_json::Result<(Vec<u8>, Version)> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        let version = Version(durable::sha256_hex(&bytes));
        Ok((bytes, version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_sha_256() {
        let digits = "0123456789abcdef".repeat(4);
        assert_eq!(Version::parse(&digits).as_ref().map(Version::as_str), Some(digits.as_str()));
        for text in ["production", &digits[1..], &digits.to_uppercase(), &digits.replace('a', "g")] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_same_files_are_the_same_version_and_others_are_another() {
        let manifest = |sha256: &str| {
            let file = FileInfo { bytes: 3, sha256: sha256.into() };
            Manifest { format_version: FORMAT_VERSION, files: BTreeMap::from([("model.onnx".to_owned(), file)]) }
        };
        let version = |manifest: &Manifest| manifest.encode().ok().map(|(_, version)| version);
        assert_eq!(version(&manifest("a")), version(&manifest("a")));
        assert_ne!(version(&manifest("a")), version(&manifest("b")));
    }
}
