//! Files that appear whole or not at all: every file that matters is written through here.
//!
//! With the feature `faults`, the environment variable `WAIL_ABORT_AT=n` aborts the process before the n-th step (create,
//! write, sync, rename, sync of the folder, append) and `WAIL_FAIL_AT=n` makes that step an error of the disk, so that a test
//! can meet every one of them.

mod fault;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use fault::step;

/// Writes `bytes` to a temporary file in the folder of `path`, whose name begins with a dot, syncs it, renames it to `path`
/// and syncs the folder, so that neither a reader nor a power cut ever meets half a file.
///
/// # Errors
/// Any I/O error; `path` then stays as it was.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default; this one becomes an ordinary file, so the umask
    // decides.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    step()?;
    let mut file = builder.tempfile_in(folder)?;
    step()?;
    file.write_all(bytes)?;
    step()?;
    file.as_file().sync_all()?;
    step()?;
    file.persist(path).map_err(|error| error.error)?;
    step()?;
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Writes `bytes` at the end of `file`, which is open there, and waits until they are on disk.
///
/// # Errors
/// Any I/O error; a part of the bytes may then be in the file.
pub fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    step()?;
    // In two parts, so that a test can end the process between them.
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    step()?;
    file.write_all(second)?;
    step()?;
    file.sync_data()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for bytes in [&b"first"[..], b"second"] {
            write_atomic(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_atomic(&folder.path().join("none/x"), b"").is_err());
    }

    #[test]
    fn what_is_appended_follows_what_there_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut file = File::create(&path).unwrap();
        append(&mut file, b"abc").unwrap();
        append(&mut file, b"d").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abcd");
    }
}
