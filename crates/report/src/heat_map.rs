//! The search as heat maps: the macro-F1 that ranks the trials, by one axis (rows) and another (columns). With up to three axes,
//! rows are the first axis, columns the second, and there is one map for each value of the third. With more, rows and columns are
//! the two axes with the most values, and a cell has the best trial over all others. Axes with many values, which random search
//! draws, are in ranges.

use experiment::{Setting, TrialSummary, axis_names};
use serde::Serialize;

/// Most values of an axis that are shown one by one.
const MAX_VALUES: usize = 12;

/// Ranges of an axis with more values.
const RANGES: usize = 6;

/// What stands for the value of a trial that has not the axis.
pub(crate) const NONE: &str = "–";

/// One map.
#[derive(Serialize)]
pub(crate) struct HeatMap {
    /// The value of the third axis, such as `dropout 0.5`, or what cells are the best of; empty if there is none.
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
    /// Macro-F1 on validation, or over inner folds if there are any; `None` if there is no such trial.
    value: Option<f64>,
    /// Position of the value between the lowest (0) and the highest (1) of all maps.
    share: f64,
    best: bool,
}

/// One axis of the search.
struct Axis {
    /// Its name, for people.
    name: String,
    /// The level of each trial of the leaderboard, an index into `levels`.
    level: Vec<usize>,
    /// Each value, or each range of values, in increasing order.
    levels: Vec<String>,
}

impl Axis {
    fn new(name: &str, leaderboard: &[TrialSummary]) -> Self {
        let value = |trial: &TrialSummary| trial.config.axis(name);
        let order = |one: &Option<Setting>, other: &Option<Setting>| match (one, other) {
            (Some(one), Some(other)) => one.order(other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        };
        let mut values: Vec<Option<Setting>> = leaderboard.iter().map(value).collect();
        values.sort_by(order);
        values.dedup();
        let size = if values.len() > MAX_VALUES { values.len().div_ceil(RANGES) } else { 1 };
        let level =
            |trial: &TrialSummary| values.iter().position(|known| *known == value(trial)).map_or(0, |at| at / size);
        let text = |value: &Option<Setting>| value.as_ref().map_or_else(|| NONE.to_owned(), Setting::to_string);
        let range = |range: &[Option<Setting>]| match range {
            [first, .., last] => format!("{} to {}", text(first), text(last)),
            [value] => text(value),
            [] => String::new(),
        };
        Self {
            name: in_words(name),
            level: leaderboard.iter().map(level).collect(),
            levels: values.chunks(size).map(range).collect(),
        }
    }

    /// No axis: one level without a name.
    fn none(leaderboard: &[TrialSummary]) -> Self {
        Self { name: String::new(), level: vec![0; leaderboard.len()], levels: vec![String::new()] }
    }
}

/// The names of the axes, for people.
pub(crate) fn axes(leaderboard: &[TrialSummary]) -> Vec<String> {
    axis_names(leaderboard.iter().map(|trial| &trial.config)).iter().map(|name| in_words(name)).collect()
}

/// The macro-F1 by which the trial was ranked.
fn score(trial: &TrialSummary) -> f64 {
    trial.inner_macro_f1.unwrap_or(trial.val_macro_f1)
}

/// The name of an axis, for people; keys of the configuration keep theirs.
fn in_words(name: &str) -> String {
    if name.contains('.') { name.to_owned() } else { name.replace('_', " ") }
}

/// The maps of a leaderboard, by increasing value of the third axis; rows and columns by increasing value.
pub(crate) fn of(leaderboard: &[TrialSummary]) -> Vec<HeatMap> {
    let scores = || leaderboard.iter().map(score);
    let low = scores().fold(f64::INFINITY, f64::min);
    let high = scores().fold(f64::NEG_INFINITY, f64::max);
    let share = |value: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
    let names = axis_names(leaderboard.iter().map(|trial| &trial.config));
    let mut axes: Vec<Axis> = names.iter().map(|name| Axis::new(name, leaderboard)).collect();
    let others = if axes.len() > 3 { best_over(&mut axes) } else { String::new() };
    axes.resize_with(3, || Axis::none(leaderboard));
    let [rows, columns, maps] = &axes[..] else { return Vec::new() };
    let cell = |at: [usize; 3]| {
        // The leaderboard is sorted, so the first is the best.
        let is_there = |index: &usize| [rows, columns, maps].map(|axis| axis.level[*index]) == at;
        let found = (0..leaderboard.len()).find(is_there);
        let value = found.map(|index| score(&leaderboard[index]));
        Cell { value, share: value.map_or(0.0, share), best: found == Some(0) }
    };
    let arrows = [(rows, "↓"), (columns, "→")].into_iter().filter(|(axis, _)| !axis.name.is_empty());
    let corner = arrows.map(|(axis, arrow)| format!("{} {arrow}", axis.name)).collect::<Vec<_>>().join(" ");
    let row = |(row, value): (usize, &String), map: usize| Row {
        value: value.clone(),
        cells: (0..columns.levels.len()).map(|column| cell([row, column, map])).collect(),
    };
    let map = |(map, value): (usize, &String)| HeatMap {
        caption: if maps.name.is_empty() { others.clone() } else { format!("{} {value}", maps.name) },
        corner: corner.clone(),
        columns: columns.levels.clone(),
        rows: rows.levels.iter().enumerate().map(|of_row| row(of_row, map)).collect(),
    };
    maps.levels.iter().enumerate().map(map).collect()
}

/// Keeps the two axes with the most levels, in their order; says what the cells are the best of.
fn best_over(axes: &mut Vec<Axis>) -> String {
    let mut by_size: Vec<usize> = (0..axes.len()).collect();
    by_size.sort_by_key(|index| std::cmp::Reverse(axes[*index].levels.len()));
    by_size.truncate(2);
    let others = axes.iter().enumerate().filter(|(index, _)| !by_size.contains(index));
    let caption =
        format!("the best over {}", others.map(|(_, axis)| axis.name.as_str()).collect::<Vec<_>>().join(", "));
    let mut index = 0..;
    axes.retain(|_| index.next().is_some_and(|index| by_size.contains(&index)));
    caption
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example;
    use experiment::{TrialConfig, TrialSettings};
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
            trial.config = TrialConfig::new(None, HeadConfig::logistic(c));
        }
        let maps = of(&leaderboard);
        assert_eq!(seen(&maps), [("", "0.1", "", 0.4, false), ("", "1", "", 0.73, true)]);
        assert_eq!((maps.len(), maps[0].corner.as_str(), axes(&leaderboard)), (1, "c ↓", vec!["c".to_owned()]));
    }

    #[test]
    fn more_than_three_axes_become_one_map_with_the_best_of_the_others() {
        let example = example().leaderboard.remove(0);
        let trial = |score: f64, dropout: f64, decay: f64, seed: i64| {
            let mut trial = example.clone();
            trial.val_macro_f1 = score;
            trial.config.head = HeadConfig::mlp(16, dropout);
            let settings = [("seed", Setting::Integer(seed)), ("train.weight_decay", Setting::Number(decay))];
            trial.config.settings = TrialSettings::from(settings.map(|(key, value)| (key.to_owned(), value)));
            trial
        };
        let leaderboard =
            [trial(0.9, 0.5, 0.1, 2), trial(0.8, 0.5, 0.1, 1), trial(0.7, 0.0, 0.1, 3), trial(0.6, 0.0, 0.2, 3)];
        let maps = of(&leaderboard);
        let caption = "the best over learning rate, inner, train.weight_decay";
        let seen = seen(&maps);
        assert_eq!(
            seen,
            [(caption, "0", "3", 0.7, false), (caption, "0.5", "1", 0.8, false), (caption, "0.5", "2", 0.9, true)]
        );
        assert_eq!(maps[0].corner, "dropout ↓ seed →");
    }

    #[test]
    fn many_drawn_values_are_shown_in_ranges_with_the_best_trial_of_each() {
        let mut leaderboard = vec![example().leaderboard.remove(0); 25];
        for (index, trial) in leaderboard.iter_mut().enumerate() {
            trial.config = TrialConfig::new(None, HeadConfig::logistic(25.0 - index as f64));
            trial.val_macro_f1 = 0.9 - index as f64 / 100.0;
        }
        let maps = of(&leaderboard);
        let rows: Vec<&str> = maps[0].rows.iter().map(|row| row.value.as_str()).collect();
        assert_eq!(rows, ["1 to 5", "6 to 10", "11 to 15", "16 to 20", "21 to 25"]);
        assert_eq!(seen(&maps)[4], ("", "21 to 25", "", 0.9, true));
    }
}
