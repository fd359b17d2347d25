//! The units of work of a run, and how shards share them.

use dataset::Split;
use experiment::TrialConfig;
use serde::Serialize;

use super::grid;
use super::prepare::Prepared;
use super::searches::{SplitSearch, outer};
use super::shard::Shard;
use crate::Error;

/// What [`Unit::cost`] counts.
pub const COST: &str = "epochs x training recordings x trained weights";

/// A shard may be this part of its share larger or smaller, if that keeps a search together.
const SLACK: u128 = 10;

/// One unit of work: a trial of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unit {
    /// Folder of the search below the run's; empty for the search of the saved model.
    pub search: String,
    /// The trial.
    pub trial: TrialConfig,
    /// Relative cost: see [`COST`].
    pub cost: u64,
}

/// The units of a run, search by search. They follow from the run's identity, the grid and the number of epochs.
pub struct WorkPlan {
    /// Name of the run's folder.
    pub run: String,
    /// The units; of a search in rounds, those of the first round.
    pub units: Vec<Unit>,
    /// Whether later units follow from the results of earlier ones, so that each search, with its inner folds, is in one shard.
    pub in_rounds: bool,
}

impl WorkPlan {
    /// The units of the run called `run`.
    ///
    /// # Errors
    /// [`Error::Config`] if the values of a trial do not go together, or there are too few groups for inner folds.
    pub(super) fn new(prepared: &Prepared, run: &str) -> Result<Self, Error> {
        let trials = grid::trials(prepared.config);
        let costs: Vec<u64> = trials.iter().map(|trial| cost(prepared, trial)).collect::<Result<_, Error>>()?;
        let searches = SplitSearch::all(prepared)?;
        let units = searches.iter().flat_map(|search| {
            let recordings = search.places.iter().filter(|place| **place == Some(Split::Train)).count();
            let unit = move |(trial, cost): (&TrialConfig, &u64)| Unit {
                search: search.name.clone(),
                trial: trial.clone(),
                cost: cost.saturating_mul(recordings as u64),
            };
            trials.iter().zip(&costs).map(unit)
        });
        let in_rounds = prepared.config.sweep.strategy.has_rounds();
        Ok(Self { run: run.into(), units: units.collect(), in_rounds })
    }

    /// The number of the shard that does each unit, from 1, if there are `count` shards: neighbouring units, so that a search is
    /// in as few shards as possible, and about the same cost for each shard. With rounds, whole searches.
    pub fn deal(&self, count: usize) -> Vec<usize> {
        let mut spans: Vec<(u128, u128)> = Vec::new();
        let mut edges = Vec::new();
        let mut total = 0;
        let begins = |unit: &Unit, before: &Unit| match self.in_rounds {
            true => outer(&unit.search) != outer(&before.search),
            false => unit.search != before.search,
        };
        for (index, unit) in self.units.iter().enumerate() {
            if index == 0 || begins(unit, &self.units[index - 1]) {
                edges.push(total);
            }
            spans.push((total, u128::from(unit.cost)));
            total += u128::from(unit.cost);
        }
        // In units of 1 / count, so that nothing is rounded.
        let n = count as u128;
        let cut = |shard: usize| {
            let even = shard as u128 * total;
            let nearest = edges.iter().map(|edge| edge * n).min_by_key(|edge| edge.abs_diff(even));
            nearest.filter(|edge| self.in_rounds || edge.abs_diff(even) * SLACK <= total).unwrap_or(even)
        };
        let cuts: Vec<u128> = (1..count).map(cut).collect();
        let shard_of = |(start, cost): (u128, u128)| 1 + cuts.partition_point(|cut| 2 * cut <= (2 * start + cost) * n);
        spans.into_iter().map(shard_of).collect()
    }

    /// The units of `shard`.
    pub(super) fn of_shard(&self, shard: Shard) -> Vec<&Unit> {
        let shards = self.deal(shard.count());
        self.units.iter().zip(shards).filter(|(_, index)| *index == shard.index()).map(|(unit, _)| unit).collect()
    }
}

/// What one training recording costs `trial`: epochs, times the weights of the head and of the backbone's trained layers.
fn cost(prepared: &Prepared, trial: &TrialConfig) -> Result<u64, Error> {
    let encoding = prepared.encodings.of(trial)?;
    let (config, weights) = (&encoding.config, &encoding.backbone.weights);
    let n_classes = prepared.data.corpus.labels.len();
    // A head over frames uses its weights once for each.
    let [n_frames, n_inputs] = match config.head.kind.takes_frames() {
        true => weights.frames(&config.features.inputs()).unwrap_or_default(),
        false => [1, weights.n_outputs()],
    };
    let n_weights = encoding.n_trained(prepared.compute) + n_frames * trial.head.n_weights(n_inputs, n_classes);
    let epochs = prepared.config.with(&trial.settings)?.train.epochs;
    Ok((epochs as u64).saturating_mul(n_weights as u64))
}

#[cfg(test)]
mod tests {
    use model::HeadConfig;
    use proptest::prelude::*;

    use super::*;

    /// A plan with a unit for each cost, search by search.
    fn plan(searches: &[&[u64]]) -> WorkPlan {
        let units = searches.iter().enumerate().flat_map(|(search, costs)| {
            costs.iter().enumerate().map(move |(inner, cost)| Unit {
                search: format!("folds/{search}"),
                trial: TrialConfig::new(Some(0.1), HeadConfig::mlp(inner, 0.5)),
                cost: *cost,
            })
        });
        WorkPlan { run: "run".into(), units: units.collect(), in_rounds: false }
    }

    #[test]
    fn units_are_dealt_evenly_and_searches_stay_together() {
        for (searches, count, expected) in [
            (&[&[1, 1][..], &[1, 1]][..], 1, &[1, 1, 1, 1][..]),
            (&[&[1, 1], &[1, 1]], 2, &[1, 1, 2, 2]),
            (&[&[1, 1], &[1, 1]], 4, &[1, 2, 3, 4]),
            (&[&[5, 5], &[5, 5], &[6, 6]], 3, &[1, 1, 2, 2, 3, 3]), // the even cut is in the third search
            (&[&[1, 1, 8], &[5, 5]], 2, &[1, 1, 1, 2, 2]),
            (&[&[1, 1, 1, 9]], 2, &[1, 1, 1, 2]),
            (&[&[1], &[1]], 5, &[2, 4]), // more shards than units
        ] {
            assert_eq!(plan(searches).deal(count), expected, "{searches:?} in {count}");
        }
    }

    #[test]
    fn with_rounds_a_search_stays_whole_with_its_inner_folds() {
        let mut plan = plan(&[&[1, 1], &[1, 1], &[9, 9], &[1, 1]]);
        for (unit, search) in plan.units.chunks_mut(2).zip(["folds/1/inner/1", "folds/1", "inner/1", ""]) {
            unit.iter_mut().for_each(|unit| unit.search = search.into());
        }
        plan.in_rounds = true;
        assert_eq!(plan.deal(2), [1, 1, 1, 1, 2, 2, 2, 2]);
        for count in 1..6 {
            let shards = plan.deal(count);
            assert!(shards[..4].iter().all(|shard| *shard == shards[0]), "{shards:?}");
            assert!(shards[4..].iter().all(|shard| *shard == shards[4]), "{shards:?}");
        }
    }

    proptest! {
        #[test]
        fn every_shard_gets_its_share_within_the_slack_and_one_unit(
            searches in prop::collection::vec(prop::collection::vec(1_u64..1000, 1..8), 1..6),
            count in 1_usize..9,
        ) {
            let plan = plan(&searches.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let shards = plan.deal(count);
            prop_assert!(shards.is_sorted());
            let cost = |shard: usize| -> u64 {
                plan.units.iter().zip(&shards).filter(|(_, of)| **of == shard).map(|(unit, _)| unit.cost).sum()
            };
            let total: u64 = (1..=count).map(cost).sum();
            prop_assert_eq!(total, plan.units.iter().map(|unit| unit.cost).sum::<u64>(), "each unit is in one shard");
            let share = total as f64 / count as f64;
            let largest = plan.units.iter().map(|unit| unit.cost).max().unwrap_or(0);
            for shard in 1..=count {
                prop_assert!((cost(shard) as f64 - share).abs() <= 0.2 * share + largest as f64 + 1.0);
            }
        }
    }
}
