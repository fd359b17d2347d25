//! YAMNet in an ONNX graph: its convolutions, one after the other, then the pooling. What stands before the first convolution, a
//! front end or the cutting into patches, is not read.

use super::graph::{Graph, attribute, input, is, node_error, output};
use super::proto::Node;
use super::walk::{check_mean_axes, conv};
use crate::Error;
use crate::arch::{ConvSpec, Layers};
use crate::fold::RawBackbone;
use crate::host_tensor::HostTensor;
use crate::pooling;

/// How many nodes may stand before the first convolution.
const MAX_FRONT: usize = 256;

/// Operators that keep what a pooling gives in its order.
const KEEPS_ORDER: [&str; 4] = ["Flatten", "Reshape", "Squeeze", "Identity"];

/// Finds the convolutions, checking every operator on the way, and the linear layer after the average pooling if one follows: a
/// classifier, or what weighs the patches in models of ours, told by its name.
pub(super) fn yamnet(graph: &Graph, specs: Vec<ConvSpec>) -> Result<RawBackbone, Error> {
    let mut node = first_conv(graph)?;
    let mut convs = Vec::new();
    let n_convs = specs.len();
    while let Some(spec) = specs.get(convs.len()) {
        let (found, x) = conv(graph, node, spec.clone())?;
        convs.push(found);
        let x = output(graph.next(x, "Relu")?)?;
        node = if convs.len() < n_convs { graph.next(x, "Conv")? } else { pooling(graph, x)? };
    }
    let (pooling, classifier) = match linear(graph, node)? {
        Some(layer) if layer[0].name == pooling::WEIGHT => (Some(layer), None),
        layer => (None, layer),
    };
    Ok(RawBackbone { layers: Layers::Yamnet(convs), classifier, pooling })
}

/// The first convolution on the way from the graph's input.
fn first_conv<'a>(graph: &Graph<'a>) -> Result<&'a Node, Error> {
    let &[mut x] = graph.inputs.as_slice() else {
        return Err(Error::Unsupported(format!("a graph with the inputs {:?}, expected one", graph.inputs)));
    };
    for _ in 0..MAX_FRONT {
        match graph.consumers(x).next() {
            Some(node) if is(node, "Conv") => return Ok(node),
            Some(node) => x = output(node)?,
            None => break,
        }
    }
    Err(Error::Malformed("no convolution follows the graph's input".into()))
}

/// `GlobalAveragePool`, or the mean over height and width.
fn pooling<'a>(graph: &Graph<'a>, x: &str) -> Result<&'a Node, Error> {
    match graph.consumers(x).next() {
        Some(node) if is(node, "ReduceMean") => check_mean_axes(graph, node).map(|()| node),
        Some(node) if is(node, "Conv") => Err(node_error(
            node,
            "another convolution follows those of YAMNet: is the file another architecture?".into(),
        )),
        _ => graph.next(x, "GlobalAveragePool"),
    }
}

/// The linear layer after the pooling `node`, weight `[n_classes, n_inputs]` and bias.
fn linear<'a>(graph: &Graph<'a>, mut node: &'a Node) -> Result<Option<[HostTensor; 2]>, Error> {
    for _ in 0..KEEPS_ORDER.len() {
        match graph.consumers(output(node)?).next() {
            Some(next) if KEEPS_ORDER.iter().any(|operator| is(next, operator)) => node = next,
            Some(next) if is(next, "Gemm") => return gemm(graph, next).map(Some),
            _ => break,
        }
    }
    Ok(None)
}

fn gemm(graph: &Graph, node: &Node) -> Result<[HostTensor; 2], Error> {
    let tensor = |index: usize| match input(node, index) {
        Some(name) => graph.tensor(name),
        None => Err(node_error(node, format!("input {index} is missing"))),
    };
    let (weight, bias) = (tensor(1)?, tensor(2)?);
    match (attribute(node, "transB").map(|attribute| attribute.i), weight.shape.as_slice()) {
        (Some(1), _) => Ok([weight, bias]),
        (_, &[inputs, outputs]) => {
            let data = (0..inputs * outputs).map(|to| weight.data[to % inputs * outputs + to / inputs]).collect();
            Ok([HostTensor { shape: vec![outputs, inputs], data, ..weight }, bias])
        }
        (_, shape) => Err(Error::tensor(&weight.name, format!("shape {shape:?}, expected two sizes"))),
    }
}
