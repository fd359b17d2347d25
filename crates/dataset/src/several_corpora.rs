//! Labels of a corpus under other names, and several corpora as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{Corpus, Error};

impl Corpus {
    /// Gives each label that is a key of `names` the name there; recordings whose new label is empty are passed over.
    ///
    /// # Errors
    /// [`Error::Layout`] if no recording has one of the labels, or if none is left.
    pub fn rename_labels(&mut self, names: &BTreeMap<String, String>) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        let fail = |reason: String| Error::Layout { root: self.root.clone(), reason };
        if let Some(unknown) = names.keys().find(|name| !self.labels.contains(name)) {
            let known = self.labels.join(", ");
            return Err(fail(format!(
                "no recording has the label {unknown:?} that is to be renamed; there are {known}"
            )));
        }
        let new_name = |label: &String| names.get(label).unwrap_or(label).trim().to_owned();
        let renamed: Vec<String> = self.labels.iter().map(new_name).collect();
        let labels: BTreeSet<&String> = renamed.iter().filter(|label| !label.is_empty()).collect();
        if labels.is_empty() {
            return Err(fail("every label is renamed to nothing, so no recording is left".into()));
        }
        let labels: Vec<String> = labels.into_iter().cloned().collect();
        let (old_labels, passed_over) = (&self.labels, &mut self.passed_over);
        self.recordings.retain_mut(|recording| match labels.binary_search(&renamed[recording.label]) {
            Ok(label) => {
                recording.label = label;
                true
            }
            Err(_) => {
                let kind = format!("left-out {:?} recording", old_labels[recording.label]);
                passed_over.add_file(kind, || recording.path.clone());
                false
            }
        });
        self.labels = labels;
        Ok(())
    }

    /// Several corpora as one, each with its name, which comes before the paths of its recordings.
    pub fn joined(corpora: Vec<(String, Self)>) -> Self {
        let labels: BTreeSet<&String> = corpora.iter().flat_map(|(_, corpus)| &corpus.labels).collect();
        let labels: Vec<String> = labels.into_iter().cloned().collect();
        let roots: Vec<String> = corpora.iter().map(|(_, corpus)| corpus.root.display().to_string()).collect();
        let mut all = Self { root: roots.join(" + ").into(), labels, ..Self::default() };
        for (name, corpus) in corpora {
            let at = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
            let files: Vec<_> = corpus.recordings.iter().map(|recording| at(&corpus.file(recording))).collect();
            let Self { labels, recordings, passed_over, .. } = corpus;
            for (mut recording, file) in recordings.into_iter().zip(files) {
                // Every label of a corpus is one of all.
                recording.label = all.labels.binary_search(&labels[recording.label]).unwrap_or_default();
                recording.path = format!("{name}/{}", recording.path);
                recording.file = Some(file);
                recording.corpus.clone_from(&name);
                all.recordings.push(recording);
            }
            all.passed_over.append(&name, passed_over);
        }
        all
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A corpus with a recording at each of `paths`, whose folders are the classes.
    fn corpus_of(paths: &[&str]) -> (tempfile::TempDir, Corpus) {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let file = root.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, path).unwrap();
        }
        let corpus = Corpus::scan(root.path()).unwrap();
        (root, corpus)
    }

    fn names(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect()
    }

    fn found(corpus: &Corpus) -> Vec<(&str, &str)> {
        corpus.recordings.iter().map(|r| (r.path.as_str(), corpus.labels[r.label].as_str())).collect()
    }

    #[test]
    fn labels_are_renamed_merged_and_left_out() {
        let (_root, mut corpus) = corpus_of(&["belly pain/a.wav", "colic/b.wav", "dontknow/c.wav", "hungry/d.wav"]);
        let unchanged = corpus.clone();
        corpus.rename_labels(&BTreeMap::new()).unwrap();
        assert_eq!(corpus, unchanged);
        let map = names(&[("belly pain", "pain"), ("colic", "pain"), ("dontknow", "")]);
        corpus.rename_labels(&map).unwrap();
        assert_eq!(corpus.labels, ["hungry", "pain"]);
        let expected = [("belly pain/a.wav", "pain"), ("colic/b.wav", "pain"), ("hungry/d.wav", "hungry")];
        assert_eq!(found(&corpus), expected);
        assert_eq!(corpus.passed_over.summary(), "1 left-out \"dontknow\" recording (dontknow/c.wav)");
        for (map, expected) in [
            (names(&[("sleepy", "tired")]), "no recording has the label \"sleepy\""),
            (names(&[("hungry", ""), ("pain", "")]), "no recording is left"),
        ] {
            assert!(corpus.rename_labels(&map).unwrap_err().to_string().contains(expected));
        }
    }

    #[test]
    fn joined_corpora_keep_their_names_files_and_labels() {
        let (one_root, one) = corpus_of(&["hungry/a.wav", "tired/b.wav"]);
        let (other_root, mut other) = corpus_of(&["alone/a.wav", "hungry/a.wav", "x/notes.txt"]);
        other.recordings[0].columns = names(&[("age", "3")]);
        let all = Corpus::joined(vec![("home".into(), one.clone()), ("clinic".into(), other.clone())]);
        assert_eq!(all.labels, ["alone", "hungry", "tired"]);
        let expected = [
            ("home/hungry/a.wav", "hungry"),
            ("home/tired/b.wav", "tired"),
            ("clinic/alone/a.wav", "alone"),
            ("clinic/hungry/a.wav", "hungry"),
        ];
        assert_eq!(found(&all), expected);
        let files: Vec<_> = all.recordings.iter().map(|recording| all.file(recording)).collect();
        let [here, there] = [&one_root, &other_root].map(|root| root.path());
        assert_eq!(
            files,
            [
                here.join("hungry/a.wav"),
                here.join("tired/b.wav"),
                there.join("alone/a.wav"),
                there.join("hungry/a.wav")
            ]
        );
        assert_eq!(all.recordings[3].corpus, "clinic");
        assert!(all.passed_over.summary().contains("clinic/x"), "{}", all.passed_over.summary());
        let moved = Corpus::joined(vec![("home".into(), one.clone()), ("ward".into(), other.clone())]);
        assert_ne!(moved.fingerprint(), all.fingerprint(), "names of corpora decide splits");
        let swapped = Corpus::joined(vec![("clinic".into(), other), ("home".into(), one)]);
        assert_ne!(swapped.fingerprint(), all.fingerprint());
    }
}
