//! A folder of class folders, as a list of labelled recordings with their content's hash.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use features::open_regular_file;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::Error;

/// Extensions of sound files, in lower case; also of those that are not decoded, so that they are told and not lost.
const EXTENSIONS: [&str; 16] = [
    "3gp", "aac", "aif", "aiff", "amr", "caf", "flac", "m4a", "mp3", "mp4", "oga", "ogg", "opus", "wav", "webm", "wma",
];

/// Labelled recordings below one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    /// The folder of class folders.
    pub root: PathBuf,
    /// Class names: the folders' names, sorted.
    pub labels: Vec<String>,
    /// The recordings, sorted by path.
    pub recordings: Vec<Recording>,
}

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Path below the root, with `/` between its parts.
    pub path: String,
    /// Index into the labels.
    pub label: usize,
    /// SHA-256 of the file's bytes in hexadecimal; empty if they cannot be read.
    pub sha256: String,
    /// Length of the file.
    pub bytes: u64,
}

impl Corpus {
    /// Lists the recordings below each class folder of `root`, at any depth, and hashes their contents. Files that are
    /// no sound files by their extension and hidden ones are passed over.
    ///
    /// # Errors
    /// [`Error::Io`] if a folder cannot be read, [`Error::Layout`] if there is no class folder or no recording.
    pub fn scan(root: &Path) -> Result<Self, Error> {
        let layout = |reason: &str| Error::Layout { root: root.into(), reason: reason.into() };
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(root).map_err(Error::io(root))? {
            let entry = entry.map_err(Error::io(root))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && !name.starts_with('.') {
                folders.push((name, entry.path()));
            }
        }
        folders.sort();
        if folders.is_empty() {
            return Err(layout(
                "there are no class folders in it; put each class's recordings into a folder of its name",
            ));
        }
        let mut files: Vec<(usize, PathBuf)> = Vec::new();
        for (label, (_, folder)) in folders.iter().enumerate() {
            files.extend(audio_files(folder)?.into_iter().map(|path| (label, path)));
        }
        if files.is_empty() {
            return Err(layout("there is no sound file in its class folders"));
        }
        let mut recordings: Vec<Recording> =
            files.par_iter().map(|(label, path)| Recording::read(root, path, *label)).collect();
        recordings.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root: root.into(), labels: folders.into_iter().map(|(name, _)| name).collect(), recordings })
    }

    /// Recordings in each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.labels.len()];
        for recording in &self.recordings {
            counts[recording.label] += 1;
        }
        counts
    }

    /// SHA-256 over labels, paths and contents, in hexadecimal: the same wherever the folder lies.
    pub fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        for label in &self.labels {
            hasher.update(format!("{label}\n"));
        }
        for recording in &self.recordings {
            hasher.update(format!("{} {}\n", recording.sha256, recording.path));
        }
        hex(&hasher.finalize())
    }

    /// The manifest: columns `path,label,bytes,sha256,recorder`, a line for each recording.
    pub fn manifest_csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut put = |row: [&str; 5]| {
            // Writing to memory cannot fail, and every row has the same length.
            let _ = writer.write_record(row);
        };
        put(["path", "label", "bytes", "sha256", "recorder"]);
        for recording in &self.recordings {
            let Recording { path, label, sha256, bytes } = recording;
            put([path, &self.labels[*label], &bytes.to_string(), sha256, recording.recorder().unwrap_or_default()]);
        }
        writer.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

impl Recording {
    fn read(root: &Path, path: &Path, label: usize) -> Self {
        let parts = path.strip_prefix(root).unwrap_or(path).iter().map(|part| part.to_string_lossy());
        let (sha256, bytes) = hash_file(path).unwrap_or_default();
        Self { path: parts.collect::<Vec<_>>().join("/"), label, sha256, bytes }
    }

    /// The app instance that a Donate-a-Cry file name starts with, in its own case: one phone, so nearly one baby.
    /// `generated2_` and the like before it, which marks copies changed by a program, is passed over.
    pub fn recorder(&self) -> Option<&str> {
        let name = self.path.rsplit('/').next()?;
        let name = match name.strip_prefix("generated").and_then(|rest| rest.split_once('_')) {
            Some((number, rest)) if number.chars().all(|c| c.is_ascii_digit()) => rest,
            _ => name,
        };
        let uuid = name.get(..36)?;
        let groups: Vec<&str> = uuid.split('-').collect();
        let well_formed = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
            && groups.iter().all(|group| group.chars().all(|c| c.is_ascii_hexdigit()))
            && name[36..].starts_with('-');
        well_formed.then_some(uuid)
    }
}

/// Every sound file below `folder`, at any depth, in path order; hidden ones are passed over, and so are pipes, sockets and
/// links back to a folder above. A link that leads nowhere is listed: reading it tells what is wrong.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read.
pub fn audio_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let shown = |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().filter_entry(shown) {
        match entry {
            Ok(entry) if has_sound_extension(entry.path()) && entry.file_type().is_file() => {
                files.push(entry.into_path());
            }
            Ok(_) => {}
            Err(e) => match e.path().filter(|_| e.depth() > 0) {
                Some(path) if leads_nowhere(path) => {
                    if has_sound_extension(path) {
                        files.push(path.into());
                    }
                }
                _ if e.loop_ancestor().is_some() => {}
                path => return Err(Error::Io { path: path.unwrap_or(folder).into(), source: e.into() }),
            },
        }
    }
    Ok(files)
}

fn has_sound_extension(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// Whether this is a link to nothing, or to itself. A file that vanished between listing and looking is not.
fn leads_nowhere(path: &Path) -> bool {
    path.is_symlink() && std::fs::metadata(path).is_err()
}

/// SHA-256 in hexadecimal and length of a file, read in pieces.
fn hash_file(path: &Path) -> io::Result<(String, u64)> {
    let mut file = open_regular_file(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut length = 0;
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok((hex(&hasher.finalize()), length)),
            Ok(n) => {
                hasher.update(&piece[..n]);
                length += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// A digest in hexadecimal.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn corpus_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Corpus, Error>) {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let corpus = Corpus::scan(root.path());
        (root, corpus)
    }

    #[test]
    fn labels_are_sorted_folder_names_and_only_visible_sound_files_count() {
        let (_root, corpus) = corpus_of(&[
            ("tired/b.wav", "1"),
            ("tired/deep/A.MP3", "2"),
            ("tired/notes.txt", "3"),
            ("tired/.hidden.wav", "4"),
            ("burping/c.flac", "1"),
            (".git/d.wav", "5"),
            ("loose.wav", "6"),
        ]);
        let corpus = corpus.unwrap();
        assert_eq!(corpus.labels, ["burping", "tired"]);
        let found: Vec<(&str, usize)> = corpus.recordings.iter().map(|r| (r.path.as_str(), r.label)).collect();
        assert_eq!(found, [("burping/c.flac", 0), ("tired/b.wav", 1), ("tired/deep/A.MP3", 1)]);
        assert_eq!(corpus.class_counts(), [1, 2]);
        assert_eq!(corpus.recordings[0].sha256, corpus.recordings[1].sha256, "the content is what is hashed");
        // sha256sum of "1"
        assert!(corpus.recordings[0].sha256.starts_with("6b86b273ff34fce19d6b804eff5a3f57"));
        assert!(corpus.manifest_csv().contains("\ntired/deep/A.MP3,tired,1,"));
    }

    #[test]
    fn the_fingerprint_follows_content_and_names_and_not_the_place() {
        let fingerprint = |files: &[(&str, &str)]| corpus_of(files).1.unwrap().fingerprint();
        let one = fingerprint(&[("a/x.wav", "1"), ("b/y.wav", "2")]);
        assert_eq!(one, fingerprint(&[("b/y.wav", "2"), ("a/x.wav", "1")]));
        for other in [
            [("a/x.wav", "3"), ("b/y.wav", "2")],
            [("a/z.wav", "1"), ("b/y.wav", "2")],
            [("c/x.wav", "1"), ("b/y.wav", "2")],
        ] {
            assert_ne!(one, fingerprint(&other));
        }
    }

    #[test]
    fn folders_without_classes_or_sound_are_refused_with_a_way_out() {
        for (files, expected) in
            [(&[("loose.wav", "1")][..], "no class folders"), (&[("a/notes.txt", "1")][..], "no sound file")]
        {
            let error = corpus_of(files).1.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(matches!(Corpus::scan(Path::new("/nowhere/at/all")), Err(Error::Io { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn odd_names_are_kept_and_links_pipes_and_sockets_neither_block_nor_loop() {
        use std::os::unix::fs::symlink;

        let long = format!("{}.wav", "x".repeat(251)); // 255 bytes
        let names = ["a b.wav", "-rf.wav", "new\nline.wav", "\u{1f476}\u{e9}.wav", "comma,quote\".wav", &long];
        let (root, _) =
            corpus_of(&names.map(|name| (["tired/", name].concat(), name)).each_ref().map(|(p, c)| (&**p, *c)));
        let tired = root.path().join("tired");
        symlink("..", tired.join("up")).unwrap();
        symlink("self.wav", tired.join("self.wav")).unwrap();
        symlink("/nowhere", tired.join("gone.wav")).unwrap();
        symlink("/nowhere", tired.join("gone.txt")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(tired.join("socket.wav")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(tired.join("pipe.wav")).status().unwrap().success());

        let corpus = Corpus::scan(root.path()).unwrap();
        let found: std::collections::BTreeSet<&str> = corpus.recordings.iter().map(|r| r.path.as_str()).collect();
        let mut expected: std::collections::BTreeSet<String> = names.map(|name| format!("tired/{name}")).into();
        expected.extend(["tired/gone.wav".into(), "tired/self.wav".into()]);
        assert_eq!(found, expected.iter().map(String::as_str).collect());
        for recording in &corpus.recordings {
            let leads_nowhere = ["tired/gone.wav", "tired/self.wav"].contains(&recording.path.as_str());
            assert_eq!(recording.sha256.is_empty(), leads_nowhere, "{}", recording.path);
        }
        let manifest = corpus.manifest_csv();
        let mut rows = csv::Reader::from_reader(manifest.as_bytes());
        let paths: Vec<String> = rows.records().map(|row| row.unwrap()[0].to_owned()).collect();
        assert_eq!(paths, corpus.recordings.iter().map(|r| r.path.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn the_recorder_is_read_from_a_donate_a_cry_name() {
        let recorder = |path: &str| {
            let recording = Recording { path: path.into(), label: 0, sha256: String::new(), bytes: 0 };
            recording.recorder().map(str::to_owned)
        };
        let uuid = "7B924575-21FC-462A-969E-BABB46D1CBF5";
        for path in [
            format!("hungry/{uuid}-1430055234-1.0-f-72-hu.wav"),
            format!("{uuid}-1.wav"),
            format!("scared/generated2_{uuid}-1430055234-1.0-f-72-sc.wav"),
        ] {
            assert_eq!(recorder(&path).as_deref(), Some(uuid), "{path}");
        }
        for path in ["hungry/cry.wav".into(), format!("{uuid}.wav"), format!("generatedx_{uuid}-1.wav"), "é".repeat(40)]
        {
            assert_eq!(recorder(&path), None, "{path}");
        }
    }
}
