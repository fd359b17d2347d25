//! Which recording is used for what.

use std::collections::HashMap;
use std::path::Path;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use crate::{Corpus, Error};

/// What a recording is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// Heads are trained on it.
    Train,
    /// Epochs and trials are chosen by it.
    Val,
    /// The chosen trial is scored on it, once.
    Test,
}

impl Split {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// Draws 60/20/20 within each class: a fifth, rounded, to validation and to test, but at least one to each where the
/// class has three recordings or more; the rest to training. One split a recording, in the corpus' order.
pub fn stratified_split(corpus: &Corpus, seed: u64) -> Vec<Split> {
    let mut split = vec![Split::Train; corpus.recordings.len()];
    for label in 0..corpus.labels.len() {
        let mut members: Vec<usize> =
            (0..split.len()).filter(|index| corpus.recordings[*index].label == label).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(label as u64);
        members.shuffle(&mut rng);
        let fifth = (members.len() + 2) / 5;
        let held_out = if members.len() >= 3 { fifth.max(1) } else { 0 };
        for (place, index) in members.into_iter().enumerate().take(2 * held_out) {
            split[index] = if place < held_out { Split::Val } else { Split::Test };
        }
    }
    split
}

/// A line of a split file; its `label` column is not needed.
#[derive(Deserialize)]
struct Line {
    class: String,
    path: String,
}

/// Reads `train.csv`, `val.csv` and `test.csv` in `dir`, with columns `class,path,label`. A line stands for the recording
/// of its class with the same file name, wherever the path says it once was. `None` is a recording in no file.
///
/// # Errors
/// [`Error::Split`] if a file is missing or damaged, a line names no recording of the corpus, or one is named twice.
pub fn split_from_csv(corpus: &Corpus, dir: &Path) -> Result<Vec<Option<Split>>, Error> {
    let file_name = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
    let mut known: HashMap<(&str, String), Vec<usize>> = HashMap::new();
    for (index, recording) in corpus.recordings.iter().enumerate() {
        let class = corpus.labels[recording.label].as_str();
        known.entry((class, file_name(&recording.path))).or_default().push(index);
    }
    let mut split = vec![None; corpus.recordings.len()];
    for part in Split::ALL {
        let path = dir.join(format!("{}.csv", part.name()));
        let fail = |reason: String| Error::Split { path: path.clone(), reason };
        let mut reader = csv::Reader::from_path(&path).map_err(|e| fail(e.to_string()))?;
        for line in reader.deserialize() {
            let line: Line = line.map_err(|e| fail(e.to_string()))?;
            let name = file_name(&line.path);
            match known.get(&(line.class.as_str(), name)).map(Vec::as_slice) {
                Some([index]) => {
                    if let Some(before) = split[*index].replace(part) {
                        return Err(fail(format!("{} is already in {}.csv", line.path, before.name())));
                    }
                }
                Some(_) => {
                    return Err(fail(format!("{}: several recordings of its class have this file name", line.path)));
                }
                None => {
                    return Err(fail(format!(
                        "{}: there is no such recording in {}/{}",
                        line.path,
                        corpus.root.display(),
                        line.class
                    )));
                }
            }
        }
    }
    Ok(split)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Recording;
    use proptest::prelude::*;

    fn corpus(counts: &[usize]) -> Corpus {
        let labels: Vec<String> = (0..counts.len()).map(|label| format!("class{label}")).collect();
        let mut recordings = Vec::new();
        for (label, count) in counts.iter().enumerate() {
            for i in 0..*count {
                let path = format!("class{label}/{i}.wav");
                recordings.push(Recording { path, label, sha256: String::new(), bytes: 0 });
            }
        }
        Corpus { root: "root".into(), labels, recordings }
    }

    fn counts(corpus: &Corpus, split: &[Split], part: Split) -> Vec<usize> {
        let mut counts = vec![0; corpus.labels.len()];
        for (recording, place) in corpus.recordings.iter().zip(split) {
            counts[recording.label] += usize::from(*place == part);
        }
        counts
    }

    proptest! {
        #[test]
        fn every_class_is_split_60_20_20(sizes in prop::collection::vec(0_usize..60, 1..6), seed: u64) {
            let corpus = corpus(&sizes);
            let split = stratified_split(&corpus, seed);
            prop_assert_eq!(split.len(), corpus.recordings.len());
            let [train, val, test] = Split::ALL.map(|part| counts(&corpus, &split, part));
            prop_assert_eq!(&val, &test);
            for (class, n) in sizes.iter().enumerate() {
                prop_assert_eq!(train[class] + val[class] + test[class], *n);
                if *n >= 3 {
                    prop_assert!(val[class] >= 1 && train[class] >= 1);
                    prop_assert!((val[class] as f64 - *n as f64 / 5.0).abs() <= 0.5_f64.max(1.0 - *n as f64 / 5.0));
                }
            }
            prop_assert_eq!(split, stratified_split(&corpus, seed));
        }
    }

    #[test]
    fn another_seed_splits_otherwise() {
        let corpus = corpus(&[30, 30]);
        assert_ne!(stratified_split(&corpus, 1), stratified_split(&corpus, 2));
    }

    fn from_csv(train: &str, val: &str, test: &str) -> Result<Vec<Option<Split>>, String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, lines) in [("train", train), ("val", val), ("test", test)] {
            std::fs::write(dir.path().join(format!("{name}.csv")), format!("class,path,label\n{lines}")).unwrap();
        }
        split_from_csv(&corpus(&[2, 2]), dir.path()).map_err(|e| e.to_string())
    }

    #[test]
    fn csv_lines_find_their_recordings_by_class_and_file_name() {
        let split = from_csv("class0,../data/raw/class0/1.wav,0\n", "class1,C:\\old\\0.wav,1\n", "class0,0.wav,0\n");
        assert_eq!(split.unwrap(), [Some(Split::Test), Some(Split::Train), Some(Split::Val), None]);
    }

    #[test]
    fn csv_lines_that_do_not_fit_are_refused() {
        for (train, val, expected) in [
            ("class0,class0/7.wav,0\n", "", "no such recording"),
            ("class9,class0/0.wav,0\n", "", "no such recording"),
            ("class0,0.wav,0\n", "class0,0.wav,0\n", "already in train.csv"),
            ("class0\n", "", "line: 2"),
        ] {
            let error = from_csv(train, val, "").unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let nowhere = split_from_csv(&corpus(&[1]), Path::new("nowhere")).unwrap_err().to_string();
        assert!(nowhere.contains("train.csv"), "{nowhere}");
    }
}
