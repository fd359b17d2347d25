//! Charts with two axes: lines, a dotted line, bars.

use plotters::prelude::*;

use super::svg::{Area, DrawError, FIRST, GRID, INK, svg};
use crate::Error;

/// A chart with two axes. Its texts must come from the program.
pub(crate) struct Chart<'a> {
    /// Accessible name.
    pub description: &'a str,
    /// Width and height in pixels, at full size.
    pub size: (u32, u32),
    /// Name and range of the horizontal axis.
    pub x: (&'a str, std::ops::Range<f64>),
    /// Name and range of the vertical axis.
    pub y: (&'a str, std::ops::Range<f64>),
    /// Decimals of the labels on the horizontal axis.
    pub x_digits: usize,
    /// Lines through points.
    pub lines: Vec<(RGBColor, Vec<(f64, f64)>)>,
    /// A dotted line.
    pub dotted: Vec<(f64, f64)>,
    /// Bars from 0: left, right, height, and the label on top.
    pub bars: Vec<(f64, f64, f64, String)>,
}

impl Chart<'_> {
    /// The `<svg>` element.
    ///
    /// # Errors
    /// [`Error::Chart`] if plotters cannot lay it out.
    pub fn svg(&self) -> Result<String, Error> {
        svg(self.description, self.size, |area| self.draw(area))
    }

    fn draw(&self, area: &Area) -> Result<(), DrawError> {
        let text = |size: i32| ("sans-serif", size).into_font().color(&INK);
        let mut chart = ChartBuilder::on(area)
            .margin_top(10)
            .margin_right(14)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(self.x.1.clone(), self.y.1.clone())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GRID)
            .x_labels(if self.size.0 < 300 { 3 } else { 6 })
            .y_labels(5)
            .x_label_formatter(&|x| format!("{x:.*}", self.x_digits))
            .y_label_formatter(&|y| format!("{y:.1}"))
            .label_style(text(17))
            .axis_desc_style(text(17))
            .x_desc(self.x.0)
            .y_desc(self.y.0)
            .draw()?;
        for (left, right, height, label) in &self.bars {
            chart.draw_series([Rectangle::new([(*left, 0.0), (*right, *height)], FIRST.mix(0.55).filled())])?;
            let anchored = text(15).pos(plotters::style::text_anchor::Pos::new(
                plotters::style::text_anchor::HPos::Center,
                plotters::style::text_anchor::VPos::Bottom,
            ));
            chart.draw_series([Text::new(label.clone(), (f64::midpoint(*left, *right), *height), anchored)])?;
        }
        if !self.dotted.is_empty() {
            chart.draw_series(DashedLineSeries::new(self.dotted.iter().copied(), 3, 4, INK.stroke_width(1)))?;
        }
        for (colour, points) in &self.lines {
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_point_lies_inside_the_picture_and_nothing_is_loaded_from_elsewhere() {
        for points in [vec![(1.0, 0.0)], vec![(1.0, 0.5), (2.0, 2.0), (3.0, 0.0)]] {
            let chart = Chart {
                description: "a test",
                size: (400, 240),
                x: ("epoch", 1.0..3.0),
                y: ("loss", 0.0..2.0),
                x_digits: 0,
                lines: vec![(FIRST, points.clone())],
                dotted: vec![],
                bars: vec![],
            };
            let svg = chart.svg().unwrap();
            assert!(svg.starts_with("<svg viewBox=\"0 0 400 240\"") && svg.trim_end().ends_with("</svg>"));
            assert!(!svg.contains("http"));
            let line = svg.lines().find(|line| line.contains("polyline") && line.contains("#030303")).unwrap();
            let drawn = line.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
            let drawn: Vec<&str> = drawn.split_whitespace().collect();
            assert_eq!(drawn.len(), points.len());
            for point in drawn {
                let (x, y) = point.split_once(',').unwrap();
                assert!((0.0..=400.0).contains(&x.parse::<f64>().unwrap()), "{point}");
                assert!((0.0..=240.0).contains(&y.parse::<f64>().unwrap()), "{point}");
            }
        }
    }
}
