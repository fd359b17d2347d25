//! The grid as heat maps: validation macro-F1 by the first axis (rows) and the second (columns), one map for each value of the
//! third. A grid of an mlp has learning rate, inner size and dropout; other heads may have fewer axes.

use experiment::{TrialConfig, TrialSummary};
use serde::Serialize;

/// One map.
#[derive(Serialize)]
pub(crate) struct HeatMap {
    /// The value of the third axis, such as `dropout 0.5`; empty if there is none.
    caption: String,
    /// What rows and columns are, such as `learning rate ↓ inner →`.
    corner: String,
    /// Values of the second axis; one empty text if there is none.
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    /// Value of the first axis.
    value: String,
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

/// The names of the axes, for people.
pub(crate) fn axes(leaderboard: &[TrialSummary]) -> Vec<String> {
    let axes = leaderboard.first().map(|trial| trial.config.axes()).unwrap_or_default();
    axes.into_iter().map(|(name, _)| name.replace('_', " ")).collect()
}

/// The maps of a leaderboard, by increasing value of the third axis; rows and columns by increasing value.
pub(crate) fn of(leaderboard: &[TrialSummary]) -> Vec<HeatMap> {
    let scores = || leaderboard.iter().map(|trial| trial.val_macro_f1);
    let low = scores().fold(f64::INFINITY, f64::min);
    let high = scores().fold(f64::NEG_INFINITY, f64::max);
    let share = |value: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
    let [rows, columns, maps] = [0, 1, 2].map(|axis| distinct(leaderboard, axis));
    let cell = |at: [Option<f64>; 3]| {
        let is_there = |trial: &TrialSummary| [0, 1, 2].map(|axis| value(&trial.config, axis)) == at;
        let found = leaderboard.iter().position(is_there);
        let value = found.map(|index| leaderboard[index].val_macro_f1);
        Cell { value, share: value.map_or(0.0, share), best: found == Some(0) }
    };
    let names = axes(leaderboard);
    let arrows = names.iter().zip(["↓", "→"]).map(|(name, arrow)| format!("{name} {arrow}"));
    let corner = arrows.collect::<Vec<_>>().join(" ");
    let caption = |map: Option<f64>| match (names.get(2), map) {
        (Some(name), Some(value)) => format!("{name} {value}"),
        _ => String::new(),
    };
    let row = |row: Option<f64>, map: Option<f64>| Row {
        value: text(row),
        cells: columns.iter().map(|column| cell([row, *column, map])).collect(),
    };
    let map = |map: &Option<f64>| HeatMap {
        caption: caption(*map),
        corner: corner.clone(),
        columns: columns.iter().map(|column| text(*column)).collect(),
        rows: rows.iter().map(|value| row(*value, *map)).collect(),
    };
    maps.iter().map(map).collect()
}

/// The value of the axis `axis`, if the trial has so many.
fn value(trial: &TrialConfig, axis: usize) -> Option<f64> {
    trial.axes().get(axis).map(|(_, value)| *value)
}

fn distinct(leaderboard: &[TrialSummary], axis: usize) -> Vec<Option<f64>> {
    let mut values: Vec<Option<f64>> = leaderboard.iter().map(|trial| value(&trial.config, axis)).collect();
    values.sort_by(|one, other| one.unwrap_or_default().total_cmp(&other.unwrap_or_default()));
    values.dedup();
    values
}

fn text(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example;
    use model::HeadConfig;

    /// Caption, row and column of each trial's cell, its value, and whether it is the best.
    fn seen(maps: &[HeatMap]) -> Vec<(&str, &str, &str, f64, bool)> {
        let rows = maps.iter().flat_map(|map| map.rows.iter().map(move |row| (map, row)));
        let cells = rows.flat_map(|(map, row)| map.columns.iter().zip(&row.cells).map(move |cell| (map, row, cell)));
        cells
            .filter_map(|(map, row, (column, cell))| {
                Some((map.caption.as_str(), row.value.as_str(), column.as_str(), cell.value?, cell.best))
            })
            .collect()
    }

    #[test]
    fn every_trial_has_a_cell_and_missing_trials_are_empty() {
        let mut leaderboard = example().leaderboard; // learning rates 0.01 and 0.001, inner 16, dropout 0.5
        leaderboard[1].config.head = HeadConfig::mlp(32, 0.0);
        let maps = of(&leaderboard);
        assert_eq!(seen(&maps), [("dropout 0", "0.001", "32", 0.4, false), ("dropout 0.5", "0.01", "16", 0.73, true)]);
        assert_eq!(maps.iter().flat_map(|map| &map.rows).map(|row| row.cells.len()).sum::<usize>(), 8);
        assert_eq!(maps[0].corner, "learning rate ↓ inner →");
    }

    #[test]
    fn a_grid_with_one_axis_is_one_column() {
        let mut leaderboard = example().leaderboard;
        for (trial, c) in leaderboard.iter_mut().zip([1.0, 0.1]) {
            trial.config = TrialConfig { learning_rate: None, head: HeadConfig::logistic(c) };
        }
        let maps = of(&leaderboard);
        assert_eq!(seen(&maps), [("", "0.1", "", 0.4, false), ("", "1", "", 0.73, true)]);
        assert_eq!((maps.len(), maps[0].corner.as_str(), axes(&leaderboard)), (1, "c ↓", vec!["c".to_owned()]));
    }
}
