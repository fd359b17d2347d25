//! The register of known weight files.

use serde::Deserialize;

use crate::Error;

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
    /// Name in configurations and commands.
    pub name: String,
    /// Architecture, as configurations name it.
    pub arch: String,
    /// File name in `models/`.
    pub file: String,
    /// Where it can be downloaded.
    pub url: String,
    /// Length, bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// SPDX identifier.
    pub licence: String,
    /// Who made it, and how.
    pub source: String,
}

impl Register {
    /// The register of this build.
    ///
    /// # Errors
    /// [`Error::Register`] if it is malformed.
    pub fn embedded() -> Result<Self, Error> {
        Ok(toml::from_str(include_str!("../../../models/weights.toml"))?)
    }

    /// The file with this name.
    pub fn find(&self, name: &str) -> Option<&WeightFile> {
        self.weights.iter().find(|entry| entry.name == name)
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
