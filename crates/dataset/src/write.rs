//! Files that appear whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;

/// Writes `bytes` to a temporary file beside `path`, syncs it and renames it to `path`.
///
/// # Errors
/// Any I/O error; `path` then stays as it was.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicWriteFile::open(path)?;
    file.write_all(bytes)?;
    file.commit()
}
