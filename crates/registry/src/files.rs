//! The files of a model on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::manifest::{FORMAT_VERSION, FileInfo};
use crate::{Error, Manifest};

/// The files of a model on disk, by their names in a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    paths: BTreeMap<String, PathBuf>,
    manifest: Manifest,
}

impl Files {
    /// The files `names` of `folder`, which are hashed.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be read.
    pub fn of_folder(folder: &Path, names: &[String]) -> Result<Self, Error> {
        Self::new(names.iter().map(|name| (name.clone(), folder.join(name))).collect())
    }

    /// Files by their names in a version, which are hashed.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be read.
    pub fn new(paths: BTreeMap<String, PathBuf>) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        for (name, path) in &paths {
            let hashed = durable::open_regular_file(path).and_then(durable::sha256_hex_of);
            let (sha256, bytes) = hashed.map_err(|source| Error::Io { path: path.clone(), source })?;
            files.insert(name.clone(), FileInfo { bytes, sha256 });
        }
        Ok(Self { paths, manifest: Manifest { format_version: FORMAT_VERSION, files } })
    }

    /// Their names, lengths and SHA-256.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes of the file `name`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.paths.get(name).cloned().unwrap_or_default();
        std::fs::read(&path).map_err(|source| Error::Io { path, source })
    }
}
