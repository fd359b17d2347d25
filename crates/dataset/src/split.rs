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
/// class has three recordings or more; the rest to training. `labels` is `[n]`, and so is the result.
pub fn stratified_split(labels: &[usize], seed: u64) -> Vec<Split> {
    let mut split = vec![Split::Train; labels.len()];
    for label in 0..count(labels) {
        let mut members: Vec<usize> = (0..split.len()).filter(|index| labels[*index] == label).collect();
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

/// Deals recordings to `n_folds` folds, whole groups at a time, each fold as like the others in every class as groups
/// allow: the largest groups first (equal ones in seeded order), each to the fold that has least of its classes, by
/// shares of the class. `labels` and `groups` are `[n]`; the result is the fold of each recording, below `n_folds`.
pub fn grouped_folds(labels: &[usize], groups: &[usize], n_folds: usize, seed: u64) -> Vec<usize> {
    let n_classes = count(labels);
    let n_groups = count(groups);
    let mut totals = vec![0.0; n_classes];
    let mut sizes = vec![vec![0.0; n_classes]; n_groups];
    for (label, group) in labels.iter().zip(groups) {
        totals[*label] += 1.0;
        sizes[*group][*label] += 1.0;
    }
    let mut order: Vec<usize> = (0..n_groups).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let size = |group: usize| sizes[group].iter().sum::<f64>();
    order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));

    let mut held = vec![vec![0.0; n_classes]; n_folds];
    let mut fold_of_group = vec![0; n_groups];
    for group in order {
        // What it costs to add it: the growth of the sum over classes of squared shares.
        let cost = |fold: &Vec<f64>| -> f64 {
            let shares = sizes[group].iter().zip(fold).zip(&totals).filter(|(_, total)| **total > 0.0);
            shares.map(|((size, held), total)| size * (size + 2.0 * held) / (total * total)).sum()
        };
        let filled = |fold: &Vec<f64>| fold.iter().sum::<f64>();
        let best = (0..n_folds)
            .min_by(|a, b| {
                let (a, b) = (&held[*a], &held[*b]);
                cost(a).total_cmp(&cost(b)).then(filled(a).total_cmp(&filled(b)))
            })
            .unwrap_or(0);
        held[best].iter_mut().zip(&sizes[group]).for_each(|(held, size)| *held += size);
        fold_of_group[group] = best;
    }
    groups.iter().map(|group| fold_of_group[*group]).collect()
}

/// A 60/20/20 split in which no group stands on two sides: of five [`grouped_folds`], one for test, one for validation.
pub fn grouped_split(labels: &[usize], groups: &[usize], seed: u64) -> Vec<Split> {
    fold_split(&grouped_folds(labels, groups, 5, seed), 5, 0)
}

/// The splits of a grouped cross-validation, one a fold, at least three: the fold is its test, the next one its
/// validation.
pub fn cross_validation(labels: &[usize], groups: &[usize], n_folds: usize, seed: u64) -> Vec<Vec<Split>> {
    let folds = grouped_folds(labels, groups, n_folds, seed);
    (0..n_folds).map(|fold| fold_split(&folds, n_folds, fold)).collect()
}

/// A split for each group, in which it alone is the test; a fifth of the others is validation.
pub fn leave_one_group_out(labels: &[usize], groups: &[usize], seed: u64) -> Vec<Vec<Split>> {
    let folds = grouped_folds(labels, groups, 5, seed);
    let n_groups = count(groups);
    (0..n_groups)
        .map(|left_out| {
            // The fold after that of the group, so that it is not always the same recordings that are not learnt from.
            let own = groups.iter().position(|group| *group == left_out).map_or(0, |index| folds[index]);
            let place = |(group, fold): (&usize, &usize)| match (*group == left_out, *fold == (own + 1) % 5) {
                (true, _) => Split::Test,
                (false, true) => Split::Val,
                (false, false) => Split::Train,
            };
            groups.iter().zip(&folds).map(place).collect()
        })
        .collect()
}

/// How many classes or groups there are, when they are numbered from 0.
fn count(numbers: &[usize]) -> usize {
    numbers.iter().max().map_or(0, |largest| largest + 1)
}

fn fold_split(folds: &[usize], n_folds: usize, test: usize) -> Vec<Split> {
    let place = |fold: &usize| match (fold + n_folds - test) % n_folds {
        0 => Split::Test,
        1 => Split::Val,
        _ => Split::Train,
    };
    folds.iter().map(place).collect()
}

/// A split as the texts of `train.csv`, `val.csv` and `test.csv`, which [`split_from_csv`] reads.
pub fn split_to_csv(corpus: &Corpus, split: &[Option<Split>]) -> [(String, String); 3] {
    Split::ALL.map(|part| {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut put = |row: [&str; 3]| {
            // Writing to memory cannot fail, and every row has the same length.
            let _ = writer.write_record(row);
        };
        put(["class", "path", "label"]);
        for (recording, _) in corpus.recordings.iter().zip(split).filter(|(_, place)| **place == Some(part)) {
            put([&corpus.labels[recording.label], &recording.path, &recording.label.to_string()]);
        }
        let text = writer.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        (format!("{}.csv", part.name()), text)
    })
}

/// A line of a split file; its `label` column is not needed.
#[derive(Deserialize)]
struct Line {
    class: String,
    path: String,
}

/// Reads `train.csv`, `val.csv` and `test.csv` in `dir`, with columns `class,path,label`. A line stands for the recording
/// of its class with the same file name, wherever the path says it once was: no path in these files is ever opened. `None`
/// is a recording in no file.
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

    fn labels(corpus: &Corpus) -> Vec<usize> {
        corpus.recordings.iter().map(|recording| recording.label).collect()
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
            let split = stratified_split(&labels(&corpus), seed);
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
            prop_assert_eq!(split, stratified_split(&labels(&corpus), seed));
        }
    }

    /// Labels and groups of recordings of which each group has one or a few classes.
    fn grouped() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
        prop::collection::vec((0_usize..4, 1_usize..5, any::<bool>()), 1..80).prop_map(|groups| {
            let mut labels = Vec::new();
            let mut ids = Vec::new();
            for (group, (label, size, mixed)) in groups.into_iter().enumerate() {
                for i in 0..size {
                    labels.push(if mixed { (label + i) % 4 } else { label });
                    ids.push(group);
                }
            }
            (labels, ids)
        })
    }

    proptest! {
        #[test]
        fn no_group_is_on_two_sides((labels, groups) in grouped(), n_folds in 3_usize..8, seed: u64) {
            let mut splits = cross_validation(&labels, &groups, n_folds, seed);
            prop_assert_eq!(splits.len(), n_folds);
            for index in 0..labels.len() {
                let tested = splits.iter().filter(|split| split[index] == Split::Test).count();
                prop_assert_eq!(tested, 1, "each recording is in one test");
            }
            splits.push(grouped_split(&labels, &groups, seed));
            splits.extend(leave_one_group_out(&labels, &groups, seed));
            for split in splits {
                for (a, group) in groups.iter().enumerate() {
                    prop_assert!((0..a).all(|b| groups[b] != *group || split[a] == split[b]));
                }
            }
        }

        #[test]
        fn groups_of_one_are_dealt_evenly(sizes in prop::collection::vec(0_usize..60, 1..6), seed: u64) {
            let labels: Vec<usize> = sizes.iter().enumerate().flat_map(|(label, n)| vec![label; *n]).collect();
            let groups: Vec<usize> = (0..labels.len()).collect();
            let folds = grouped_folds(&labels, &groups, 5, seed);
            for (label, n) in sizes.iter().enumerate() {
                for fold in 0..5 {
                    let held = (0..labels.len()).filter(|i| labels[*i] == label && folds[*i] == fold).count();
                    prop_assert!(held == n / 5 || held == n.div_ceil(5), "{} of {} in fold {}", held, n, fold);
                }
            }
        }
    }

    #[test]
    fn each_group_is_left_out_once() {
        let (labels, groups) = ([0, 0, 1, 1, 0, 1], [0, 0, 1, 2, 2, 3]);
        let splits = leave_one_group_out(&labels, &groups, 1);
        assert_eq!(splits.len(), 4);
        for (group, split) in splits.iter().enumerate() {
            let tested: Vec<usize> = (0..6).filter(|i| split[*i] == Split::Test).collect();
            assert_eq!(tested, (0..6).filter(|i| groups[*i] == group).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_split_survives_its_csv_files() {
        let corpus = corpus(&[4, 3]);
        let mut split: Vec<Option<Split>> = stratified_split(&labels(&corpus), 5).into_iter().map(Some).collect();
        split[2] = None;
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in split_to_csv(&corpus, &split) {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        assert_eq!(split_from_csv(&corpus, dir.path()).unwrap(), split);
    }

    #[test]
    fn another_seed_splits_otherwise() {
        let corpus = corpus(&[30, 30]);
        assert_ne!(stratified_split(&labels(&corpus), 1), stratified_split(&labels(&corpus), 2));
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
