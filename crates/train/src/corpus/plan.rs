//! Which recordings train, validate and test: one split, or the folds of a cross-validation.

use std::path::Path;

use dataset::{
    Corpus, Split, cross_validation, grouped_folds, grouped_split, leave_one_group_out, split_from_csv,
    stratified_split,
};
use experiment::seed;
use metrics::group_ids;

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
    /// The split of each recording.
    pub places: Places,
}

impl Plan {
    /// Plans the splits that `split` asks for, drawn from `seed`. `groups` is the group of each recording, `usable` whether it
    /// takes part, both `[n recordings]`.
    ///
    /// # Errors
    /// [`Error::Dataset`] if split files do not fit the corpus, [`Error::Data`] if a split has no recording to train on, to
    /// validate or to test.
    pub fn new(
        split: &SplitConfig,
        seed: u64,
        corpus: &Corpus,
        groups: &[usize],
        usable: &[bool],
    ) -> Result<Self, Error> {
        let members = Members::new(corpus, groups, usable);
        let plan = match split {
            SplitConfig::Stratified => {
                let split = stratified_split(&members.labels, seed);
                Self::single(format!("stratified 60/20/20 by class, seed {seed}"), members.places(split))
            }
            SplitConfig::Grouped => {
                let split = grouped_split(&members.labels, &members.groups, seed);
                let rule = format!("grouped by recorder and duplicate family, 60/20/20, seed {seed}");
                Self::single(rule, members.places(split))
            }
            SplitConfig::Folders => members.folder_split(corpus, seed)?,
            SplitConfig::Csv { dir } => {
                let dir = dir.replace("{root}", &corpus.root.display().to_string());
                let mut places = split_from_csv(corpus, Path::new(&dir))?;
                places.iter_mut().zip(usable).filter(|(_, usable)| !**usable).for_each(|(place, _)| *place = None);
                Self::single(format!("train.csv, val.csv and test.csv in {dir}"), places)
            }
            SplitConfig::CrossValidation { folds, repeats, grouped } => {
                members.cross_validation(*folds, *repeats, *grouped, seed)
            }
            SplitConfig::LeaveOneGroupOut => members.leave_one_group_out(seed),
        };
        let needed = if plan.folds.is_empty() { &Split::ALL[..] } else { &[Split::Train, Split::Val] };
        check(corpus, &plan.model, needed)?;
        for fold in &plan.folds {
            check(corpus, &fold.places, &Split::ALL)?;
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

    /// Number of recordings by class in training, validation and test; a recording counts as often as it is tested.
    pub fn counts(&self, corpus: &Corpus) -> [Vec<usize>; 3] {
        let mut counts: [Vec<usize>; 3] = std::array::from_fn(|_| vec![0; corpus.labels.len()]);
        let mut count = |places: &Places, wanted: &[Split]| {
            for (recording, place) in corpus.recordings.iter().zip(places) {
                for (part, counts) in Split::ALL.into_iter().zip(&mut counts) {
                    counts[recording.label] += usize::from(*place == Some(part) && wanted.contains(&part));
                }
            }
        };
        count(&self.model, &[Split::Train, Split::Val]);
        self.scored().into_iter().for_each(|places| count(places, &[Split::Test]));
        counts
    }
}

/// The recordings that take part.
struct Members {
    /// Number of recordings in the corpus.
    n_recordings: usize,
    /// Their indices into the corpus.
    indices: Vec<usize>,
    labels: Vec<usize>,
    groups: Vec<usize>,
}

impl Members {
    fn new(corpus: &Corpus, groups: &[usize], usable: &[bool]) -> Self {
        let indices: Vec<usize> = (0..usable.len()).filter(|index| usable[*index]).collect();
        let labels = indices.iter().map(|index| corpus.recordings[*index].label).collect();
        let groups = group_ids(indices.iter().map(|index| Some(groups[*index])));
        Self { n_recordings: usable.len(), indices, labels, groups }
    }

    /// The split of each recording of the corpus, from that of each member.
    fn places(&self, split: Vec<Split>) -> Places {
        let mut places = vec![None; self.n_recordings];
        self.indices.iter().zip(split).for_each(|(index, place)| places[*index] = Some(place));
        places
    }

    /// The split that the folders of the corpus name, with a grouped fifth of training for validation if there is none.
    fn folder_split(&self, corpus: &Corpus, seed: u64) -> Result<Plan, Error> {
        let Some(split) = corpus.folder_split() else {
            return Err(Error::Data(format!(
                "{}: the split \"folders\" needs folders named train, val and test with the class folders inside",
                corpus.root.display()
            )));
        };
        let mut places: Places = vec![None; split.len()];
        self.indices.iter().for_each(|index| places[*index] = split[*index]);
        let mut rule = format!("the folders of {}", corpus.root.display());
        if !places.contains(&Some(Split::Val)) {
            let training = |member: &usize| places[self.indices[*member]] == Some(Split::Train);
            let training: Vec<usize> = (0..self.indices.len()).filter(training).collect();
            let labels: Vec<usize> = training.iter().map(|member| self.labels[*member]).collect();
            let groups = group_ids(training.iter().map(|member| Some(self.groups[*member])));
            let folds = grouped_folds(&labels, &groups, 5, seed).into_iter().zip(training);
            folds
                .filter(|(fold, _)| *fold == 0)
                .for_each(|(_, member)| places[self.indices[member]] = Some(Split::Val));
            rule += &format!(", a fifth of training for validation, seed {seed}");
        }
        Ok(Plan::single(rule, places))
    }

    /// The split of the saved model of a cross-validation: all recordings, a fifth of them for validation.
    fn without_test(&self, seed: u64) -> Places {
        let folds = grouped_folds(&self.labels, &self.groups, 5, seed);
        self.places(folds.into_iter().map(|fold| if fold == 0 { Split::Val } else { Split::Train }).collect())
    }

    fn cross_validation(&self, n_folds: usize, n_repeats: usize, grouped: bool, seed: u64) -> Plan {
        let alone: Vec<usize> = (0..self.labels.len()).collect();
        let (groups, how) = match grouped {
            true => (&self.groups, "grouped by recorder and duplicate family"),
            false => (&alone, "not grouped"),
        };
        let mut folds = Vec::new();
        for repeat in 0..n_repeats {
            let seed = seed::derive(seed, &["folds", &repeat.to_string()]);
            for (number, split) in cross_validation(&self.labels, groups, n_folds, seed).into_iter().enumerate() {
                folds.push(Fold { name: format!("{}-{}", repeat + 1, number + 1), places: self.places(split) });
            }
        }
        let rule = format!("{n_folds}-fold cross-validation, {how}, {n_repeats} x, seed {seed}");
        Plan { rule, model: self.without_test(seed), folds }
    }

    fn leave_one_group_out(&self, seed: u64) -> Plan {
        let splits = leave_one_group_out(&self.labels, &self.groups, seed).into_iter().enumerate();
        let fold =
            |(number, split): (usize, Vec<Split>)| Fold { name: (number + 1).to_string(), places: self.places(split) };
        let rule = format!("each recorder with its duplicate families left out once, seed {seed}");
        Plan { rule, model: self.without_test(seed), folds: splits.map(fold).collect() }
    }
}

/// Fails if a needed split is empty.
fn check(corpus: &Corpus, places: &Places, needed: &[Split]) -> Result<(), Error> {
    match needed.iter().find(|part| !places.contains(&Some(**part))) {
        None => Ok(()),
        Some(part) => Err(Error::Data(format!(
            "{}: no recording is in the {} split; there are too few recordings or recorders, or the split files name other recordings",
            corpus.root.display(),
            part.name()
        ))),
    }
}
