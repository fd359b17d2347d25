//! Builds a ResNet for the crate `engine`.

use ::engine::{Builder, Cpu, Error, MaxPool, Network, Output};

use super::spec::{BasicBlock, POOL_KERNEL, POOL_PADDING, POOL_STRIDE};
use crate::conv::Conv;
use crate::frozen_output::FrozenOutput;

/// The stem and `blocks`, which end at `output`, on images of `shape`.
pub(super) fn network(
    cpu: Cpu,
    shape: [usize; 2],
    stem: &Conv,
    blocks: &[BasicBlock<Conv>],
    output: FrozenOutput,
) -> Result<Network, Error> {
    let (mut builder, image) = Builder::new(cpu, shape);
    let max_pool = MaxPool { kernel: POOL_KERNEL, stride: POOL_STRIDE, padding: POOL_PADDING };
    let mut x = builder.conv_and_max_pool(image, &stem.for_engine(true), max_pool)?;
    for BasicBlock { conv1, conv2, downsample } in blocks {
        let y = builder.conv(x, &conv1.for_engine(true), None)?;
        let shortcut = match downsample {
            Some(downsample) => builder.conv(x, &downsample.for_engine(false), None)?,
            None => x,
        };
        x = builder.conv(y, &conv2.for_engine(true), Some(shortcut))?;
    }
    Ok(builder.finish(match output {
        FrozenOutput::EMBEDDING => Output::Mean,
        FrozenOutput::Before(_) => Output::Map,
        FrozenOutput::Frames => Output::ColumnMeans,
    }))
}
