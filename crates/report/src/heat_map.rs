//! The grid as heat maps: validation macro-F1 by learning rate and inner size, one map for each dropout.

use experiment::TrialSummary;
use serde::Serialize;

/// One map.
#[derive(Serialize)]
pub(crate) struct HeatMap {
    dropout: f64,
    inner: Vec<usize>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    learning_rate: f64,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct Cell {
    /// Validation macro-F1; `None` if the grid has no such trial.
    value: Option<f64>,
    /// Position of the value between the lowest (0) and the highest (1) of all maps.
    share: f64,
    best: bool,
}

/// The maps of a leaderboard, by increasing dropout; rows by increasing learning rate.
pub(crate) fn of(leaderboard: &[TrialSummary]) -> Vec<HeatMap> {
    let scores = || leaderboard.iter().map(|trial| trial.val_macro_f1);
    let low = scores().fold(f64::INFINITY, f64::min);
    let high = scores().fold(f64::NEG_INFINITY, f64::max);
    let share = |value: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
    let learning_rates = distinct(leaderboard.iter().map(|trial| trial.config.learning_rate));
    let inner = {
        let mut inner: Vec<usize> = leaderboard.iter().map(|trial| trial.config.head.inner).collect();
        inner.sort_unstable();
        inner.dedup();
        inner
    };
    let cell = |learning_rate: f64, inner: usize, dropout: f64| {
        let found = leaderboard.iter().position(|trial| {
            let config = &trial.config;
            config.learning_rate == learning_rate && config.head.inner == inner && config.head.dropout == dropout
        });
        let value = found.map(|at| leaderboard[at].val_macro_f1);
        Cell { value, share: value.map_or(0.0, share), best: found == Some(0) }
    };
    distinct(leaderboard.iter().map(|trial| trial.config.head.dropout))
        .into_iter()
        .map(|dropout| HeatMap {
            dropout,
            rows: learning_rates
                .iter()
                .map(|rate| Row {
                    learning_rate: *rate,
                    cells: inner.iter().map(|inner| cell(*rate, *inner, dropout)).collect(),
                })
                .collect(),
            inner: inner.clone(),
        })
        .collect()
}

fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example;

    #[test]
    fn every_trial_has_a_cell_and_missing_trials_are_empty() {
        let mut leaderboard = example().leaderboard; // learning rates 0.01 and 0.001, inner 16, dropout 0.5
        leaderboard[1].config.head.inner = 32;
        leaderboard[1].config.head.dropout = 0.0;
        let maps = of(&leaderboard);
        let seen: Vec<(f64, f64, usize, f64, bool)> = maps
            .iter()
            .flat_map(|map| map.rows.iter().map(move |row| (map, row)))
            .flat_map(|(map, row)| map.inner.iter().zip(&row.cells).map(move |(inner, cell)| (map, row, *inner, cell)))
            .filter_map(|(map, row, inner, cell)| Some((map.dropout, row.learning_rate, inner, cell.value?, cell.best)))
            .collect();
        assert_eq!(seen, [(0.0, 0.001, 32, 0.4, false), (0.5, 0.01, 16, 0.73, true)]);
        assert_eq!(maps.iter().flat_map(|map| &map.rows).map(|row| row.cells.len()).sum::<usize>(), 8);
    }
}
