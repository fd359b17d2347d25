//! From a record to the tensor that a graph takes, as nodes.

use super::binding::{GraphBinding, Normalisation};
use super::layout::Axis;
use crate::onnx::nodes::Nodes;

/// Added to the variance of a record before its square root.
const VARIANCE_FLOOR: f32 = 1e-7;

/// Adds the nodes from `record`, `[batch, 1, rows, columns]`, to the value named `output` with the layout of `binding`.
pub(super) fn adapt(nodes: &mut Nodes, record: &str, shape: [usize; 2], binding: &GraphBinding, output: &str) {
    let n_channels = binding.layout.n_channels();
    let (x, has_channels) = normalise(nodes, record, &binding.normalisation);
    let x = match n_channels {
        1 => x,
        _ if has_channels => x,
        n => nodes.expand(&x, &[1, n as i64, 1, 1], "adapter.channels"),
    };
    // Dimensions that the layout lacks have size 1 and may stand anywhere.
    let place = |axis: &Axis| match axis {
        Axis::Batch => Some(0),
        Axis::Channels(_) => Some(1),
        Axis::Rows => Some(2),
        Axis::Columns => Some(3),
        Axis::One => None,
    };
    let mut places: Vec<usize> = binding.layout.axes().iter().filter_map(place).collect();
    places.extend((0..4).filter(|axis| !places.contains(axis)).collect::<Vec<_>>());
    let x = if places == [0, 1, 2, 3] { x } else { nodes.transpose(&x, &places, "adapter.transposed") };
    let sizes: Vec<i64> =
        binding.layout.sizes(shape).into_iter().map(|size| size.map_or(-1, |size| size as i64)).collect();
    nodes.reshape(&x, &sizes, output);
}

/// Returns the normalised value, and whether it has the channels of the layout already.
fn normalise(nodes: &mut Nodes, x: &str, normalisation: &Normalisation) -> (String, bool) {
    match normalisation {
        Normalisation::None => (x.into(), false),
        Normalisation::Fixed { mean, std } => {
            let mean = nodes.numbers("adapter.mean", mean, &[1, mean.len() as i64, 1, 1]);
            let std = nodes.numbers("adapter.std", std, &[1, std.len() as i64, 1, 1]);
            let x = nodes.add("Sub", &[x, &mean], "adapter.centred", vec![]);
            let x = nodes.add("Div", &[&x, &std], "adapter.scaled", vec![]);
            (x, normalisation.n_channels() > 1)
        }
        Normalisation::PerClip => {
            let mean = nodes.mean_over(x, &[1, 2, 3], true, "adapter.mean");
            let x = nodes.add("Sub", &[x, &mean], "adapter.centred", vec![]);
            let squares = nodes.add("Mul", &[&x, &x], "adapter.squares", vec![]);
            let variance = nodes.mean_over(&squares, &[1, 2, 3], true, "adapter.variance");
            let floor = nodes.number("adapter.floor", VARIANCE_FLOOR);
            let variance = nodes.add("Add", &[&variance, &floor], "adapter.floored", vec![]);
            let deviation = nodes.add("Sqrt", &[&variance], "adapter.std", vec![]);
            (nodes.add("Div", &[&x, &deviation], "adapter.scaled", vec![]), false)
        }
    }
}
