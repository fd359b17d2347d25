//! The charts of a report: learning curves, reliability diagrams, precision-recall curves.

use experiment::Epoch;
use metrics::{ClassEvaluation, CurvePoint, Evaluation, ReliabilityBin};
use plotters::style::RGBColor;

use crate::Error;
use crate::chart::svg::{FIRST, SECOND};
use crate::chart::xy::Chart;

/// Size of one of two charts side by side, and of one of many, pixels.
const WIDE: (u32, u32) = (480, 280);
const SMALL: (u32, u32) = (250, 210);

/// Training and validation loss by epoch; the chosen epoch is marked.
pub(crate) fn loss(epochs: &[Epoch], chosen: usize) -> Result<String, Error> {
    let curve = |value: fn(&Epoch) -> f64| epochs.iter().map(|e| (e.epoch as f64, value(e))).collect();
    let lines = vec![(FIRST, curve(|e| e.train_loss)), (SECOND, curve(|e| e.val_loss))];
    by_epoch("Training and validation loss by epoch", "loss", lines, chosen)
}

/// Validation macro-F1 by epoch; the chosen epoch is marked.
pub(crate) fn macro_f1(epochs: &[Epoch], chosen: usize) -> Result<String, Error> {
    let lines = vec![(FIRST, epochs.iter().map(|e| (e.epoch as f64, e.val_macro_f1)).collect())];
    by_epoch("Validation macro-F1 by epoch", "macro-F1", lines, chosen)
}

fn by_epoch(
    description: &str,
    name: &str,
    lines: Vec<(RGBColor, Vec<(f64, f64)>)>,
    chosen: usize,
) -> Result<String, Error> {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let last = points().map(|point| point.0).fold(2.0, f64::max);
    let top = 1.08 * points().map(|point| point.1).fold(0.0, f64::max);
    let top = if top > 0.0 { top } else { 1.0 };
    let dotted = vec![(chosen as f64, 0.0), (chosen as f64, top)];
    let (x, y) = (("epoch", 1.0..last), (name, 0.0..top));
    Chart { description, size: WIDE, x, y, x_digits: 0, lines, dotted, bars: vec![] }.svg()
}

/// Share of correct predictions by the probability of the predicted class.
pub(crate) fn reliability(evaluation: &Evaluation) -> Result<String, Error> {
    let bar = |bin: &ReliabilityBin| Some((bin.above, bin.up_to, bin.accuracy?, bin.count.to_string()));
    Chart {
        description: "Share of correct predictions by the probability of the predicted class",
        size: WIDE,
        x: ("probability of the predicted class", 0.0..1.0),
        y: ("share correct", 0.0..1.08),
        x_digits: 1,
        lines: vec![],
        dotted: vec![(0.0, 0.0), (1.0, 1.0)],
        bars: evaluation.reliability.iter().filter_map(bar).collect(),
    }
    .svg()
}

/// Precision by recall of one class, with the share of the class among all `n_examples` as a dotted line.
pub(crate) fn precision_recall(class: &ClassEvaluation, n_examples: usize) -> Result<String, Error> {
    let share = class.support as f64 / n_examples.max(1) as f64;
    Chart {
        description: "Precision by recall",
        size: SMALL,
        x: ("recall", 0.0..1.0),
        y: ("precision", 0.0..1.05),
        x_digits: 1,
        lines: vec![(FIRST, steps(&class.curve))],
        dotted: vec![(0.0, share), (1.0, share)],
        bars: vec![],
    }
    .svg()
}

/// Recall and precision as steps whose area is the average precision: each rise in recall has the precision at its end.
fn steps(curve: &[CurvePoint]) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut recall = 0.0;
    for point in curve {
        if point.recall > recall {
            points.extend([(recall, point.precision), (point.recall, point.precision)]);
            recall = point.recall;
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example;

    #[test]
    fn the_area_under_the_steps_is_the_average_precision() {
        for class in example().test.classes {
            let area: f64 = steps(&class.curve).chunks(2).map(|step| (step[1].0 - step[0].0) * step[0].1).sum();
            let expected = class.average_precision.map_or(0.0, |score| score.value);
            assert!((area - expected).abs() < 1e-12, "{}: {area}, {expected}", class.label);
        }
    }
}
