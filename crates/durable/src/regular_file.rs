//! Opening files at paths that users chose.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Opens a regular file for reading. Fails at once for a pipe, where a plain open would wait for a writer.
///
/// # Errors
/// The error of the operating system, or one of kind [`ErrorKind::InvalidInput`] if `path` is not a regular file.
pub fn open_regular_file(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file but a folder, pipe, socket or device"));
    }
    File::open(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_missing_files_have_different_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(open_regular_file(folder.path()).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(open_regular_file(&folder.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
