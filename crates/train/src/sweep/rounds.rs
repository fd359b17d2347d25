//! Trains the trials of one search, round by round. A grid and random search have one round; successive halving and TPE plan each
//! round from the results of those before.

use experiment::TrialConfig;
use experiment::journal::Record;

use super::ended::Ended;
use super::search_data::SearchData;
use super::searches::SplitSearch;
use super::trainer::Trainer;
use super::writer::record;
use super::{grid, halving, inner_folds, parzen};
use crate::Error;
use crate::config::{Config, Strategy};

/// Trains `trials`, those that do not depend on results, and then the rounds that follow from them. Returns all, in the order of
/// [`TrialConfig::order`], and their records: those of inner folds first. `only` is the data of the search if all trials share it.
///
/// # Errors
/// As [`Trainer::train`] and [`SplitSearch::inner`].
pub(super) fn train(
    trainer: &Trainer,
    search: &SplitSearch,
    trials: &[TrialConfig],
    only: Option<&SearchData>,
) -> Result<(Vec<Ended>, Vec<Record>), Error> {
    let folds = search.inner(trainer.prepared)?;
    let mut rounds = Rounds::new(trainer.prepared.config);
    let mut all: Vec<Ended> = Vec::new();
    let mut round = trials.to_vec();
    while !round.is_empty() {
        let of_folds = inner_folds::train(trainer, &folds, &round)?;
        let outcomes = trainer.train_on(search, &round, only)?;
        let corpus = &trainer.prepared.data.corpus;
        for ((trial, outcome), of_folds) in round.into_iter().zip(outcomes).zip(of_folds) {
            let inner_macro_f1 = match folds.is_empty() {
                true => None,
                false => inner_folds::macro_f1(corpus, &of_folds),
            };
            all.push(Ended { trial, outcome, of_folds, inner_macro_f1 });
        }
        round = rounds.next(&all);
    }
    all.sort_by(|one, other| one.trial.order(&other.trial));
    let of_fold = |(index, fold): (usize, &SplitSearch)| {
        all.iter().map(|ended| record(&fold.name, &ended.trial, &ended.of_folds[index])).collect::<Vec<_>>()
    };
    let mut records: Vec<Record> = folds.iter().enumerate().flat_map(of_fold).collect();
    records.extend(all.iter().map(|ended| record(&search.name, &ended.trial, &ended.outcome)));
    Ok((all, records))
}

/// What plans the rounds after the first one.
enum Rounds<'a> {
    /// There are none.
    None,
    /// Successive halving of these trials.
    Halving(&'a Config, Vec<TrialConfig>),
    Tpe(parzen::Rounds<'a>),
}

impl<'a> Rounds<'a> {
    fn new(config: &'a Config) -> Self {
        match config.sweep.strategy {
            Strategy::Grid | Strategy::Random => Self::None,
            Strategy::Halving => Self::Halving(config, grid::trials(config)),
            Strategy::Tpe => Self::Tpe(parzen::Rounds::new(config)),
        }
    }

    /// The trials that follow from those that ended; none if the search is done.
    fn next(&mut self, ended: &[Ended]) -> Vec<TrialConfig> {
        match self {
            Self::None => Vec::new(),
            Self::Halving(config, first) => halving::next_round(config, first, ended),
            Self::Tpe(rounds) => rounds.next(ended),
        }
    }
}
