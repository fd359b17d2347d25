//! Learning curves as inline SVG.

use std::fmt::Write;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 34.0;

/// A line of a chart.
pub(super) struct Curve<'a> {
    pub name: &'a str,
    /// One value an epoch.
    pub values: Vec<f64>,
}

/// A chart of one or two curves over the epochs 1, 2, ..., with a vertical line at the chosen epoch.
pub(super) fn chart(title: &str, curves: &[Curve], chosen_epoch: usize) -> String {
    let n_epochs = curves.iter().map(|curve| curve.values.len()).max().unwrap_or(1).max(2);
    let highest = curves.iter().flat_map(|curve| &curve.values).fold(0.0, |top: f64, value| top.max(*value));
    let step = tick_step(highest / 4.0);
    let top = step * (highest / step).ceil().max(1.0);
    let x = |epoch: usize| LEFT + (WIDTH - LEFT - RIGHT) * (epoch as f64 - 1.0) / (n_epochs as f64 - 1.0);
    let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top;

    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
    let mut tick = 0.0;
    while tick <= top + step / 2.0 {
        let at = y(tick);
        let digits = if step < 0.1 { 2 } else { 1 };
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{tick:.digits$}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
        tick += step;
    }
    let every = n_epochs.div_ceil(10);
    for epoch in (1..=n_epochs).filter(|epoch| *epoch == 1 || epoch % every == 0) {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{epoch}</text>",
            x(epoch),
            HEIGHT - BOTTOM + 16.0
        );
    }
    let _ = write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">epoch</text>", WIDTH - RIGHT, HEIGHT - 4.0);
    let _ = write!(
        svg,
        "<line class=\"chosen\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{1:.1}\"/>",
        x(chosen_epoch),
        HEIGHT - BOTTOM
    );
    let mut legend_x = LEFT;
    for (curve, class) in curves.iter().zip(["first", "second"]) {
        let points: Vec<String> =
            curve.values.iter().enumerate().map(|(i, value)| format!("{:.1},{:.1}", x(i + 1), y(*value))).collect();
        let _ = write!(svg, "<polyline class=\"curve {class}\" points=\"{}\"/>", points.join(" "));
        let _ = write!(svg, "<text class=\"{class}\" x=\"{legend_x:.1}\" y=\"16\">{}</text>", curve.name);
        legend_x += 8.0 * curve.name.len() as f64 + 16.0;
    }
    svg.push_str("</svg>");
    svg
}

/// 1, 2 or 5 times a power of ten, at least `wanted`.
fn tick_step(wanted: f64) -> f64 {
    if !wanted.is_finite() || wanted <= 0.0 {
        return 0.25;
    }
    let power = 10_f64.powf(wanted.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= wanted * 0.999).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        for (wanted, step) in [(0.2, 0.2), (0.21, 0.5), (3.0, 5.0), (0.06, 0.1), (70.0, 100.0), (0.0, 0.25)] {
            assert!((tick_step(wanted) - step).abs() < 1e-12, "{wanted}: {}", tick_step(wanted));
        }
    }

    #[test]
    fn every_point_lies_inside_the_picture() {
        for values in [vec![0.0], vec![0.0, 0.0], vec![0.3, 0.9, 0.1], vec![1e-9, 2e6]] {
            let svg = chart("t", &[Curve { name: "c", values }], 1);
            let points = svg.split("points=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            assert!(!points.is_empty());
            for point in points.split(' ') {
                let (x, y) = point.split_once(',').unwrap_or_default();
                assert!((0.0..=WIDTH).contains(&x.parse().unwrap_or(-1.0)), "{point}");
                assert!((0.0..=HEIGHT).contains(&y.parse().unwrap_or(-1.0)), "{point}");
            }
        }
    }
}
