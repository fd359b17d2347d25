//! Charts of distributions: boxes by class, and a bar for each mel band.

use plotters::prelude::*;

use super::svg::{FIRST, GRID, INK, svg};
use crate::Error;

const WIDTH: u32 = 360;
const ROW: u32 = 22;

/// One row per class: a line from the minimum to the maximum, a box between the quartiles, a bar at the median.
pub(crate) fn boxes(title: &str, labels: &[&str], boxes: &[Option<[f64; 5]>]) -> Result<String, Error> {
    let values = || boxes.iter().flatten().flatten().copied();
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
    if low > high {
        return Ok(String::new());
    }
    let margin = if high > low { 0.04 * (high - low) } else { 0.5_f64.max(0.04 * high.abs()) };
    svg(title, (WIDTH, labels.len() as u32 * ROW + 34), |area| {
        let rows = 0.0..labels.len() as f64;
        let mut chart = ChartBuilder::on(area)
            .margin_right(10)
            .margin_top(4)
            .set_label_area_size(LabelAreaPosition::Left, 92)
            .set_label_area_size(LabelAreaPosition::Bottom, 26)
            .build_cartesian_2d(low - margin..high + margin, rows)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .x_labels(4)
            .x_label_formatter(&plain)
            .y_labels(0)
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (class, five) in boxes.iter().enumerate() {
            let Some([lowest, lower, median, upper, highest]) = *five else { continue };
            let y = labels.len() as f64 - class as f64 - 0.5;
            let box_ = [(lower, y - 0.28), (upper, y + 0.28)];
            chart.draw_series([
                PathElement::new(vec![(lowest, y), (highest, y)], INK.stroke_width(1)).into_dyn(),
                Rectangle::new(box_, FIRST.filled()).into_dyn(),
                PathElement::new(vec![(median, y - 0.38), (median, y + 0.38)], INK.stroke_width(3)).into_dyn(),
            ])?;
        }
        let style = ("sans-serif", 12).into_font().color(&INK);
        let right = plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Center,
        );
        for (class, label) in labels.iter().enumerate() {
            let y = chart.backend_coord(&(low, labels.len() as f64 - class as f64 - 0.5)).1;
            area.draw(&Text::new(shortened(label), (86, y), style.clone().pos(right)))?;
        }
        Ok(())
    })
}

/// One bar per mel band, 0 to 1.
pub(crate) fn bands(title: &str, strengths: &[f64]) -> Result<String, Error> {
    svg(title, (WIDTH, 170), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin_right(10)
            .margin_top(8)
            .set_label_area_size(LabelAreaPosition::Left, 34)
            .set_label_area_size(LabelAreaPosition::Bottom, 26)
            .build_cartesian_2d(0.0..strengths.len() as f64, 0.0..1.0)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(5)
            .x_label_formatter(&plain)
            .y_label_formatter(&plain)
            .y_labels(5)
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .draw()?;
        chart.draw_series(strengths.iter().enumerate().map(|(band, strength)| {
            let band = band as f64;
            Rectangle::new([(band + 0.1, 0.0), (band + 0.9, *strength)], FIRST.filled())
        }))?;
        Ok(())
    })
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= 14 { label.into() } else { label.chars().take(13).chain(['…']).collect() }
}

/// A number with at most three decimals and no trailing zeros.
fn plain(value: &f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
