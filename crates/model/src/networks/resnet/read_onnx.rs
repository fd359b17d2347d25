//! Reads a ResNet from an ONNX graph: from the graph's input through the blocks to the pooling.

use super::spec::{BasicBlock, POOL_KERNEL, POOL_PADDING, POOL_STRIDE, ResNetArch, ResNetLayers};
use crate::conv::ConvSpec;
use crate::error::Error;
use crate::fold::RawConv;
use crate::onnx::graph::{Graph, check_int, check_ints, is, node_error, output};
use crate::onnx::proto::Node;
use crate::onnx::walk::{check_average_pool, check_no_auto_pad, conv, kernel, mean_axes};

/// Finds the convolutions of `arch` and checks every operator between them. Nodes after the pooling are ignored.
pub(super) fn layers(graph: &Graph, arch: ResNetArch) -> Result<ResNetLayers<RawConv>, Error> {
    let specs = arch.layers();
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
    average_pool(graph, x, arch, map_size(graph.image_size(image)))?;
    Ok(ResNetLayers { stem, blocks })
}

/// A basic block: the sum of two convolutions and a shortcut.
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
            // The shortcut is the convolution with a 1 x 1 kernel.
            let (main, shortcut) = if kernel(graph, a)? == spec.kernel { (b, a) } else { (a, b) };
            let (downsample, shortcut) = conv(graph, shortcut, spec)?;
            (main, Some(downsample), shortcut)
        }
        (Some(_), ..) => return Err(unexpected("two Conv")),
    };
    let (conv1, y) = conv(graph, main, specs.conv1)?;
    let y = output(graph.next(y, "Relu")?)?;
    let (conv2, y) = conv(graph, graph.next(y, "Conv")?, specs.conv2)?;
    let add = graph.next_of(y, &["Add", "Sum"])?;
    let sum: Vec<&str> = add.input.iter().map(|value| graph.source(value)).collect();
    if sum != [shortcut, y] && sum != [y, shortcut] {
        return Err(node_error(add, format!("it does not add the shortcut `{shortcut}` of {name}")));
    }
    let y = output(graph.next(output(add)?, "Relu")?)?;
    Ok((BasicBlock { conv1, conv2, downsample }, y))
}

fn max_pool(node: &Node) -> Result<&str, Error> {
    check_ints(node, "kernel_shape", &[], &[POOL_KERNEL as i64; 2])?;
    check_ints(node, "strides", &[1; 2], &[POOL_STRIDE as i64; 2])?;
    check_ints(node, "pads", &[0; 4], &[POOL_PADDING as i64; 4])?;
    check_ints(node, "dilations", &[1; 2], &[1; 2])?;
    check_int(node, "ceil_mode", 0)?;
    check_no_auto_pad(node)?;
    output(node)
}

/// Height and width of the last block's output for an image of this size, or of torchvision's 224 x 224 if it is not known.
fn map_size(image: Option<[usize; 2]>) -> [usize; 2] {
    // The stem, its pooling and the three stages after the first each halve the size, rounding up.
    image.unwrap_or([224; 2]).map(|size| (0..5).fold(size, |size, _| size.div_ceil(2)))
}

/// Fails unless an average follows: over the whole map, whose height and width are `size`, or over each of its columns, which are
/// the frames of a model that this crate saved.
fn average_pool(graph: &Graph, x: &str, arch: ResNetArch, size: [usize; 2]) -> Result<(), Error> {
    let mut users = graph.consumers(x);
    let Some(node) = users.next() else {
        return Err(Error::Unsupported("the graph ends before the average pooling".into()));
    };
    if is(node, "Conv") {
        return Err(node_error(
            node,
            format!("another block follows those of {arch}: does the file hold another architecture?"),
        ));
    }
    if is(node, "ReduceMean") && mean_axes(graph, node)? == [2] {
        return Ok(());
    }
    check_average_pool(graph, node, size)
}
