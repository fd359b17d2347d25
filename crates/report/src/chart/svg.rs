//! Inline SVG drawn by plotters. Its placeholder colours are replaced by the style sheet, so that charts follow light and dark
//! mode.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::Error;

/// Text and axes. `style.css` replaces these colours by their values.
pub const INK: RGBColor = RGBColor(1, 1, 1);
/// Grid and thin lines.
pub const GRID: RGBColor = RGBColor(2, 2, 2);
/// The first of two series.
pub const FIRST: RGBColor = RGBColor(3, 3, 3);
/// The second of two series.
pub const SECOND: RGBColor = RGBColor(4, 4, 4);

/// Why a chart cannot be drawn.
pub type DrawError = Box<dyn std::error::Error + Send + Sync>;

/// The area of a chart.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws an `<svg>` element. `description` is its accessible name, `size` its width and height in pixels at full size.
///
/// # Errors
/// [`Error::Chart`] if plotters cannot lay it out.
pub fn svg(
    description: &str,
    size: (u32, u32),
    draw: impl FnOnce(&Area) -> Result<(), DrawError>,
) -> Result<String, Error> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
    let drawn = draw(&area).and_then(|()| Ok(area.present()?));
    drawn.map_err(|source| Error::Chart { description: description.into(), source })?;
    drop(area);
    // Inline SVG needs no namespace; the style sheet sets its size.
    let body = text.split_once('>').map_or("", |(_, body)| body);
    let (width, height) = size;
    let description: String = description.chars().filter(|c| !"<>&\"".contains(*c)).collect();
    Ok(format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{description}\">{body}"))
}
