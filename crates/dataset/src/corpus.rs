//! A corpus: labelled recordings with content hashes. This file lists those of a folder of class folders.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use durable::{hex, open_regular_file, sha256_hex_of};
use features::{Audio, Extractor, Segment};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::audio_files::{self, Listing, below};
use crate::class_folders::{Layout, split_named};
use crate::known_files::KnownFiles;
use crate::passed_over::PassedOver;
use crate::recording::{CORPUS, RECORDER, Recording, SPLIT, columns_of_name};
use crate::{Error, Split};

/// Labelled recordings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Corpus {
    /// Folder of the class folders. Files of recordings are below it unless they are named by absolute paths.
    pub root: PathBuf,
    /// Class names: the names of the class folders, sorted.
    pub labels: Vec<String>,
    /// The recordings, sorted by path.
    pub recordings: Vec<Recording>,
    /// What else is in the folder.
    pub passed_over: PassedOver,
}

impl Corpus {
    /// Lists the recordings below each class folder of `root`, at any depth, and hashes their contents. A class is a
    /// folder that holds a sound file. Where all such folders are named as splits (`train`, `val`, `test` and the like),
    /// the folders inside them are the classes; see [`Corpus::folder_split`].
    ///
    /// # Errors
    /// [`Error::Read`] if a folder cannot be read, [`Error::Layout`] if there is no class folder or no recording, or if
    /// folders named as splits are among others.
    pub fn scan(root: &Path) -> Result<Self, Error> {
        Self::list(root, |path, _| open_regular_file(path).and_then(sha256_hex_of))
    }

    /// As [`Corpus::scan`], but reads only the recordings that may have changed since a process with the same `cache` read
    /// them: those with another size, inode, or time of modification or change.
    ///
    /// # Errors
    /// As [`Corpus::scan`], and [`Error::Write`] if the cache cannot be written.
    pub fn scan_cached(root: &Path, cache: &Path) -> Result<Self, Error> {
        let known = KnownFiles::open(cache, root);
        let corpus = Self::list(root, |path, name| known.digest(path, name))?;
        known.save()?;
        Ok(corpus)
    }

    /// Lists the recordings; `digest` returns SHA-256 and length of the file at a path, which also has a path below the root.
    fn list(root: &Path, digest: impl Fn(&Path, &str) -> io::Result<(String, u64)> + Sync) -> Result<Self, Error> {
        let Listing { sounds, folders, mut passed_over } = audio_files::list(root)?;
        let paths: Vec<String> = sounds.iter().map(|path| below(root, path)).collect();
        let layout = Layout::of(&paths, folders.is_empty());
        let layout = layout.map_err(|reason| Error::Layout { root: root.into(), reason })?;
        let labels = layout.classes(&paths);
        let mut files: Vec<(usize, &Path)> = Vec::new();
        for (path, sound) in paths.iter().zip(&sounds) {
            match layout.class(path).and_then(|class| labels.iter().position(|label| label == class)) {
                Some(label) => files.push((label, sound)),
                None => passed_over.add_file("sound file outside the class folders", || path.clone()),
            }
        }
        passed_over.folders.extend(layout.empty(folders.iter().map(|folder| below(root, folder)), &paths));
        passed_over.folders.sort();
        let read = |(label, file): &(usize, &Path)| {
            let path = below(root, file);
            let (sha256, bytes) = digest(file, &path).unwrap_or_default();
            Recording { columns: columns_of_name(&path), path, label: *label, sha256, bytes, ..Recording::default() }
        };
        let mut recordings: Vec<Recording> = files.par_iter().map(read).collect();
        recordings.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root: root.into(), labels, recordings, passed_over })
    }

    /// Names of what is known about recordings beyond class, recorder and split: `corpus` where there are several, and then the
    /// columns that any recording has, sorted.
    pub fn columns(&self) -> Vec<&str> {
        let all: BTreeSet<&str> =
            self.recordings.iter().flat_map(|recording| recording.columns.keys().map(String::as_str)).collect();
        let several = self.recordings.iter().any(|recording| !recording.corpus.is_empty());
        let others = all.into_iter().filter(|name| ![RECORDER, SPLIT].contains(name));
        several.then_some(CORPUS).into_iter().chain(others).collect()
    }

    /// The recording whose [`Recording::path`] is `path`.
    pub fn find(&self, path: &str) -> Option<&Recording> {
        self.recordings.iter().find(|recording| recording.path == path)
    }

    /// Path of the file that holds `recording`.
    pub fn file(&self, recording: &Recording) -> PathBuf {
        self.root.join(recording.file.as_deref().unwrap_or(Path::new(&recording.path)))
    }

    /// The file of `recording`, and its times if it is a segment, for messages.
    pub fn place(&self, recording: &Recording) -> PathBuf {
        let mut place = self.file(recording).into_os_string();
        if let Some(segment) = &recording.segment {
            place.push(format!("#{segment}"));
        }
        place.into()
    }

    /// Decodes as much of `recording` as a clip of `extractor` needs. Everything that needs its sound calls this.
    ///
    /// # Errors
    /// As [`Extractor::decode_file`] and [`Extractor::decode_segment`].
    pub fn decode(&self, recording: &Recording, extractor: &Extractor) -> Result<Audio, features::Error> {
        let file = self.file(recording);
        match &recording.segment {
            None => extractor.decode_file(&file),
            Some(segment) => extractor.decode_next_segment(&file, segment, || self.segments_of(recording)),
        }
    }

    /// The segments of the file of `recording`, in the order of their times.
    fn segments_of(&self, recording: &Recording) -> Vec<Segment> {
        let of_file = self.recordings.iter().filter(|other| other.file == recording.file);
        let mut segments: Vec<Segment> = of_file.filter_map(|other| other.segment).collect();
        segments.sort();
        segments
    }

    /// The split that the folders name, `[n_recordings]`, if the root holds folders such as `train`, `val` and `test`
    /// with class folders inside; `None` for a folder of class folders.
    pub fn folder_split(&self) -> Option<Vec<Option<Split>>> {
        let outer = |recording: &Recording| recording.path.split('/').next().and_then(split_named);
        let split: Vec<Option<Split>> = self.recordings.iter().map(outer).collect();
        split.iter().all(Option::is_some).then_some(split).filter(|split| !split.is_empty())
    }

    /// The split in the column `split` of each recording, `[n_recordings]`; `None` if no recording has one.
    pub fn column_split(&self) -> Option<Vec<Option<Split>>> {
        let split = |recording: &Recording| recording.columns.get(SPLIT).and_then(|name| split_named(name));
        let split: Vec<Option<Split>> = self.recordings.iter().map(split).collect();
        split.iter().any(Option::is_some).then_some(split)
    }

    /// Which classes have a recording in `usable`, `[n_recordings]`; the result is `[n_classes]`.
    pub fn used_classes(&self, usable: &[bool]) -> Vec<bool> {
        self.class_counts(|index| usable[index]).into_iter().map(|count| count > 0).collect()
    }

    /// Number of segments that overlap an earlier one of the same file with another label.
    pub fn contradicting_overlaps(&self) -> usize {
        let mut by_file: BTreeMap<PathBuf, Vec<(Segment, usize)>> = BTreeMap::new();
        for recording in &self.recordings {
            if let Some(segment) = recording.segment {
                by_file.entry(self.file(recording)).or_default().push((segment, recording.label));
            }
        }
        let overlaps = |segments: Vec<(Segment, usize)>| {
            let contradicts = |(index, (segment, label)): &(usize, &(Segment, usize))| {
                segments[..*index].iter().any(|(other, theirs)| theirs != label && other.overlaps(segment))
            };
            segments.iter().enumerate().filter(contradicts).count()
        };
        by_file.into_values().map(overlaps).sum()
    }

    /// Removes the classes that are not in `used`, `[n_classes]`, and their recordings.
    pub fn retain_classes(&mut self, used: &[bool]) {
        let number = |label: usize| used[..label].iter().filter(|used| **used).count();
        self.recordings.retain(|recording| used[recording.label]);
        self.recordings.iter_mut().for_each(|recording| recording.label = number(recording.label));
        let mut used = used.iter();
        self.labels.retain(|_| used.next() == Some(&true));
    }

    /// Number of recordings of each class, `[n_classes]`. Counts the recordings whose index `is_counted` accepts.
    pub fn class_counts(&self, is_counted: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut counts = vec![0; self.labels.len()];
        let counted = self.recordings.iter().enumerate().filter(|(index, _)| is_counted(*index));
        counted.for_each(|(_, recording)| counts[recording.label] += 1);
        counts
    }

    /// SHA-256 over labels, paths, contents and columns, 64 hexadecimal digits. It does not depend on where the folder is.
    pub fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        for label in &self.labels {
            hasher.update(format!("{label}\n"));
        }
        for recording in &self.recordings {
            hasher.update(format!("{} {}\n", recording.sha256, recording.path));
            // Where no folder says so.
            if recording.file.is_some() {
                hasher.update(format!("{:?} {:?}\n", self.labels[recording.label], recording.corpus));
            }
            for (name, value) in recording.columns_beyond_name() {
                hasher.update(format!("{name:?} {value:?}\n"));
            }
        }
        hex(&hasher.finalize())
    }
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
    fn labels_are_sorted_folder_names_and_only_visible_sound_files_are_listed() {
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
        assert_eq!(corpus.class_counts(|_| true), [1, 2]);
        assert_eq!(corpus.recordings[0].sha256, corpus.recordings[1].sha256, "the hash depends on the content only");
        // sha256sum of "1"
        assert!(corpus.recordings[0].sha256.starts_with("6b86b273ff34fce19d6b804eff5a3f57"));
        assert_eq!(corpus.folder_split(), None);
    }

    #[test]
    fn only_folders_with_a_sound_file_are_classes_and_the_rest_is_counted() {
        let (_root, corpus) = corpus_of(&[
            ("tired/a.wav", "1"),
            ("tired/._a.wav", "2"),
            ("tired/Thumbs.db", "3"),
            ("tired/@eaDir/a.wav/SYNOAUDIO.jpg", "4"),
            ("tired/@eaDir/copy.wav", "5"),
            ("hungry/b/b.wav", "6"),
            ("hungry/drafts/notes.TXT", "7"),
            ("__MACOSX/tired/a.wav", "8"),
            (".cache/x/y.wav", "9"),
            ("empty/nested/LICENSE", "10"),
            ("notes/read me.txt", "11"),
            ("loose.wav", "12"),
        ]);
        let corpus = corpus.unwrap();
        assert_eq!(corpus.labels, ["hungry", "tired"]);
        assert_eq!(corpus.class_counts(|_| true), [1, 1]);
        assert_eq!(corpus.passed_over.folders, [".cache", "__MACOSX", "empty", "notes", "tired/@eaDir"]);
        assert_eq!(
            corpus.passed_over.summary(),
            "5 folders (.cache, __MACOSX, empty, notes, tired/@eaDir), 2 .txt files (hungry/drafts/notes.TXT ...), \
             1 .db file (tired/Thumbs.db), 1 file without extension (empty/nested/LICENSE), 1 hidden file (tired/._a.wav), \
             1 sound file outside the class folders (loose.wav)"
        );
    }

    #[test]
    fn folders_of_splits_hold_the_class_folders() {
        use Split::{Test, Train, Val};
        let (_root, corpus) = corpus_of(&[
            ("Train/tired/a.wav", "1"),
            ("Train/hungry/a.wav", "2"),
            ("Train/lost.wav", "3"),
            ("validation/tired/deep/b.wav", "4"),
            ("TEST/hungry/c.wav", "5"),
            ("TEST/lonely/notes.txt", "6"),
            ("docs/notes.txt", "7"),
        ]);
        let corpus = corpus.unwrap();
        assert_eq!(corpus.labels, ["hungry", "tired"]);
        let found: Vec<(&str, usize)> = corpus.recordings.iter().map(|r| (r.path.as_str(), r.label)).collect();
        let expected = [
            ("TEST/hungry/c.wav", 0),
            ("Train/hungry/a.wav", 0),
            ("Train/tired/a.wav", 1),
            ("validation/tired/deep/b.wav", 1),
        ];
        assert_eq!(found, expected);
        assert_eq!(corpus.folder_split(), Some([Test, Train, Train, Val].map(Some).to_vec()));
        assert_eq!(corpus.passed_over.folders, ["TEST/lonely", "docs"]);
        assert!(corpus.passed_over.summary().contains("1 sound file outside the class folders (Train/lost.wav)"));
    }

    #[test]
    fn classes_without_a_usable_recording_can_be_removed() {
        let (_root, corpus) = corpus_of(&[("a/1.wav", "1"), ("b/2.wav", "2"), ("b/3.wav", "3"), ("c/4.wav", "4")]);
        let mut corpus = corpus.unwrap();
        let used = corpus.used_classes(&[false, false, true, true]);
        assert_eq!(used, [false, true, true]);
        corpus.retain_classes(&used);
        assert_eq!(corpus.labels, ["b", "c"]);
        let found: Vec<(&str, usize)> = corpus.recordings.iter().map(|r| (r.path.as_str(), r.label)).collect();
        assert_eq!(found, [("b/2.wav", 0), ("b/3.wav", 0), ("c/4.wav", 1)]);
    }

    #[test]
    fn the_fingerprint_depends_on_contents_and_names_but_not_on_the_location() {
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
    fn folders_without_classes_or_sound_are_refused_with_advice() {
        for (files, expected) in [
            (&[("loose.wav", "1")][..], "no class folders"),
            (&[("a/notes.txt", "1")][..], "no sound file"),
            (
                &[("train/1.wav", "1"), ("Test/2.wav", "2")],
                "splits: Test, train, but there are no class folders inside",
            ),
            (
                &[("train/a/1.wav", "1"), ("tired/2.wav", "2"), ("dev/notes.txt", "3")],
                "splits: train, but these are beside them: tired.",
            ),
        ] {
            let error = corpus_of(files).1.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(matches!(Corpus::scan(Path::new("/nowhere/at/all")), Err(Error::Read { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn unusual_names_are_kept_and_links_pipes_and_sockets_neither_block_nor_loop() {
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
            let is_broken = ["tired/gone.wav", "tired/self.wav"].contains(&recording.path.as_str());
            assert_eq!(recording.sha256.is_empty(), is_broken, "{}", recording.path);
        }
    }

    #[test]
    fn the_recorder_comes_from_a_donate_a_cry_name() {
        let recorder = |path: &str| {
            let recording = Recording { path: path.into(), label: 0, ..Recording::default() };
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
