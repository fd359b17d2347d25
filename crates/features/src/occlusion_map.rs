//! How much the answer of a classifier depends on each cell of an [`OcclusionGrid`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::occlusion::{Cell, OcclusionGrid};

/// What a classifier's answer loses by each cell of a grid. Numbers are rounded to 0.001.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OcclusionMap {
    /// The cells.
    pub grid: OcclusionGrid,
    /// How much the log odds `ln(p / (1 - p))` of the predicted class fall if a cell is silenced, `[n_bands][n_times]`, the lowest band
    /// first; negative where they rise. Where an answer is sure, its probability hardly changes, but its odds do.
    pub log_odds_drop: Vec<Vec<f32>>,
    /// How much the cry score falls, -1 to 1; absent if the model has no gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cry_score_drop: Option<Vec<Vec<f32>>>,
}

impl OcclusionMap {
    /// The cells by which the log odds fall most, at most `n`, the largest fall first; cells by which they fall by less than `least` are
    /// left out.
    pub fn strongest(&self, n: usize, least: f32) -> Vec<(Cell, f32)> {
        let cell = |band: usize, time: usize| self.grid.cell(time, band);
        let rows = self.log_odds_drop.iter().enumerate();
        let mut cells: Vec<(Cell, f32)> = rows
            .flat_map(|(band, row)| row.iter().enumerate().map(move |(time, drop)| (band, time, *drop)))
            .filter(|(_, _, drop)| *drop >= least)
            .filter_map(|(band, time, drop)| Some((cell(band, time)?, drop)))
            .collect();
        cells.sort_by(|(_, one), (_, other)| other.total_cmp(one)); // stable: of equal ones the lowest and earliest first
        cells.truncate(n);
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_cells_come_first_and_weak_ones_are_left_out() {
        let grid = OcclusionGrid { time_edges_seconds: vec![0.0, 0.5, 1.0], band_edges_hz: vec![0.0, 1000.0, 4000.0] };
        let map = OcclusionMap {
            grid,
            log_odds_drop: vec![vec![0.1, 0.3], vec![0.3, -0.4]], // low band, high band
            cry_score_drop: None,
        };
        let found = map.strongest(2, 0.1);
        let low = Cell { seconds: [0.5, 1.0], hz: [0.0, 1000.0] };
        let high = Cell { seconds: [0.0, 0.5], hz: [1000.0, 4000.0] };
        assert_eq!(found, [(low, 0.3), (high, 0.3)]);
        assert_eq!(map.strongest(9, 0.1).len(), 3);
        assert_eq!(map.strongest(9, 0.2).len(), 2);
    }
}
