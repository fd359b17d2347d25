//! The digests of files that have not changed since they were read, so that a corpus is hashed once.
//!
//! As in git's index, a file counts as unchanged while its size, inode, time of modification and time of change are those
//! that it had when it was read. A program that writes to a file changes the latter two; it can set the time of modification
//! back, but not that of change. What is not noticed is damage below the file system.
//!
//! A file that was modified just before it was read could be modified again within the same tick of the clock, so its digest
//! is not kept (git calls such an entry racily clean): the next process reads it again.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use durable::{open_regular_file, sha256_hex, sha256_hex_of, write_atomic};

use crate::Error;

/// First word of the file; changes with its format.
const FORMAT: &str = "wail-files-1";
/// Longest tick of a file system that keeps parts of a second.
const TICK: Duration = Duration::from_millis(100);
/// Longest tick of a file system that keeps whole or even seconds only.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// The digests of the files below one folder.
pub(crate) struct KnownFiles {
    path: PathBuf,
    before: HashMap<String, Known>,
    now: Mutex<Vec<(String, Known)>>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    state: State,
    sha256: String,
}

/// What changes with the contents of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    bytes: u64,
    inode: u64,
    /// Time of modification, ns since 1970.
    modified_ns: u128,
    /// Time of change, ns since 1970.
    changed_ns: u128,
}

impl KnownFiles {
    /// The known files below `root`, from the folder `files` of `cache`. A damaged list counts as empty.
    pub fn open(cache: &Path, root: &Path) -> Self {
        let name = std::fs::canonicalize(root).unwrap_or_else(|_| root.into());
        let path = cache.join("files").join(&sha256_hex(name.as_os_str().as_encoded_bytes())[..16]);
        let before = std::fs::read(&path).ok().and_then(|bytes| parse(&bytes)).unwrap_or_default();
        Self { path, before, now: Mutex::default() }
    }

    /// SHA-256 and length of the file at `path`, whose path below the root is `name`. It is read only if it may have changed.
    pub fn digest(&self, path: &Path, name: &str) -> io::Result<(String, u64)> {
        let keep = |known: Known| {
            let digest = (known.sha256.clone(), known.state.bytes);
            self.now.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), known));
            digest
        };
        let is_regular = |metadata: &Metadata| metadata.is_file();
        let found = std::fs::metadata(path).ok().filter(is_regular).as_ref().and_then(State::of);
        if let Some(known) = self.before.get(name)
            && Some(known.state) == found
        {
            return Ok(keep(known.clone()));
        }
        let file = open_regular_file(path)?;
        let begun = SystemTime::now();
        let state = State::of(&file.metadata()?);
        let (sha256, bytes) = sha256_hex_of(&file)?;
        match state.filter(|state| state.bytes == bytes && state.is_settled(begun)) {
            Some(state) if State::of(&file.metadata()?) == Some(state) => Ok(keep(Known { state, sha256 })),
            _ => Ok((sha256, bytes)),
        }
    }

    /// Writes the list if it changed.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(self) -> Result<(), Error> {
        let mut now = self.now.into_inner().unwrap_or_else(PoisonError::into_inner);
        if now.len() == self.before.len() && now.iter().all(|(name, known)| self.before.get(name) == Some(known)) {
            return Ok(());
        }
        now.sort_by(|a, b| a.0.cmp(&b.0));
        let write = || -> io::Result<()> {
            if let Some(folder) = self.path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            write_atomic(&self.path, text(&now).as_bytes())
        };
        write().map_err(Error::write(&self.path))
    }
}

impl State {
    /// `None` if a time is before 1970 or unknown.
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let ns = |seconds: i64, ns: i64| Some(u128::try_from(seconds).ok()? * 1_000_000_000 + u128::try_from(ns).ok()?);
        Some(Self {
            bytes: metadata.len(),
            inode: metadata.ino(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec())?,
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec())?,
        })
    }

    /// `None` if a time is before 1970 or unknown.
    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Option<Self> {
        let ns = |time: io::Result<SystemTime>| Some(time.ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos());
        let (modified_ns, changed_ns) = (ns(metadata.modified())?, ns(metadata.created())?);
        Some(Self { bytes: metadata.len(), inode: 0, modified_ns, changed_ns })
    }

    /// Whether a change from `now` on gives the file other times.
    fn is_settled(self, now: SystemTime) -> bool {
        let now_ns = now.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        [self.modified_ns, self.changed_ns].iter().all(|time| {
            let tick = if time % 1_000_000_000 == 0 { COARSE_TICK } else { TICK };
            time + tick.as_nanos() < now_ns
        })
    }
}

/// Format and digest of the rest, then a record for each file; all end with a zero byte.
fn text(files: &[(String, Known)]) -> String {
    let record = |(name, Known { state, sha256 }): &(String, Known)| {
        let State { bytes, inode, modified_ns, changed_ns } = state;
        format!("{sha256} {bytes} {inode} {modified_ns} {changed_ns} {name}\0")
    };
    let records: String = files.iter().map(record).collect();
    format!("{FORMAT} {}\0{records}", sha256_hex(records.as_bytes()))
}

fn parse(bytes: &[u8]) -> Option<HashMap<String, Known>> {
    let (head, records) = std::str::from_utf8(bytes).ok()?.split_once('\0')?;
    if head.split_once(' ')? != (FORMAT, &sha256_hex(records.as_bytes())) {
        return None;
    }
    let record = |text: &str| {
        let mut fields = text.splitn(6, ' ');
        let sha256 = fields.next()?.to_owned();
        let state = State {
            bytes: fields.next()?.parse().ok()?,
            inode: fields.next()?.parse().ok()?,
            modified_ns: fields.next()?.parse().ok()?,
            changed_ns: fields.next()?.parse().ok()?,
        };
        Some((fields.next()?.to_owned(), Known { state, sha256 }))
    };
    records.split_terminator('\0').map(record).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A folder with a file `a` from long ago, and a folder for the list.
    fn with_old_file(content: &str) -> (TempDir, TempDir) {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        std::fs::write(folders[0].path().join("a"), content).unwrap();
        wait();
        folders.into()
    }

    /// Until a file that was written before is settled.
    fn wait() {
        std::thread::sleep(TICK + TICK / 2);
    }

    fn digest(cache: &TempDir, root: &TempDir, name: &str) -> String {
        let known = KnownFiles::open(cache.path(), root.path());
        let digest = known.digest(&root.path().join(name), name).map_or(String::new(), |(sha256, _)| sha256);
        known.save().unwrap();
        digest
    }

    fn n_known(cache: &TempDir, root: &TempDir) -> usize {
        KnownFiles::open(cache.path(), root.path()).before.len()
    }

    #[test]
    fn an_unchanged_file_is_not_read_again() {
        let (root, cache) = with_old_file("old");
        assert_eq!(digest(&cache, &root, "a"), sha256_hex(b"old"));
        let list = KnownFiles::open(cache.path(), root.path()).path;
        let text = std::fs::read_to_string(&list).unwrap();
        let forged = text.replace(&sha256_hex(b"old"), &sha256_hex(b"forged"));
        let (_, records) = forged.split_once('\0').unwrap();
        std::fs::write(&list, format!("{FORMAT} {}\0{records}", sha256_hex(records.as_bytes()))).unwrap();
        assert_eq!(digest(&cache, &root, "a"), sha256_hex(b"forged"), "the list answers, not the file");
        for damaged in [&forged[..], &text[..text.len() - 1], ""] {
            std::fs::write(&list, damaged).unwrap();
            assert_eq!(digest(&cache, &root, "a"), sha256_hex(b"old"), "a damaged list");
        }
    }

    /// Each change keeps the length; those of the first and the last one keep the time of modification as well.
    #[test]
    fn a_changed_file_is_read_again() {
        let (root, cache) = with_old_file("old");
        let path = root.path().join("a");
        digest(&cache, &root, "a");
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let set_back = || std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        std::fs::write(&path, "new").unwrap();
        set_back();
        assert_eq!(digest(&cache, &root, "a"), sha256_hex(b"new"), "written in place");
        wait();
        digest(&cache, &root, "a");
        std::fs::write(root.path().join("b"), "old").unwrap();
        std::fs::rename(root.path().join("b"), &path).unwrap();
        set_back();
        assert_eq!(digest(&cache, &root, "a"), sha256_hex(b"old"), "replaced");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(digest(&cache, &root, "a"), "", "removed");
        assert_eq!(n_known(&cache, &root), 0);
    }

    #[test]
    fn a_file_that_was_just_written_is_read_again() {
        let (root, cache) = with_old_file("old");
        std::fs::write(root.path().join("a"), "new").unwrap();
        assert_eq!(digest(&cache, &root, "a"), sha256_hex(b"new"));
        assert_eq!(n_known(&cache, &root), 0);
        wait();
        digest(&cache, &root, "a");
        assert_eq!(n_known(&cache, &root), 1);
        let ns = |ns: u64| UNIX_EPOCH + Duration::from_nanos(ns);
        let settled =
            |changed_ns: u128, now: u64| State { bytes: 1, inode: 1, modified_ns: 5, changed_ns }.is_settled(ns(now));
        assert!(settled(9_000_000_007, 9_100_000_008) && !settled(9_000_000_007, 9_100_000_007));
        assert!(settled(9_000_000_000, 11_000_000_001) && !settled(9_000_000_000, 11_000_000_000), "whole seconds");
    }

    #[test]
    fn names_with_spaces_and_line_breaks_are_kept() {
        let (root, cache) = with_old_file("old");
        let name = "a b\n c ";
        std::fs::write(root.path().join(name), "1").unwrap();
        wait();
        digest(&cache, &root, name);
        assert!(KnownFiles::open(cache.path(), root.path()).before.contains_key(name));
    }
}
