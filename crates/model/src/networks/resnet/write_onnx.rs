//! Writes a ResNet as nodes of an ONNX graph.

use super::spec::{BasicBlock, POOL_KERNEL, POOL_PADDING, POOL_STRIDE};
use crate::conv::Conv;
use crate::frozen_output::FrozenOutput;
use crate::onnx::nodes::{Nodes, window};

/// Adds the stem and `blocks`, which end at `output`, from the value named `x`, `[batch, 1, height, width]`, to the value named
/// `name`.
pub(super) fn network(
    nodes: &mut Nodes,
    x: &str,
    stem: &Conv,
    blocks: &[BasicBlock<Conv>],
    output: FrozenOutput,
    name: &str,
) -> String {
    let x = nodes.conv(x, &stem.spec);
    let x = nodes.add("Relu", &[&x], "relu", vec![]);
    let mut x = nodes.add("MaxPool", &[&x], "max_pool", window(POOL_KERNEL, POOL_STRIDE, [POOL_PADDING; 2]));
    for block in blocks {
        let prefix = block.conv1.spec.name.trim_end_matches("conv1");
        let y = nodes.conv(&x, &block.conv1.spec);
        let y = nodes.add("Relu", &[&y], &format!("{prefix}relu1"), vec![]);
        let y = nodes.conv(&y, &block.conv2.spec);
        let shortcut = match &block.downsample {
            Some(downsample) => nodes.conv(&x, &downsample.spec),
            None => x,
        };
        let sum = nodes.add("Add", &[&y, &shortcut], &format!("{prefix}add"), vec![]);
        x = nodes.add("Relu", &[&sum], &format!("{prefix}relu2"), vec![]);
    }
    match output {
        FrozenOutput::EMBEDDING => {
            let x = nodes.add("GlobalAveragePool", &[&x], "average_pool", vec![]);
            nodes.flatten(&x, name)
        }
        FrozenOutput::Before(_) => nodes.flatten(&x, name),
        FrozenOutput::Frames => {
            let x = nodes.mean(&x, 2, false, "columns"); // [batch, d, t]
            nodes.transpose(&x, &[0, 2, 1], name)
        }
    }
}
