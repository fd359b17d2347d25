//! What an answer depends on, as a map over time and frequency.

use features::OcclusionMap;
use plotters::prelude::*;

use super::svg::{FIRST, GRID, INK, SECOND, svg};
use crate::Error;

/// Width and height, pixels.
const SIZE: (u32, u32) = (360, 190);
/// Change of the log odds that has full colour at least: odds that change by a fifth.
const LEAST_FULL: f32 = 0.2;

/// Cells of a map: the first colour where the log odds fall without the sound in a cell, the second where they rise, the stronger the
/// larger the change.
pub(crate) fn map(map: &OcclusionMap) -> Result<String, Error> {
    let changes = || map.log_odds_drop.iter().flatten().map(|change| change.abs());
    let full = changes().fold(LEAST_FULL, f32::max);
    let edges_hz = &map.grid.band_edges_hz;
    let end_seconds = map.grid.time_edges_seconds.last().copied().unwrap_or_default().max(0.1);
    svg("How much the answer depends on each time and frequency", SIZE, |area| {
        let text = |size: i32| ("sans-serif", size).into_font().color(&INK);
        let mut chart = ChartBuilder::on(area)
            .margin_top(8)
            .margin_right(12)
            .x_label_area_size(38)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..end_seconds, 0.0..edges_hz.len().saturating_sub(1).max(1) as f64)?;
        let khz = |band: &f64| edges_hz.get(*band as usize).map_or(String::new(), |hz| format!("{:.1}", hz / 1000.0));
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(GRID)
            .x_labels(8)
            .y_labels(5)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&khz)
            .label_style(text(14))
            .axis_desc_style(text(14))
            .x_desc("seconds")
            .y_desc("kHz")
            .draw()?;
        for (band, row) in map.log_odds_drop.iter().enumerate() {
            for (time, change) in row.iter().enumerate() {
                let Some(cell) = map.grid.cell(time, band) else { continue };
                let colour = if *change >= 0.0 { FIRST } else { SECOND };
                let corners = [(cell.seconds[0], band as f64), (cell.seconds[1], band as f64 + 1.0)];
                let share = f64::from(change.abs() / full);
                chart.draw_series([Rectangle::new(corners, colour.mix(share).filled())])?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::example::explanation;

    #[test]
    fn falls_and_rises_have_their_colours_and_the_largest_is_opaque() {
        let svg = map(&explanation()).unwrap();
        let cells = |colour: &str| {
            let is_cell = |line: &&str| line.starts_with("<rect") && line.contains(&format!("fill=\"{colour}\""));
            svg.lines().filter(is_cell).map(String::from).collect::<Vec<_>>()
        };
        let (falls, rises) = (cells("#030303"), cells("#040404"));
        // Cells without a change are not drawn.
        assert_eq!((falls.len(), rises.len()), (1, 1), "{svg}");
        assert!(falls[0].contains("opacity=\"1\""), "{falls:?}");
        assert!(rises[0].contains("opacity=\"0.5\""), "{rises:?}");
        assert!(svg.contains("4.0") && svg.contains("kHz"));
    }
}
