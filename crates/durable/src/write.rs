//! Writes that survive a crash: whole files in one step, and appended records.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::fault::step;

/// Writes `bytes` to `path` in one step: a reader sees the old file or the new one, even after a power cut.
///
/// The bytes go to a temporary file next to `path`, whose name begins with a dot. It is synced and renamed to `path`, then
/// the folder is synced.
///
/// # Errors
/// Any I/O error. `path` is then unchanged, unless only the last step failed, the sync of the folder.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// As [`write_atomic`], but `write` writes the contents.
///
/// # Errors
/// Any I/O error, as [`write_atomic`], and those of `write`.
pub fn write_atomic_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    step()?;
    let mut file = temporary_beside(path)?;
    step()?;
    write(file.as_file_mut())?;
    step()?;
    file.as_file().sync_all()?;
    step()?;
    file.persist(path).map_err(|error| error.error)?;
    step()?;
    if cfg!(unix) {
        File::open(folder_of(path))?.sync_all()?;
    }
    Ok(())
}

/// A new file in the folder of `path`, which becomes `path` when it is persisted, and is removed otherwise.
pub(crate) fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default; this one becomes an ordinary file, so the umask decides.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Appends `bytes` to `file`, whose cursor is at its end, and waits until they are on disk.
///
/// # Errors
/// Any I/O error; the file may then hold a part of the bytes.
pub fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    step()?;
    // In two parts, so that a test can abort the process between them.
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
    fn a_file_is_replaced_and_no_temporary_file_remains() {
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
    fn appended_bytes_follow_the_existing_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut file = File::create(&path).unwrap();
        append(&mut file, b"abc").unwrap();
        append(&mut file, b"d").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abcd");
    }
}
