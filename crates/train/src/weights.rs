//! The known weight files: their register, whether they are here, and how they come here.

mod download;
#[cfg(test)]
mod loopback_tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use model::Arch;
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use download::{FetchLimits, fetch};

/// `models/weights.toml`, as it was when the program was built.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The files, in the order of the register.
    pub weights: Vec<WeightFile>,
}

/// A known weight file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightFile {
    /// What configurations and commands call it.
    pub name: String,
    /// The architecture that it holds.
    pub arch: Arch,
    /// Its file name in `models/`.
    pub file: String,
    /// Where it can be downloaded.
    pub url: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// SPDX identifier.
    pub licence: String,
    /// Who made it, and how.
    pub source: String,
}

/// Why a weight file cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The register is no register.
    #[error("models/weights.toml: {0}")]
    Register(String),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No connection, or no answer in time.
    #[error("{url}: cannot be reached: {reason}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// The server says no.
    #[error("{url}: the server answers with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// HTTP status, such as 404.
        status: u16,
    },
    /// The connection broke, and again without a byte more. What came stays for the next try.
    #[error("{url}: the connection broke after {received} of {expected} bytes; run the command again to go on")]
    Dropped {
        /// What was asked for.
        url: String,
        /// Bytes that are here.
        received: u64,
        /// Bytes of the whole file.
        expected: u64,
    },
    /// The server has a file of another length.
    #[error("{url}: the server's file is not {expected} bytes long, but {found}; it is another file")]
    Length {
        /// What was asked for.
        url: String,
        /// As announced, or as received at least.
        found: u64,
        /// As the register says.
        expected: u64,
    },
    /// The bytes are not those of the register. They are thrown away.
    #[error("{url}: what came has SHA-256 {found}, the register says {expected}; it was not kept")]
    Checksum {
        /// What was asked for.
        url: String,
        /// Of what came.
        found: String,
        /// As the register says.
        expected: String,
    },
}

/// Whether a weight file is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing of it.
    Missing,
    /// A download was cut off; fetching goes on from there.
    Partial {
        /// How much is here.
        bytes: u64,
    },
    /// Here, with the right length and SHA-256.
    Verified,
    /// Here, but not the file of the register.
    Damaged {
        /// What is different.
        reason: String,
    },
}

impl Register {
    /// The register of this build.
    ///
    /// # Errors
    /// [`WeightsError::Register`] if it is malformed.
    pub fn embedded() -> Result<Self, WeightsError> {
        toml::from_str(include_str!("../../../models/weights.toml")).map_err(|e| WeightsError::Register(e.to_string()))
    }

    /// The file that is called `name`.
    pub fn find(&self, name: &str) -> Option<&WeightFile> {
        self.weights.iter().find(|entry| entry.name == name)
    }
}

/// Compares the file in `models` with its entry.
///
/// # Errors
/// [`WeightsError::Io`] if it is there but cannot be read.
pub fn verify(entry: &WeightFile, models: &Path) -> Result<State, WeightsError> {
    let path = models.join(&entry.file);
    let length = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(match std::fs::metadata(download::part_path(entry, models)) {
                Ok(part) if part.len() > 0 => State::Partial { bytes: part.len() },
                _ => State::Missing,
            });
        }
        Err(source) => return Err(WeightsError::Io { path, source }),
    };
    if length != entry.bytes {
        return Ok(State::Damaged { reason: format!("{length} bytes long, not {}", entry.bytes) });
    }
    let found = File::open(&path).and_then(sha256).map_err(|source| WeightsError::Io { path, source })?;
    Ok(if found == entry.sha256 { State::Verified } else { State::Damaged { reason: format!("SHA-256 is {found}") } })
}

/// SHA-256 of what is left to read, in hexadecimal.
fn sha256(mut file: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(dataset::hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_register_holds_the_four_public_files() {
        let register = Register::embedded().unwrap();
        let names: Vec<&str> = register.weights.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["resnet18", "resnet18-opset18", "resnet18-v1-7", "yamnet"]);
        for entry in &register.weights {
            assert!(entry.url.starts_with("https://") && entry.url.ends_with(&entry.file));
            assert!(entry.sha256.len() == 64 && entry.bytes > 3_000_000);
        }
        assert!(register.find("resnet").is_none());
    }
}
