//! A folder of the file system as a store.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::address::check_name;
use super::error::StoreError;
use super::object::{Condition, Entry, MAX_OBJECT_BYTES, Object, Store, Tag};
use crate::digest::{sha256_hex, sha256_hex_of};
use crate::lock::LockedFile;
use crate::regular_file::open_regular_file;
use crate::write::write_atomic;

/// Writers of the folder take turns by this file.
const LOCK_FILE: &str = ".lock";

/// A folder; it need not exist.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        check_name(name)?;
        Ok(self.root.join(name))
    }

    fn entry(&self, found: &DirEntry) -> Option<Result<Entry, StoreError>> {
        let path = found.path();
        let name = path.strip_prefix(&self.root).ok()?.to_str()?.to_owned();
        let read = open_regular_file(path).and_then(sha256_hex_of).map_err(failed(path));
        Some(read.map(|(sha256, n_bytes)| Entry { name, n_bytes, tag: tag(sha256) }))
    }
}

impl Store for Folder {
    fn get(&self, name: &str) -> Result<Option<Object>, StoreError> {
        let path = self.path(name)?;
        let file = match open_regular_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed(&path))?,
        };
        let bytes = read(file, name, &path)?;
        let tag = tag(sha256_hex(&bytes));
        Ok(Some(Object { bytes, tag }))
    }

    fn put(&self, name: &str, bytes: &[u8], condition: &Condition) -> Result<bool, StoreError> {
        let path = self.path(name)?;
        let parent = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(parent).map_err(failed(parent))?;
        let lock = self.root.join(LOCK_FILE);
        let held = LockedFile::wait_for(&lock).map_err(failed(&lock))?;
        let found = match open_regular_file(&path).and_then(sha256_hex_of) {
            Ok((sha256, _)) => Some(tag(sha256)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&path)(error)),
        };
        let holds = match condition {
            Condition::Absent => found.is_none(),
            Condition::Unchanged(tag) => found.as_ref() == Some(tag),
        };
        if holds {
            held.check().map_err(failed(&lock))?;
            write_atomic(&path, bytes).map_err(failed(&path))?;
        }
        Ok(holds)
    }

    fn list(&self, below: &str) -> Result<Vec<Entry>, StoreError> {
        let root = if below.is_empty() { self.root.clone() } else { self.path(below)? };
        let is_shown = |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
        let mut entries = Vec::new();
        for found in WalkDir::new(&root).sort_by_file_name().into_iter().filter_entry(is_shown) {
            match found {
                Ok(found) if found.file_type().is_file() => entries.extend(self.entry(&found).transpose()?),
                Ok(_) => {}
                Err(error) if error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound) => {}
                Err(error) => return Err(failed(&root)(error.into())),
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

/// The bytes of the file at `path`, which is open.
fn read(file: File, name: &str, path: &Path) -> Result<Vec<u8>, StoreError> {
    let n_bytes = file.metadata().map_err(failed(path))?.len();
    if n_bytes > MAX_OBJECT_BYTES {
        return Err(StoreError::Limit { name: name.into(), n_bytes, most: MAX_OBJECT_BYTES });
    }
    let mut bytes = Vec::new();
    file.take(MAX_OBJECT_BYTES).read_to_end(&mut bytes).map_err(failed(path))?;
    Ok(bytes)
}

/// Wraps an I/O error of `path`, for `map_err`.
fn failed(path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Io { path: path.into(), source }
}

fn tag(sha256: String) -> Tag {
    Tag { e_tag: Some(sha256), version: None }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Folder) {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path().join("models"));
        (folder, store)
    }

    #[test]
    fn an_object_is_written_only_under_its_condition() {
        let (_folder, store) = store();
        assert_eq!(store.get("a/x").unwrap(), None);
        assert!(store.put("a/x", b"one", &Condition::Absent).unwrap());
        assert!(!store.put("a/x", b"two", &Condition::Absent).unwrap());
        let first = store.get("a/x").unwrap().unwrap();
        assert_eq!(first.bytes, b"one");
        assert!(store.put("a/x", b"two", &Condition::Unchanged(first.tag.clone())).unwrap());
        assert!(!store.put("a/x", b"three", &Condition::Unchanged(first.tag.clone())).unwrap());
        assert!(!store.put("b", b"", &Condition::Unchanged(first.tag)).unwrap());
        assert_eq!(store.get("a/x").unwrap().unwrap().bytes, b"two");
    }

    #[test]
    fn of_many_writers_at_once_one_writes() {
        let (_folder, store) = store();
        let written = std::thread::scope(|scope| {
            let write = |i: u8| {
                scope.spawn({
                    let store = &store;
                    move || store.put("x", &[i], &Condition::Absent).unwrap()
                })
            };
            let writers: Vec<_> = (0..8).map(write).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).filter(|written| *written).count()
        });
        assert_eq!(written, 1);
    }

    #[test]
    fn a_list_has_names_lengths_and_tags_and_no_hidden_files() {
        let (_folder, store) = store();
        assert_eq!(store.list("").unwrap(), []);
        for (name, bytes) in [("b", &b"22"[..]), ("a/x", b"1"), ("a/.hidden", b"")] {
            assert!(store.put(name, bytes, &Condition::Absent).unwrap());
        }
        let named = |below: &str| -> Vec<(String, u64)> {
            store.list(below).unwrap().into_iter().map(|entry| (entry.name, entry.n_bytes)).collect()
        };
        assert_eq!(named(""), [("a/x".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(named("a"), [("a/x".to_owned(), 1)]);
        assert_eq!(named("c"), []);
        assert_eq!(store.list("b").unwrap()[0].tag, store.get("b").unwrap().unwrap().tag);
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        let (_folder, store) = store();
        assert!(matches!(store.get("../x"), Err(StoreError::Name { .. })));
        assert!(matches!(store.put("../x", b"", &Condition::Absent), Err(StoreError::Name { .. })));
        assert!(matches!(store.list(".."), Err(StoreError::Name { .. })));
    }
}
