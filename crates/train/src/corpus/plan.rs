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
    /// Plans the splits that `split` asks for, drawn from `seed`. `groups` is the group of each recording, `usable` whether it takes part,
    /// both `[n recordings]`.
    ///
    /// # Errors
    /// [`Error::Dataset`] if split files do not fit the corpus, [`Error::Data`] if a split has no recording to train on, to validate or to
    /// test.
    pub fn new(
        split: &SplitConfig,
        seed: u64,
        corpus: &Corpus,
        groups: &[usize],
        usable: &[bool],
    ) -> Result<Self, Error> {
        let members: Vec<usize> = (0..usable.len()).filter(|index| usable[*index]).collect();
        let labels: Vec<usize> = members.iter().map(|index| corpus.recordings[*index].label).collect();
        let groups = group_ids(members.iter().map(|index| Some(groups[*index])));
        let placed = |split: Vec<Split>| {
            let mut places = vec![None; usable.len()];
            members.iter().zip(split).for_each(|(index, place)| places[*index] = Some(place));
            places
        };
        // The saved model of a cross-validation is trained by the same procedure on all recordings.
        let without_test = || {
            let folds = grouped_folds(&labels, &groups, 5, seed);
            placed(folds.into_iter().map(|fold| if fold == 0 { Split::Val } else { Split::Train }).collect())
        };
        let plan = match split {
            SplitConfig::Stratified => Self {
                rule: format!("stratified 60/20/20 by class, seed {seed}"),
                model: placed(stratified_split(&labels, seed)),
                folds: Vec::new(),
            },
            SplitConfig::Grouped => Self {
                rule: format!("grouped by recorder and duplicate family, 60/20/20, seed {seed}"),
                model: placed(grouped_split(&labels, &groups, seed)),
                folds: Vec::new(),
            },
            SplitConfig::Csv { dir } => {
                let dir = dir.replace("{root}", &corpus.root.display().to_string());
                let mut model = split_from_csv(corpus, Path::new(&dir))?;
                model.iter_mut().zip(usable).filter(|(_, usable)| !**usable).for_each(|(place, _)| *place = None);
                Self { rule: format!("train.csv, val.csv and test.csv in {dir}"), model, folds: Vec::new() }
            }
            SplitConfig::CrossValidation { folds, repeats, grouped } => {
                let alone: Vec<usize> = (0..labels.len()).collect();
                let (groups, how) = match grouped {
                    true => (&groups, "grouped by recorder and duplicate family"),
                    false => (&alone, "not grouped"),
                };
                let repeat = |r: usize| {
                    let seed = seed::derive(seed, &["folds", &r.to_string()]);
                    let splits = cross_validation(&labels, groups, *folds, seed).into_iter().enumerate();
                    splits.map(move |(k, split)| (format!("{}-{}", r + 1, k + 1), split)).collect::<Vec<_>>()
                };
                let splits = (0..*repeats).flat_map(repeat);
                Self {
                    rule: format!("{folds}-fold cross-validation, {how}, {repeats} x, seed {seed}"),
                    model: without_test(),
                    folds: splits.map(|(name, split)| Fold { name, places: placed(split) }).collect(),
                }
            }
            SplitConfig::LeaveOneGroupOut => {
                let splits = leave_one_group_out(&labels, &groups, seed).into_iter().enumerate();
                Self {
                    rule: format!("each recorder with its duplicate families left out once, seed {seed}"),
                    model: without_test(),
                    folds: splits.map(|(k, split)| Fold { name: (k + 1).to_string(), places: placed(split) }).collect(),
                }
            }
        };
        let needed = if plan.folds.is_empty() { &Split::ALL[..] } else { &[Split::Train, Split::Val] };
        check(corpus, &plan.model, needed)?;
        for fold in &plan.folds {
            check(corpus, &fold.places, &Split::ALL)?;
        }
        Ok(plan)
    }

    /// The splits whose tests are scored.
    pub fn scored(&self) -> Vec<&Places> {
        if self.folds.is_empty() { vec![&self.model] } else { self.folds.iter().map(|fold| &fold.places).collect() }
    }

    /// Number of recordings by class in training, validation and test; a recording counts as often as it is tested.
    pub fn counts(&self, corpus: &Corpus) -> [Vec<usize>; 3] {
        let mut counts = [const { Vec::new() }; 3].map(|_: Vec<usize>| vec![0; corpus.labels.len()]);
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
