//! Listing the sound files of a folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::Error;
use crate::folder::{CORPUS_MARKER, NIGHTS_MARKER, SOUNDS_MARKER};
use crate::passed_over::PassedOver;

/// Extensions of sound files, in lower case. Formats that are not decoded are listed too, so that they are reported
/// instead of ignored.
const EXTENSIONS: [&str; 25] = [
    "3gp", "aac", "aif", "aifc", "aiff", "amr", "au", "bwf", "caf", "flac", "m4a", "mka", "mp2", "mp3", "mp4", "oga",
    "ogg", "opus", "rf64", "snd", "w64", "wav", "weba", "webm", "wma",
];

/// Folders that operating systems and storage devices add to those of their users, in lower case.
const SYSTEM_FOLDERS: [&str; 8] =
    ["__macosx", "@eadir", "@tmp", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found"];

/// What is below a folder.
#[derive(Default)]
pub(crate) struct Listing {
    /// The sound files, in path order.
    pub sounds: Vec<PathBuf>,
    /// The other folders that are neither hidden nor a system's, in path order.
    pub folders: Vec<PathBuf>,
    /// Everything else.
    pub passed_over: PassedOver,
}

/// Every sound file below `folder`, at any depth, in path order.
///
/// Symbolic links are followed. Hidden files and folders, folders of operating systems, pipes, sockets and links to a
/// parent folder are skipped. A broken link is listed, so that reading it reports what is wrong.
///
/// # Errors
/// [`Error::Read`] if a folder cannot be read.
pub fn audio_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(list(folder)?.sounds)
}

/// As [`audio_files`], with everything that is not a sound file.
pub(crate) fn list(root: &Path) -> Result<Listing, Error> {
    let mut found = Listing::default();
    let mut walk = WalkDir::new(root).min_depth(1).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {
                if is_hidden(entry.file_name()) || is_system_folder(entry.file_name()) {
                    walk.skip_current_dir();
                    found.passed_over.folders.push(below(root, entry.path()));
                } else {
                    found.folders.push(entry.into_path());
                }
            }
            Ok(entry) => found.add(root, entry.path(), entry.file_type().is_file()),
            Err(e) => match e.path().filter(|_| e.depth() > 0) {
                Some(path) if is_broken_link(path) => found.add(root, path, true),
                _ if e.loop_ancestor().is_some() => {}
                path => return Err(Error::Read { path: path.unwrap_or(root).into(), source: e.into() }),
            },
        }
    }
    Ok(found)
}

impl Listing {
    /// Adds what is no folder. `is_file` is false for pipes, sockets and devices.
    fn add(&mut self, root: &Path, path: &Path, is_file: bool) {
        let kind = match path.extension() {
            _ if path.file_name().is_some_and(is_hidden) => "hidden file".into(),
            _ if [CORPUS_MARKER, SOUNDS_MARKER, NIGHTS_MARKER].contains(&below(root, path).as_str()) => return,
            _ if !is_file => "pipe, socket or device".into(),
            _ if has_sound_extension(path) => return self.sounds.push(path.into()),
            Some(extension) => format!(".{} file", extension.to_string_lossy().to_lowercase()),
            None => "file without extension".into(),
        };
        self.passed_over.add_file(kind, || below(root, path));
    }
}

/// The path of `path` below `root`, with `/` between its parts.
pub(crate) fn below(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).iter().map(|part| part.to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

fn is_hidden(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with('.')
}

fn is_system_folder(name: &OsStr) -> bool {
    SYSTEM_FOLDERS.contains(&name.to_string_lossy().to_lowercase().as_str())
}

/// Whether `path` has the extension of a sound file.
pub(crate) fn has_sound_extension(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// Whether `path` is a link to nothing or to itself. A file that vanished after it was listed is not a broken link.
fn is_broken_link(path: &Path) -> bool {
    path.is_symlink() && std::fs::metadata(path).is_err()
}
