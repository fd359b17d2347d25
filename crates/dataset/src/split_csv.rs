//! Splits as CSV files: `train.csv`, `val.csv` and `test.csv` with the columns `class,path,label`.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use serde::Deserialize;

use crate::csv_text::csv_text;
use crate::{Corpus, Error, Split};

/// File names and contents of `train.csv`, `val.csv` and `test.csv`, which [`split_from_csv`] reads. `split` is
/// `[n_recordings]`; a recording without a split is in none of them.
pub fn split_to_csv(corpus: &Corpus, split: &[Option<Split>]) -> [(String, String); 3] {
    Split::ALL.map(|part| {
        let members = corpus.recordings.iter().zip(split).filter(|(_, place)| **place == Some(part));
        let rows = members.map(|(recording, _)| {
            [corpus.labels[recording.label].clone(), recording.path.clone(), recording.label.to_string()]
        });
        (file_name(part), csv_text(["class", "path", "label"], rows))
    })
}

/// `train.csv`, `val.csv` or `test.csv`.
fn file_name(part: Split) -> String {
    format!("{}.csv", part.name())
}

/// A line of a split file. The `label` column is not needed.
#[derive(Deserialize)]
struct Line {
    class: String,
    path: String,
}

/// Reads `train.csv`, `val.csv` and `test.csv` in `dir` to `[n_recordings]`; `None` for a recording in none of them.
///
/// A line means the recording of its class with the same file name. The folder in its path does not matter, and no path
/// in these files is ever opened.
///
/// # Errors
/// [`Error::Read`] if a file is missing, [`Error::Csv`] if it is malformed, [`Error::Split`] if a line matches no
/// recording or several, or if two lines name the same recording.
pub fn split_from_csv(corpus: &Corpus, dir: &Path) -> Result<Vec<Option<Split>>, Error> {
    let base_name = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned();
    let mut known: HashMap<(&str, String), Vec<usize>> = HashMap::new();
    for (index, recording) in corpus.recordings.iter().enumerate() {
        let class = corpus.labels[recording.label].as_str();
        known.entry((class, base_name(&recording.path))).or_default().push(index);
    }
    let mut split = vec![None; corpus.recordings.len()];
    for part in Split::ALL {
        let path = dir.join(file_name(part));
        let fail = |reason: String| Error::Split { path: path.clone(), reason };
        let mut reader = csv::Reader::from_reader(File::open(&path).map_err(Error::read(&path))?);
        for line in reader.deserialize() {
            let line: Line = line.map_err(Error::csv(&path))?;
            let name = base_name(&line.path);
            match known.get(&(line.class.as_str(), name)).map(Vec::as_slice) {
                Some([index]) => {
                    if let Some(before) = split[*index].replace(part) {
                        return Err(fail(format!("{} is already in {}", line.path, file_name(before))));
                    }
                }
                Some(_) => {
                    return Err(fail(format!("{}: several recordings of this class have this file name", line.path)));
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
    use crate::{Recording, stratified_split};

    fn corpus(counts: &[usize]) -> Corpus {
        let labels: Vec<String> = (0..counts.len()).map(|label| format!("class{label}")).collect();
        let recordings = counts.iter().enumerate().flat_map(|(label, count)| {
            let path = move |i| format!("class{label}/{i}.wav");
            (0..*count).map(move |i| Recording { path: path(i), label, sha256: String::new(), bytes: 0 })
        });
        Corpus { root: "root".into(), labels, recordings: recordings.collect() }
    }

    #[test]
    fn a_split_read_back_from_its_csv_files_is_the_same() {
        let corpus = corpus(&[4, 3]);
        let labels: Vec<usize> = corpus.recordings.iter().map(|recording| recording.label).collect();
        let mut split: Vec<Option<Split>> = stratified_split(&labels, 5).into_iter().map(Some).collect();
        split[2] = None;
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in split_to_csv(&corpus, &split) {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        assert_eq!(split_from_csv(&corpus, dir.path()).unwrap(), split);
    }

    fn from_csv(train: &str, val: &str, test: &str) -> Result<Vec<Option<Split>>, String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, lines) in [("train", train), ("val", val), ("test", test)] {
            std::fs::write(dir.path().join(format!("{name}.csv")), format!("class,path,label\n{lines}")).unwrap();
        }
        split_from_csv(&corpus(&[2, 2]), dir.path()).map_err(|e| e.to_string())
    }

    #[test]
    fn csv_lines_match_recordings_by_class_and_file_name() {
        let split = from_csv("class0,../data/raw/class0/1.wav,0\n", "class1,C:\\old\\0.wav,1\n", "class0,0.wav,0\n");
        assert_eq!(split.unwrap(), [Some(Split::Test), Some(Split::Train), Some(Split::Val), None]);
    }

    #[test]
    fn csv_lines_that_match_no_recording_are_refused() {
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
