//! From the graph's input through the blocks to the pooling.

use super::graph::{Graph, attribute, check_int, check_ints, input, is, node_error, output};
use super::proto::Node;
use crate::Error;
use crate::arch::{Arch, BasicBlock, ConvSpec, ResNetLayers};
use crate::fold::{BatchNorm, RawConv};

/// ONNX's default for `BatchNormalization`.
const DEFAULT_EPSILON: f64 = 1e-5;

/// Finds the convolutions of `arch`, checking every operator on the way; what follows the pooling
/// is ignored.
pub(super) fn resnet(graph: &Graph, arch: Arch, specs: ResNetLayers<ConvSpec>) -> Result<ResNetLayers<RawConv>, Error> {
    let &[image] = graph.inputs.as_slice() else {
        return Err(Error::Unsupported(format!("a graph with the inputs {:?}, expected one image", graph.inputs)));
    };
    let (stem, x) = conv(graph, graph.next(image, "Conv")?, specs.stem)?;
    let x = output(graph.next(x, "Relu")?)?;
    let mut x = max_pool(graph.next(x, "MaxPool")?)?;
    let mut blocks = Vec::new();
    for spec in specs.blocks {
        let (found, next) = block(graph, x, spec)?;
        blocks.push(found);
        x = next;
    }
    average_pool(graph, x, arch)?;
    Ok(ResNetLayers { stem, blocks })
}

/// A basic block: two convolutions and a shortcut, added.
fn block<'a>(
    graph: &Graph<'a>,
    x: &'a str,
    specs: BasicBlock<ConvSpec>,
) -> Result<(BasicBlock<RawConv>, &'a str), Error> {
    let users: Vec<_> = graph.consumers(x).collect();
    let (convs, others): (Vec<_>, Vec<_>) = users.iter().copied().partition(|node| is(node, "Conv"));
    let name = specs.conv1.name.trim_end_matches(".conv1").to_owned();
    let unexpected = |expected: &str| {
        let found: Vec<_> = users.iter().map(|node| node.op_type.as_str()).collect();
        match users.first().or(graph.producers.get(x).as_ref().copied()) {
            Some(node) => node_error(node, format!("{name} begins with {found:?}, expected {expected}")),
            None => Error::Malformed(format!("{name} begins with {found:?}, expected {expected}")),
        }
    };

    let (main, downsample, shortcut) = match (specs.downsample, convs.as_slice(), others.as_slice()) {
        (None, &[main], &[_]) => (main, None, x),
        (None, ..) => return Err(unexpected("a Conv and an Add")),
        (Some(spec), &[a, b], &[]) => {
            // The shortcut is the one with a 1 x 1 kernel.
            let (main, shortcut) = if kernel(graph, a)? == spec.kernel { (b, a) } else { (a, b) };
            let (downsample, shortcut) = conv(graph, shortcut, spec)?;
            (main, Some(downsample), shortcut)
        }
        (Some(_), ..) => return Err(unexpected("two Conv")),
    };
    let (conv1, y) = conv(graph, main, specs.conv1)?;
    let y = output(graph.next(y, "Relu")?)?;
    let (conv2, y) = conv(graph, graph.next(y, "Conv")?, specs.conv2)?;
    let add = graph.next(y, "Add")?;
    if ![input(add, 0), input(add, 1)].contains(&Some(shortcut)) {
        return Err(node_error(add, format!("it does not add the shortcut `{shortcut}` of {name}")));
    }
    let y = output(graph.next(output(add)?, "Relu")?)?;
    Ok((BasicBlock { conv1, conv2, downsample }, y))
}

/// The convolution at `node` with the batch norm that may follow; also the value that comes out of
/// both.
pub(super) fn conv<'a>(graph: &Graph<'a>, node: &'a Node, spec: ConvSpec) -> Result<(RawConv, &'a str), Error> {
    let [kernel, stride, before, after] =
        [spec.kernel, spec.stride, spec.padding[0], spec.padding[1]].map(|n| n as i64);
    let weight = graph.tensor(weight_name(node)?)?;
    check_ints(node, "kernel_shape", &[kernel; 2], &[kernel; 2])?;
    check_ints(node, "strides", &[1; 2], &[stride; 2])?;
    // TensorFlow's "same" is what YAMNet's explicit padding is for its sizes.
    if !(spec.norm.ends_with(".bn") && auto_pad(node) == Some(b"SAME_UPPER")) {
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

/// Its running statistics, also where the export kept training mode.
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

fn max_pool(node: &Node) -> Result<&str, Error> {
    check_ints(node, "kernel_shape", &[], &[3; 2])?;
    check_ints(node, "strides", &[1; 2], &[2; 2])?;
    check_ints(node, "pads", &[0; 4], &[1; 4])?;
    check_ints(node, "dilations", &[1; 2], &[1; 2])?;
    check_int(node, "ceil_mode", 0)?;
    check_no_auto_pad(node)?;
    output(node)
}

/// `GlobalAveragePool`, or the mean over height and width.
fn average_pool(graph: &Graph, x: &str, arch: Arch) -> Result<(), Error> {
    let mut users = graph.consumers(x);
    let Some(node) = users.next() else {
        return Err(Error::Unsupported("the graph ends before the average pooling".into()));
    };
    if is(node, "Conv") {
        return Err(node_error(
            node,
            format!("another block follows those of {arch}: is the file another architecture?"),
        ));
    }
    if is(node, "ReduceMean") {
        return check_mean_axes(graph, node);
    }
    graph.next(x, "GlobalAveragePool").map(|_| ())
}

/// Axes are an attribute until opset 17, then an input.
pub(super) fn check_mean_axes(graph: &Graph, node: &Node) -> Result<(), Error> {
    let mut axes = match (attribute(node, "axes"), input(node, 1)) {
        (Some(axes), _) => axes.ints.clone(),
        (None, Some(name)) => graph.integers(name)?,
        (None, None) => Vec::new(),
    };
    for axis in &mut axes {
        *axis = if *axis < 0 { axis.saturating_add(4) } else { *axis };
    }
    axes.sort_unstable();
    if axes == [2, 3] { Ok(()) } else { Err(node_error(node, format!("the mean over axes {axes:?}, expected [2, 3]"))) }
}

fn check_no_auto_pad(node: &Node) -> Result<(), Error> {
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

/// The side of a convolution's kernel.
fn kernel(graph: &Graph, node: &Node) -> Result<usize, Error> {
    Ok(graph.tensor(weight_name(node)?)?.shape.last().copied().unwrap_or(0))
}

fn weight_name(node: &Node) -> Result<&str, Error> {
    input(node, 1).ok_or_else(|| node_error(node, "it has no weight".into()))
}
