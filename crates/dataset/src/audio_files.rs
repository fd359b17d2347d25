//! Listing the sound files of a folder.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::Error;

/// Extensions of sound files, in lower case. Formats that are not decoded are listed too, so that they are reported
/// instead of ignored.
const EXTENSIONS: [&str; 25] = [
    "3gp", "aac", "aif", "aifc", "aiff", "amr", "au", "bwf", "caf", "flac", "m4a", "mka", "mp2", "mp3", "mp4", "oga",
    "ogg", "opus", "rf64", "snd", "w64", "wav", "weba", "webm", "wma",
];

/// Every sound file below `folder`, at any depth, in path order.
///
/// Symbolic links are followed. Hidden files, pipes, sockets and links to a parent folder are skipped. A broken link is
/// listed, so that reading it reports what is wrong.
///
/// # Errors
/// [`Error::Read`] if a folder cannot be read.
pub fn audio_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let visible = |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible) {
        match entry {
            Ok(entry) if has_sound_extension(entry.path()) && entry.file_type().is_file() => {
                files.push(entry.into_path());
            }
            Ok(_) => {}
            Err(e) => match e.path().filter(|_| e.depth() > 0) {
                Some(path) if is_broken_link(path) => {
                    if has_sound_extension(path) {
                        files.push(path.into());
                    }
                }
                _ if e.loop_ancestor().is_some() => {}
                path => return Err(Error::Read { path: path.unwrap_or(folder).into(), source: e.into() }),
            },
        }
    }
    Ok(files)
}

fn has_sound_extension(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// Whether `path` is a link to nothing or to itself. A file that vanished after it was listed is not a broken link.
fn is_broken_link(path: &Path) -> bool {
    path.is_symlink() && std::fs::metadata(path).is_err()
}
