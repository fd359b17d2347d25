//! Builds YAMNet for the crate `engine`.

use ::engine::{Builder, Cpu, Error, Output};

use super::spec::{PATCH, PATCH_HOP, n_patches};
use crate::conv::Conv;
use crate::networks::frame_pooling::FramePooling;
use crate::networks::simd_network::SimdNetwork;

/// The network on each patch of a spectrogram, `[frames, bands]`, and what becomes of their embeddings.
pub(super) fn network(
    cpu: Cpu,
    [frames, bands]: [usize; 2],
    convs: &[Conv],
    pooling: Option<FramePooling>,
) -> Result<SimdNetwork, Error> {
    let (mut builder, mut x) = Builder::new(cpu, PATCH);
    for conv in convs {
        x = builder.conv(x, &conv.for_engine(true), None)?;
    }
    let patch = |index| index * PATCH_HOP * bands..(index * PATCH_HOP + PATCH[0]) * bands;
    let images = (0..n_patches(frames)).map(patch).collect();
    Ok(SimdNetwork { network: builder.finish(Output::Mean), images, pooling })
}
