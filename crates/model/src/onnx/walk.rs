//! Layers that several networks share.

use super::graph::{Graph, attribute, check_int, check_ints, input, is, node_error, output};
use super::proto::Node;
use crate::conv::ConvSpec;
use crate::error::Error;
use crate::fold::{BatchNorm, RawConv};

/// ONNX's default for `BatchNormalization`.
const DEFAULT_EPSILON: f64 = 1e-5;

/// The convolution at `node`, the batch norm that may follow, and the name of their output.
pub(crate) fn conv<'a>(graph: &Graph<'a>, node: &'a Node, spec: ConvSpec) -> Result<(RawConv, &'a str), Error> {
    let [kernel, stride, before, after] =
        [spec.kernel, spec.stride, spec.padding[0], spec.padding[1]].map(|n| n as i64);
    let weight = graph.tensor(weight_name(node)?)?;
    check_ints(node, "kernel_shape", &[kernel; 2], &[kernel; 2])?;
    check_ints(node, "strides", &[1; 2], &[stride; 2])?;
    if !(spec.may_pad_same && auto_pad(node) == Some(b"SAME_UPPER")) {
        check_ints(node, "pads", &[0; 4], &[before, before, after, after])?;
        check_no_auto_pad(node)?;
    }
    check_ints(node, "dilations", &[1; 2], &[1; 2])?;
    let outputs = weight.shape.first().copied().unwrap_or(0);
    check_int(node, "group", if spec.depthwise { outputs as i64 } else { 1 })?;
    let bias = input(node, 2).map(|name| graph.vector(name, outputs)).transpose()?;

    let mut x = output(node)?;
    let mut norm = None;
    if let Some(node) = graph.consumers(x).find(|node| is(node, "BatchNormalization")) {
        graph.next(x, "BatchNormalization")?;
        norm = Some(batch_norm(graph, node)?);
        x = output(node)?;
    }
    Ok((RawConv { spec, weight, bias, norm }, x))
}

/// The parameters and running statistics, even if the export kept training mode.
fn batch_norm(graph: &Graph, node: &Node) -> Result<BatchNorm, Error> {
    // Until opset 8, 0 meant statistics per pixel.
    check_int(node, "spatial", 1)?;
    let get = |index: usize| match input(node, index) {
        Some(name) => graph.tensor(name),
        None => Err(node_error(node, format!("input {index} is missing"))),
    };
    Ok(BatchNorm {
        gamma: get(1)?,
        beta: get(2)?,
        mean: get(3)?,
        variance: get(4)?,
        epsilon: attribute(node, "epsilon").map_or(DEFAULT_EPSILON, |attribute| f64::from(attribute.f)),
    })
}

/// Fails unless `node` averages over the whole of a map of height and width `size`: as `GlobalAveragePool`, as the mean over
/// both axes, or as an `AveragePool` with a window of that size.
pub(crate) fn check_average_pool(graph: &Graph, node: &Node, size: [usize; 2]) -> Result<(), Error> {
    match node.op_type.as_str() {
        "GlobalAveragePool" if is(node, "GlobalAveragePool") => Ok(()),
        "ReduceMean" if is(node, "ReduceMean") => check_mean_axes(graph, node),
        "AveragePool" if is(node, "AveragePool") => {
            check_ints(node, "kernel_shape", &[], &size.map(|n| n as i64))?;
            check_ints(node, "pads", &[0; 4], &[0; 4])?;
            check_ints(node, "dilations", &[1; 2], &[1; 2])?;
            if auto_pad(node) == Some(b"VALID") { Ok(()) } else { check_no_auto_pad(node) }
        }
        other => Err(node_error(node, format!("is a {other}, expected a GlobalAveragePool"))),
    }
}

fn check_mean_axes(graph: &Graph, node: &Node) -> Result<(), Error> {
    let axes = mean_axes(graph, node)?;
    if axes == [2, 3] { Ok(()) } else { Err(node_error(node, format!("the mean over axes {axes:?}, expected [2, 3]"))) }
}

/// The axes of a mean over a feature map, sorted. They are an attribute up to opset 17 and an input since opset 18.
pub(crate) fn mean_axes(graph: &Graph, node: &Node) -> Result<Vec<i64>, Error> {
    let mut axes = match (attribute(node, "axes"), input(node, 1)) {
        (Some(axes), _) => axes.ints.clone(),
        (None, Some(name)) => graph.integers(name)?,
        (None, None) => Vec::new(),
    };
    for axis in &mut axes {
        *axis = if *axis < 0 { axis.saturating_add(4) } else { *axis };
    }
    axes.sort_unstable();
    Ok(axes)
}

/// Fails if the node pads automatically.
pub(crate) fn check_no_auto_pad(node: &Node) -> Result<(), Error> {
    match auto_pad(node) {
        Some(auto_pad) if auto_pad != b"NOTSET" => {
            Err(node_error(node, format!("auto_pad {}, expected explicit pads", String::from_utf8_lossy(auto_pad))))
        }
        _ => Ok(()),
    }
}

fn auto_pad(node: &Node) -> Option<&[u8]> {
    attribute(node, "auto_pad").map(|attribute| attribute.s.as_ref())
}

/// Side length of a convolution's kernel.
pub(crate) fn kernel(graph: &Graph, node: &Node) -> Result<usize, Error> {
    Ok(graph.tensor(weight_name(node)?)?.shape.last().copied().unwrap_or(0))
}

fn weight_name(node: &Node) -> Result<&str, Error> {
    input(node, 1).ok_or_else(|| node_error(node, "it has no weight".into()))
}
