//! Splits as CSV files: `train.csv`, `val.csv` and `test.csv` with the columns `class,path,label`.

use std::collections::HashMap;
use std::path::Path;

use crate::csv_table::{Line, read_table};
use crate::csv_text::csv_text;
use crate::text_encoding::composed;
use crate::{Corpus, Error, Split};

/// File names and contents of `train.csv`, `val.csv` and `test.csv`, which [`split_from_csv`] reads. `split` is
/// `[n_recordings]`; a recording without a split is in none of them.
pub fn split_to_csv(corpus: &Corpus, split: &[Option<Split>]) -> [(String, String); 3] {
    Split::ALL.map(|part| {
        let members = corpus.recordings.iter().zip(split).filter(|(_, place)| **place == Some(part));
        let rows = members.map(|(recording, _)| {
            [corpus.labels[recording.label].clone(), recording.path.clone(), recording.label.to_string()]
        });
        (table_name(part), csv_text(["class", "path", "label"], rows))
    })
}

/// `train.csv`, `val.csv` or `test.csv`.
fn table_name(part: Split) -> String {
    format!("{}.csv", part.name())
}

/// Reads `train.csv`, `val.csv` and `test.csv` in `dir` to `[n_recordings]`; `None` for a recording in none of them.
///
/// A line means the recording of its class with the same file name. Only where a class has several, the folders in its
/// path say which. Accents may be composed in one and decomposed in the other. No path in these files is ever opened. The
/// files may be those of any spreadsheet program: values are separated by commas, semicolons or tabs, in UTF-8 or UTF-16,
/// and `\` separates folders as `/` does.
///
/// # Errors
/// [`Error::Read`] if a file is missing, [`Error::Csv`] if it is malformed, [`Error::Split`] if a line matches no
/// recording or several, or if two lines name the same recording.
pub fn split_from_csv(corpus: &Corpus, dir: &Path) -> Result<Vec<Option<Split>>, Error> {
    let key = |class: &str, path: &str| (composed(class.trim()), composed(file_name(path)));
    let mut known: HashMap<(String, String), Vec<usize>> = HashMap::new();
    for (index, recording) in corpus.recordings.iter().enumerate() {
        known.entry(key(&corpus.labels[recording.label], &recording.path)).or_default().push(index);
    }
    let mut split = vec![None; corpus.recordings.len()];
    for part in Split::ALL {
        let table = dir.join(table_name(part));
        for Line { number, values: [class, path] } in read_table(&table, ["class", "path"])? {
            let fail = |reason: &str| {
                Err(Error::Split { path: table.clone(), reason: format!("line {number}: {path}: {reason}") })
            };
            let candidates = known.get(&key(&class, &path)).map_or(&[][..], Vec::as_slice);
            let [index] = closest(corpus, candidates, &path)[..] else {
                return match candidates {
                    [] => fail(&format!("there is no such recording in {}/{class}", corpus.root.display())),
                    _ => fail(
                        "several recordings of this class have this file name; give their paths below the class folder",
                    ),
                };
            };
            if let Some(before) = split[index].replace(part) {
                return fail(&format!("it is already in {}", table_name(before)));
            }
        }
    }
    Ok(split)
}

/// Those of the recordings `candidates` whose path has the most folders and the file name in common with `path`; among them,
/// those that write the most of these in the same form.
fn closest(corpus: &Corpus, candidates: &[usize], path: &str) -> Vec<usize> {
    let n_common = |index: &&usize| {
        let pairs = || parts(&corpus.recordings[**index].path).zip(parts(path));
        let n_alike = pairs().take_while(|(ours, theirs)| composed(ours) == composed(theirs)).count();
        (n_alike, pairs().take(n_alike).filter(|(ours, theirs)| ours == theirs).count())
    };
    let most = candidates.iter().map(|index| n_common(&index)).max();
    candidates.iter().filter(|index| Some(n_common(index)) == most).copied().collect()
}

/// The parts of a path of any system, the file name first.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit(['/', '\\']).map(str::trim)
}

fn file_name(path: &str) -> &str {
    parts(path).next().unwrap_or_default()
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
            (0..*count).map(move |i| Recording { path: path(i), label, ..Recording::default() })
        });
        Corpus { root: "root".into(), labels, recordings: recordings.collect(), ..Corpus::default() }
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
            ("class0,class0/0.wav,0\nclass0\n", "", "train.csv: line 3: there is no value in the column path"),
            (
                "class0,class0/0.wav,0\n",
                "class1,7.wav,1\n",
                "val.csv: line 2: 7.wav: there is no such recording in root/class1",
            ),
        ] {
            let error = from_csv(train, val, "").unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let nowhere = split_from_csv(&corpus(&[1]), Path::new("nowhere")).unwrap_err().to_string();
        assert!(nowhere.contains("train.csv"), "{nowhere}");
    }

    /// Reads a `train.csv` with `lines` for recordings of one class at `paths`.
    fn train_csv<const N: usize>(class: &str, paths: [&str; N], lines: &str) -> Result<Vec<Option<Split>>, String> {
        let recording = |path: &str| Recording { path: path.into(), ..Recording::default() };
        let recordings = paths.map(recording).to_vec();
        let corpus = Corpus { labels: vec![class.into()], recordings, ..Corpus::default() };
        let dir = tempfile::tempdir().unwrap();
        for part in Split::ALL {
            let lines = if part == Split::Train { lines } else { "" };
            std::fs::write(dir.path().join(table_name(part)), format!("class,path\n{lines}")).unwrap();
        }
        split_from_csv(&corpus, dir.path()).map_err(|e| e.to_string())
    }

    #[test]
    fn accents_may_be_composed_or_decomposed() {
        let train = Some(Split::Train);
        let (composed, decomposed) = ("b\u{e9}", "be\u{301}");
        for (ours, theirs) in [(composed, decomposed), (decomposed, composed)] {
            let paths = [format!("{ours}/{ours}/{ours}.wav"), format!("{ours}/anna/{ours}.wav")];
            let read = |lines: &str| train_csv(ours, paths.each_ref().map(String::as_str), lines).unwrap();
            assert_eq!(read(&format!("{theirs},{theirs}/{theirs}.wav\n")), [train, None]);
            assert_eq!(read(&format!("{theirs},anna/{theirs}.wav\n")), [None, train]);
            // Both forms side by side, as other systems allow: the same form goes first.
            let both = [format!("a/{ours}.wav"), format!("a/{theirs}.wav")];
            let both = both.each_ref().map(String::as_str);
            assert_eq!(train_csv("a", both, &format!("a,{ours}.wav\n")).unwrap(), [train, None]);
            assert_eq!(train_csv("a", both, &format!("a,{theirs}.wav\n")).unwrap(), [None, train]);
        }
    }

    #[test]
    fn folders_tell_recordings_of_one_name_apart() {
        let read = |lines: &str| train_csv("a", ["a/anna/1.wav", "a/ben/1.wav", "a/ben/2.wav"], lines);
        let train = Some(Split::Train);
        for (lines, expected) in [
            ("a,a/anna/1.wav\n", [train, None, None]),
            ("a,C:\\babies\\ben\\1.wav\na,elsewhere/2.wav\n", [None, train, train]),
            ("a,ben/1.wav\na,anna/1.wav\n", [train, train, None]),
        ] {
            assert_eq!(read(lines).unwrap(), expected, "{lines:?}");
        }
        for lines in ["a,1.wav\n", "a,carla/1.wav\n"] {
            let error = read(lines).unwrap_err();
            assert!(error.contains("several recordings of this class have this file name"), "{error}");
        }
    }
}
