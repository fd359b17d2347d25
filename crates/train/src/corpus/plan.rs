//! Which recordings train, validate and test: one split, or the folds of a cross-validation.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use dataset::{
    Corpus, Split, count, cross_validation, grouped_folds, grouped_split, leave_one_group_out, split_from_csv,
    stratified_split,
};
use experiment::{Recorders, seed};
use metrics::{group_ids, n_groups};

use super::group_names::group_names;
use crate::Error;
use crate::config::SplitConfig;

/// The split of each recording of the corpus, `[n recordings]`; `None` if it takes no part.
pub type Places = Vec<Option<Split>>;

/// The splits of a run.
pub struct Plan {
    /// How they were made, in words.
    pub rule: String,
    /// The split of the saved model. In a cross-validation it has no test.
    pub model: Places,
    /// The folds of a cross-validation, whose tests are scored together; empty if the saved model's test is scored.
    pub folds: Vec<Fold>,
}

/// One fold of a cross-validation.
pub struct Fold {
    /// Name of its folder below `folds/`.
    pub name: String,
    /// Repeat of the cross-validation, from 1.
    pub repeat: usize,
    /// Its number within the repeat, from 1, or the name of the group that it tests.
    pub fold: String,
    /// The split of each recording.
    pub places: Places,
}

impl Plan {
    /// Plans the splits that `split` asks for, drawn from `seed`. `recorders` is the recorder of each recording, if it is known,
    /// `groups` its group, `usable` whether it takes part, all `[n recordings]`.
    ///
    /// # Errors
    /// [`Error::Dataset`] if split files do not fit the corpus, [`Error::Config`] if there are fewer groups than folds,
    /// [`Error::Data`] if there are fewer than three groups, or if a split has no recording to train on, to validate or to test.
    pub fn new(
        split: &SplitConfig,
        seed: u64,
        corpus: &Corpus,
        recorders: &[Option<&str>],
        groups: &[usize],
        usable: &[bool],
    ) -> Result<Self, Error> {
        let members = Members::new(corpus, recorders, groups, usable);
        let plan = match split {
            SplitConfig::Stratified {} => {
                let split = stratified_split(&members.labels, seed);
                Self::single(format!("stratified 60/20/20 by class, seed {seed}"), members.places(split))
            }
            SplitConfig::Grouped {} => {
                let split = grouped_split(&members.labels, &members.groups, seed);
                let rule = format!("grouped by {}, 60/20/20, seed {seed}", members.grouping());
                Self::single(rule, members.places(split))
            }
            SplitConfig::Folders {} => members.folder_split(seed)?,
            SplitConfig::Table {} => members.column_split(seed)?,
            SplitConfig::LeaveOneCorpusOut {} => members.leave_one_corpus_out(seed)?,
            SplitConfig::Corpora { train, test } => members.corpora(train, test, seed)?,
            SplitConfig::Csv { dir } => {
                let dir = dir.replace("{root}", &corpus.root.display().to_string());
                let mut places = split_from_csv(corpus, Path::new(&dir))?;
                places.iter_mut().zip(usable).filter(|(_, usable)| !**usable).for_each(|(place, _)| *place = None);
                Self::single(format!("train.csv, val.csv and test.csv in {dir}"), places)
            }
            SplitConfig::CrossValidation { folds, repeats, grouped } => {
                members.cross_validation(*folds, *repeats, *grouped, seed)?
            }
            SplitConfig::LeaveOneGroupOut {} => members.leave_one_group_out(seed)?,
        };
        let needed = if plan.folds.is_empty() { &Split::ALL[..] } else { &[Split::Train, Split::Val] };
        members.check(&plan.model, needed)?;
        for fold in &plan.folds {
            members.check(&fold.places, &Split::ALL)?;
        }
        Ok(plan)
    }

    /// A plan with one split, whose test is scored.
    fn single(rule: String, model: Places) -> Self {
        Self { rule, model, folds: Vec::new() }
    }

    /// The splits whose tests are scored.
    pub fn scored(&self) -> Vec<&Places> {
        if self.folds.is_empty() { vec![&self.model] } else { self.folds.iter().map(|fold| &fold.places).collect() }
    }

    /// Leaves out the recordings that are not in `kept`, `[n recordings]`.
    pub fn retain(&mut self, kept: &[bool]) {
        for places in self.folds.iter_mut().map(|fold| &mut fold.places).chain([&mut self.model]) {
            let mut kept = kept.iter();
            places.retain(|_| kept.next() == Some(&true));
        }
    }

    /// How often each test recording is tested: the repeats of a cross-validation, otherwise 1.
    pub fn repeats(&self) -> usize {
        self.folds.iter().map(|fold| fold.repeat).max().unwrap_or(1)
    }

    /// Whether each recording takes part, `[n recordings]`.
    pub fn members(&self) -> Vec<bool> {
        let searches = self.searches();
        let in_any = |index: usize| searches.iter().any(|places| places[index].is_some());
        (0..self.model.len()).map(in_any).collect()
    }

    /// Number of recordings by class in training and validation of the saved model, and in test. A recording that is tested
    /// several times counts once.
    pub fn counts(&self, corpus: &Corpus) -> [Vec<usize>; 3] {
        let scored = self.scored();
        [
            corpus.class_counts(|index| self.model[index] == Some(Split::Train)),
            corpus.class_counts(|index| self.model[index] == Some(Split::Val)),
            corpus.class_counts(|index| scored.iter().any(|places| places[index] == Some(Split::Test))),
        ]
    }

    /// The splits of all searches: those of the folds, then that of the saved model.
    pub fn searches(&self) -> Vec<&Places> {
        self.folds.iter().map(|fold| &fold.places).chain([&self.model]).collect()
    }
}

/// What a grouped split never divides, in words.
const GROUPS: &str = "groups of recordings (recorders, joined where they share copies)";

/// How many training recordings are left out, in words.
fn without(left_out: usize) -> String {
    match left_out {
        0 => String::new(),
        n => format!(", without {} of training in one group with a tested one", count(n, "recording")),
    }
}

/// The recordings that take part.
struct Members<'a> {
    corpus: &'a Corpus,
    /// Their indices into the corpus.
    indices: Vec<usize>,
    labels: Vec<usize>,
    recorders: Vec<Option<&'a str>>,
    groups: Vec<usize>,
}

impl<'a> Members<'a> {
    fn new(corpus: &'a Corpus, recorders: &[Option<&'a str>], groups: &[usize], usable: &[bool]) -> Self {
        let indices: Vec<usize> = (0..usable.len()).filter(|index| usable[*index]).collect();
        let labels = indices.iter().map(|index| corpus.recordings[*index].label).collect();
        let recorders = indices.iter().map(|index| recorders[*index]).collect();
        let groups = group_ids(indices.iter().map(|index| Some(groups[*index])));
        Self { corpus, indices, labels, recorders, groups }
    }

    /// What a grouped split keeps together, in words.
    fn grouping(&self) -> String {
        Recorders::count(self.recorders.iter().copied()).grouping()
    }

    /// The split of each recording of the corpus, from that of each member.
    fn places(&self, split: Vec<Split>) -> Places {
        let mut places = vec![None; self.corpus.recordings.len()];
        self.indices.iter().zip(split).for_each(|(index, place)| places[*index] = Some(place));
        places
    }

    /// The split that the folders of the corpus name, with a grouped fifth of training for validation if there is none.
    fn folder_split(&self, seed: u64) -> Result<Plan, Error> {
        let root = self.corpus.root.display();
        let Some(split) = self.corpus.folder_split() else {
            return Err(Error::Data(format!(
                "{root}: the split \"folders\" needs folders named train, val and test with the class folders inside"
            )));
        };
        Ok(self.given(split, format!("the folders of {root}"), seed))
    }

    /// The split in the column `split` of a table.
    fn column_split(&self, seed: u64) -> Result<Plan, Error> {
        let Some(split) = self.corpus.column_split() else {
            return Err(Error::Data(format!(
                "{}: the split \"table\" needs a table with a column split",
                self.corpus.root.display()
            )));
        };
        Ok(self.given(split, "the column split of the table".into(), seed))
    }

    /// The split `split` of all recordings, with a grouped fifth of training for validation if there is none.
    fn given(&self, split: Places, mut rule: String, seed: u64) -> Plan {
        let mut places: Places = vec![None; split.len()];
        self.indices.iter().for_each(|index| places[*index] = split[*index]);
        if !places.contains(&Some(Split::Val)) {
            self.hold_out_validation(&mut places, seed);
            rule += &format!(", a fifth of training for validation, seed {seed}");
        }
        Plan::single(rule, places)
    }

    /// The split of the saved model of a cross-validation: all recordings, a fifth of them for validation.
    fn without_test(&self, seed: u64) -> Places {
        let mut places = self.places(vec![Split::Train; self.indices.len()]);
        self.hold_out_validation(&mut places, seed);
        places
    }

    /// Moves a grouped fifth of the training recordings in `places` to validation.
    fn hold_out_validation(&self, places: &mut Places, seed: u64) {
        let is_training = |member: &usize| places[self.indices[*member]] == Some(Split::Train);
        let training: Vec<usize> = (0..self.indices.len()).filter(is_training).collect();
        let labels: Vec<usize> = training.iter().map(|member| self.labels[*member]).collect();
        let groups = group_ids(training.iter().map(|member| Some(self.groups[*member])));
        let folds = grouped_folds(&labels, &groups, 5, seed).into_iter().zip(training);
        folds.filter(|(fold, _)| *fold == 0).for_each(|(_, member)| places[self.indices[member]] = Some(Split::Val));
    }

    fn cross_validation(&self, n_folds: usize, n_repeats: usize, grouped: bool, seed: u64) -> Result<Plan, Error> {
        let alone: Vec<usize> = (0..self.labels.len()).collect();
        let (groups, n_groups, of, how) = match grouped {
            true => (&self.groups, n_groups(&self.groups), GROUPS, format!("grouped by {}", self.grouping())),
            false => (&alone, alone.len(), "recordings", "not grouped".into()),
        };
        self.at_least_three("cross-validation", n_groups, of)?;
        if n_groups < n_folds {
            return Err(Error::Config(format!(
                "{}: {n_folds} folds need at least as many {of}, but there are {n_groups}; lower data.split.folds, or add \
                 recordings",
                self.corpus.root.display()
            )));
        }
        let mut folds = Vec::new();
        for repeat in 0..n_repeats {
            let seed = seed::derive(seed, &["folds", &repeat.to_string()]);
            for (number, split) in cross_validation(&self.labels, groups, n_folds, seed).into_iter().enumerate() {
                let (repeat, fold) = (repeat + 1, (number + 1).to_string());
                folds.push(Fold { name: format!("{repeat}-{fold}"), repeat, fold, places: self.places(split) });
            }
        }
        let rule = format!("{n_folds}-fold cross-validation, {how}, {n_repeats} x, seed {seed}");
        Ok(Plan { rule, model: self.without_test(seed), folds })
    }

    fn leave_one_group_out(&self, seed: u64) -> Result<Plan, Error> {
        self.at_least_three("leave_one_group_out", n_groups(&self.groups), GROUPS)?;
        let paths: Vec<&str> = self.indices.iter().map(|index| self.corpus.recordings[*index].path.as_str()).collect();
        let names = group_names(&self.groups, &self.recorders, &paths);
        let splits = leave_one_group_out(&self.labels, &self.groups, seed);
        let folds = names.into_iter().zip(splits).map(|(name, split)| Fold {
            fold: name.clone(),
            name,
            repeat: 1,
            places: self.places(split),
        });
        let rule = format!("each group left out once, grouped by {}, seed {seed}", self.grouping());
        Ok(Plan { rule, model: self.without_test(seed), folds: folds.collect() })
    }

    /// Each corpus as the test of one fold.
    fn leave_one_corpus_out(&self, seed: u64) -> Result<Plan, Error> {
        let names = self.corpora_of_members();
        let groups = group_ids(names.iter().map(|name| Some(*name)));
        if n_groups(&groups) < 2 {
            return Err(Error::Data(format!(
                "{}: leave_one_corpus_out needs at least 2 corpora, but there is {}; name several in [[data.corpora]], or in a \
                 column corpus of the table",
                self.corpus.root.display(),
                n_groups(&groups)
            )));
        }
        let known: Vec<Option<&str>> = names.iter().map(|name| Some(*name)).collect();
        let mut left_out = Vec::new();
        let mut folds = Vec::new();
        for (corpus, name) in group_names(&groups, &known, &names).into_iter().enumerate() {
            let (places, n) = self.apart(|member| Some(groups[member] == corpus), seed);
            left_out.push(n);
            folds.push(Fold { fold: name.clone(), name, repeat: 1, places });
        }
        let rule = format!(
            "each corpus left out once, grouped by {}{}, a fifth of the others for validation, seed {seed}",
            self.grouping(),
            without(left_out.iter().sum())
        );
        Ok(Plan { rule, model: self.without_test(seed), folds })
    }

    /// Some corpora for training and others for test.
    fn corpora(&self, train: &[String], test: &[String], seed: u64) -> Result<Plan, Error> {
        let names = self.corpora_of_members();
        if let Some(unknown) = train.iter().chain(test).find(|name| !names.contains(&name.as_str())) {
            let known: BTreeSet<&str> = names.iter().copied().filter(|name| !name.is_empty()).collect();
            return Err(Error::Config(format!(
                "data.split: there is no corpus {unknown:?} with recordings; there are {known:?}"
            )));
        }
        let is_in = |list: &[String], member: usize| list.iter().any(|name| name == names[member]);
        let is_test = |member: usize| match (is_in(test, member), is_in(train, member)) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            _ => None,
        };
        let (places, left_out) = self.apart(is_test, seed);
        let rule = format!(
            "train on {}, test on {}{}, a grouped fifth of training for validation, seed {seed}",
            train.join(", "),
            test.join(", "),
            without(left_out)
        );
        Ok(Plan::single(rule, places))
    }

    /// The corpus of each member.
    fn corpora_of_members(&self) -> Vec<&'a str> {
        self.indices.iter().map(|index| self.corpus.recordings[*index].corpus.as_str()).collect()
    }

    /// A split with the members for which `is_test` says so in test, and those for which it says no in training, of which a grouped
    /// fifth validates. Members of training in one group with a member of test are left out; the second value is their number.
    fn apart(&self, is_test: impl Fn(usize) -> Option<bool>, seed: u64) -> (Places, usize) {
        let all = 0..self.indices.len();
        let tested: HashSet<usize> =
            all.clone().filter(|member| is_test(*member) == Some(true)).map(|member| self.groups[member]).collect();
        let mut places: Places = vec![None; self.corpus.recordings.len()];
        let mut left_out = 0;
        for member in all {
            places[self.indices[member]] = match is_test(member) {
                Some(true) => Some(Split::Test),
                Some(false) if !tested.contains(&self.groups[member]) => Some(Split::Train),
                Some(false) => {
                    left_out += 1;
                    None
                }
                None => None,
            };
        }
        self.hold_out_validation(&mut places, seed);
        (places, left_out)
    }

    /// Fails if training, validation and test cannot each have one of the `n` things `of`.
    fn at_least_three(&self, kind: &str, n: usize, of: &str) -> Result<(), Error> {
        match n {
            3.. => Ok(()),
            _ => Err(Error::Data(format!(
                "{}: {kind} needs at least 3 {of}, but there are {n}; add recordings of other recorders",
                self.corpus.root.display()
            ))),
        }
    }

    /// Fails if a needed split is empty.
    fn check(&self, places: &Places, needed: &[Split]) -> Result<(), Error> {
        match needed.iter().find(|part| !places.contains(&Some(**part))) {
            None => Ok(()),
            Some(part) => Err(Error::Data(format!(
                "{}: no recording is in the {} split: {} in {} (recorders, joined where they share copies) are too few, or the split files name other recordings",
                self.corpus.root.display(),
                part.name(),
                count(self.indices.len(), "recording"),
                count(n_groups(&self.groups), "group")
            ))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dataset::Recording;

    use super::*;

    /// Two classes of `n` recordings each, with two recordings per recorder.
    fn corpus(n: usize) -> Corpus {
        let recording = |i: usize| Recording { path: format!("{i}.wav"), label: i / n, ..Recording::default() };
        let labels = ["hungry", "tired"].map(String::from).to_vec();
        Corpus {
            root: "recordings".into(),
            labels,
            recordings: (0..2 * n).map(recording).collect(),
            ..Corpus::default()
        }
    }

    fn plan(split: &SplitConfig, n: usize) -> Result<Plan, String> {
        let names: Vec<String> = (0..n).map(|recorder| format!("recorder {recorder}")).collect();
        let groups: Vec<usize> = (0..2 * n).map(|i| i / 2).collect();
        let recorders: Vec<Option<&str>> = groups.iter().map(|group| Some(names[*group].as_str())).collect();
        Plan::new(split, 5, &corpus(n), &recorders, &groups, &vec![true; 2 * n])
            .map_err(|error| format!("exit code {}: {error}", error.exit_code()))
    }

    #[test]
    fn each_repeat_tests_each_recording_once() {
        let plan = plan(&SplitConfig::CrossValidation { folds: 3, repeats: 4, grouped: true }, 12).unwrap();
        assert_eq!((plan.folds.len(), plan.repeats()), (12, 4));
        for repeat in 1..=4 {
            let folds: Vec<&Fold> = plan.folds.iter().filter(|fold| fold.repeat == repeat).collect();
            let names: Vec<(&str, &str)> = folds.iter().map(|fold| (fold.name.as_str(), fold.fold.as_str())).collect();
            let expected = ["1", "2", "3"].map(|fold| (format!("{repeat}-{fold}"), fold));
            assert_eq!(names, expected.each_ref().map(|(name, fold)| (name.as_str(), *fold)));
            for recording in 0..24 {
                assert_eq!(folds.iter().filter(|fold| fold.places[recording] == Some(Split::Test)).count(), 1);
            }
        }
        assert!(plan.folds[0].places != plan.folds[3].places, "repeats have other folds");
        let counts = plan.counts(&corpus(12));
        assert_eq!(counts[2], [12, 12], "a recording that is tested four times counts once");
        assert_eq!(plan.rule, "3-fold cross-validation, grouped by recorder and duplicate family, 4 x, seed 5");
    }

    /// Recordings at `paths`, each its own group; the folder before the last says the class, 0 or 1.
    fn corpus_at(paths: &[String]) -> Corpus {
        let labels = ["hungry", "tired"].map(String::from).to_vec();
        let recording = |path: &String| Recording {
            path: path.clone(),
            label: usize::from(path.contains("/tired/")),
            ..Recording::default()
        };
        Corpus { root: "r".into(), labels, recordings: paths.iter().map(recording).collect(), ..Corpus::default() }
    }

    fn folder_plan(paths: &[String], usable: &[bool]) -> Plan {
        let groups: Vec<usize> = (0..paths.len()).collect();
        Plan::new(&SplitConfig::Folders {}, 5, &corpus_at(paths), &vec![None; paths.len()], &groups, usable).unwrap()
    }

    #[test]
    fn folders_decide_the_split_and_recordings_that_are_not_usable_take_no_part() {
        let paths =
            ["train/hungry/1", "train/hungry/2", "train/tired/3", "val/tired/4", "val/tired/5", "test/hungry/6"]
                .map(String::from);
        let plan = folder_plan(&paths, &[true, false, true, true, true, true]);
        let [train, val, test] = [Some(Split::Train), Some(Split::Val), Some(Split::Test)];
        assert_eq!(plan.model, [train, None, train, val, val, test]);
        assert_eq!(plan.rule, "the folders of r");
        assert_eq!(plan.members(), [true, false, true, true, true, true]);
        assert_eq!(plan.counts(&corpus_at(&paths)), [vec![1, 1], vec![0, 2], vec![1, 0]]);
        assert_eq!(plan.repeats(), 1);
    }

    #[test]
    fn without_a_validation_folder_a_fifth_of_the_training_folder_validates() {
        let path = |i: usize| format!("{}/{}/{i}", ["train", "test"][i / 20], ["hungry", "tired"][i % 2]);
        let paths: Vec<String> = (0..30).map(path).collect();
        let plan = folder_plan(&paths, &[true; 30]);
        assert_eq!(plan.counts(&corpus_at(&paths)), [vec![8, 8], vec![2, 2], vec![5, 5]]);
        assert!(plan.model[20..].iter().all(|place| *place == Some(Split::Test)));
        assert_eq!(plan.rule, "the folders of r, a fifth of training for validation, seed 5");
    }

    #[test]
    fn more_folds_than_groups_are_refused_with_both_numbers() {
        let folds = |folds, grouped| SplitConfig::CrossValidation { folds, repeats: 1, grouped };
        for (split, n, code, expected) in [
            (
                folds(20, true),
                5,
                2,
                format!("20 folds need at least as many {GROUPS}, but there are 5; lower data.split.folds"),
            ),
            (folds(20, false), 5, 2, "20 folds need at least as many recordings, but there are 10".into()),
            (
                folds(3, true),
                2,
                3,
                format!("cross-validation needs at least 3 {GROUPS}, but there are 2; add recordings"),
            ),
            (
                SplitConfig::LeaveOneGroupOut {},
                2,
                3,
                format!("leave_one_group_out needs at least 3 {GROUPS}, but there are 2"),
            ),
            (SplitConfig::Grouped {}, 2, 3, "4 recordings in 2 groups (recorders, joined".into()),
        ] {
            let message = plan(&split, n).err().unwrap();
            assert!(message.starts_with(&format!("exit code {code}: recordings: ")), "{message}");
            assert!(message.contains(&expected), "{message}");
        }
        assert_eq!(plan(&folds(5, true), 5).unwrap().folds.len(), 5);
    }

    #[test]
    fn folds_of_leave_one_group_out_are_named_after_their_groups() {
        let plan = plan(&SplitConfig::LeaveOneGroupOut {}, 6).unwrap();
        for (group, fold) in plan.folds.iter().enumerate() {
            let name = format!("recorder-{group}");
            assert_eq!((&fold.name, &fold.fold, fold.repeat), (&name, &name, 1));
            let tested: Vec<usize> = (0..12).filter(|i| fold.places[*i] == Some(Split::Test)).collect();
            assert_eq!(tested, [2 * group, 2 * group + 1]);
        }
    }

    /// Three corpora of eight recordings of two classes, each its own group but for a copy of one of `a` in `b`.
    fn plan_over_corpora(split: &SplitConfig) -> Result<Plan, String> {
        let recording = |i: usize| Recording {
            path: format!("{i}.wav"),
            label: i % 2,
            corpus: ["a", "b", "c"][i / 8].into(),
            ..Recording::default()
        };
        let recordings = (0..24).map(recording).collect();
        let labels = ["hungry", "tired"].map(String::from).to_vec();
        let corpus = Corpus { root: "r".into(), labels, recordings, ..Corpus::default() };
        let mut groups: Vec<usize> = (0..24).collect();
        groups[8] = 0;
        Plan::new(split, 5, &corpus, &[None; 24], &groups, &[true; 24])
            .map_err(|error| format!("exit code {}: {error}", error.exit_code()))
    }

    #[test]
    fn each_corpus_is_tested_without_training_on_its_groups() {
        let plan = plan_over_corpora(&SplitConfig::LeaveOneCorpusOut {}).unwrap();
        let names: Vec<&str> = plan.folds.iter().map(|fold| fold.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        for (number, fold) in plan.folds.iter().enumerate() {
            let tested: Vec<usize> = (0..24).filter(|i| fold.places[*i] == Some(Split::Test)).collect();
            assert_eq!(tested, (8 * number..8 * number + 8).collect::<Vec<_>>());
            let n = |part| fold.places.iter().filter(|place| **place == Some(part)).count();
            let left_out: Vec<usize> = (0..24).filter(|i| fold.places[*i].is_none()).collect();
            let expected: &[usize] = [&[8], &[0], &[][..]][number];
            assert_eq!(left_out, expected, "the other one of the group of {}", fold.name);
            assert_eq!(n(Split::Val) + n(Split::Train), 16 - expected.len());
            assert!((2..=4).contains(&n(Split::Val)), "{}", n(Split::Val));
        }
        let expected = "each corpus left out once, grouped by duplicate family (no recorder is known), without 2 recordings of \
                        training in one group with a tested one, a fifth of the others for validation, seed 5";
        assert_eq!(plan.rule, expected);
    }

    #[test]
    fn corpora_train_and_test_and_others_take_no_part() {
        let corpora =
            |train: &str, test: &str| SplitConfig::Corpora { train: vec![train.into()], test: vec![test.into()] };
        let plan = plan_over_corpora(&corpora("b", "a")).unwrap();
        assert!(plan.folds.is_empty() && plan.model[..8].iter().all(|place| *place == Some(Split::Test)));
        assert_eq!(plan.model[8], None, "a copy of a tested recording");
        assert!(plan.model[9..16].iter().all(|place| matches!(place, Some(Split::Train | Split::Val))));
        assert!(plan.model[16..].iter().all(Option::is_none));
        assert_eq!(
            plan.rule,
            "train on b, test on a, without 1 recording of training in one group with a tested one, a grouped fifth of training \
             for validation, seed 5"
        );
        let error = plan_over_corpora(&corpora("b", "d")).err().unwrap();
        assert!(error.starts_with("exit code 2: ") && error.contains("{\"a\", \"b\", \"c\"}"), "{error}");
        let alone = super::tests::plan(&SplitConfig::LeaveOneCorpusOut {}, 6).err().unwrap();
        assert!(alone.starts_with("exit code 3: ") && alone.contains("needs at least 2 corpora"), "{alone}");
    }
}
