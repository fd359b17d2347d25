//! Reads YAMNet from an ONNX graph: its convolutions in order, then the pooling. Nodes before the first convolution, which
//! are a front end or the cutting into patches, are skipped.

use super::pooling::{CRYING, WEIGHTING};
use super::raw::RawYamnet;
use super::spec::PATCH;
use crate::conv::ConvSpec;
use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::onnx::graph::{Graph, attribute, input, is, node_error, output};
use crate::onnx::proto::Node;
use crate::onnx::walk::{check_average_pool, conv};

/// Maximum number of nodes before the first convolution.
const MAX_FRONT: usize = 256;

/// Height and width of the last convolution's output for a patch.
const MAP: [usize; 2] = [PATCH[0] / 32, PATCH[1] / 32];

/// Operators that preserve the order of the pooled values.
const KEEPS_ORDER: [&str; 3] = ["Flatten", "Reshape", "Squeeze"];

/// Finds the convolutions and checks every operator between them. If a linear layer follows the average pooling, it is the
/// classifier. Models saved by this crate have none; the layers that pool their patches are found by their names.
pub(super) fn yamnet(graph: &Graph, specs: Vec<ConvSpec>) -> Result<RawYamnet, Error> {
    let mut node = first_conv(graph)?;
    let mut convs = Vec::new();
    let n_convs = specs.len();
    while let Some(spec) = specs.get(convs.len()) {
        let (found, x) = conv(graph, node, spec.clone())?;
        convs.push(found);
        let x = output(graph.next(x, "Relu")?)?;
        node = if convs.len() < n_convs { graph.next(x, "Conv")? } else { pooling(graph, x)? };
    }
    let [weighting, crying] = [WEIGHTING, CRYING]
        .map(|layer| layer.read(|name| graph.initializers.contains_key(name), |name| graph.tensor(name)));
    let (weighting, crying) = (weighting?, crying?);
    let classifier = if weighting.is_none() { linear(graph, node)? } else { None };
    Ok(RawYamnet { convs, classifier, weighting, crying })
}

/// The first convolution after the graph's input.
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

/// The average over height and width after the last convolution.
fn pooling<'a>(graph: &Graph<'a>, x: &str) -> Result<&'a Node, Error> {
    let node = graph.next_of(x, &["GlobalAveragePool", "ReduceMean", "AveragePool", "Conv"])?;
    if is(node, "Conv") {
        let problem = "another convolution follows those of YAMNet: does the file hold another architecture?";
        return Err(node_error(node, problem.into()));
    }
    check_average_pool(graph, node, MAP).map(|()| node)
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
