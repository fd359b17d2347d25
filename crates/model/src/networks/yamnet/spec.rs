//! The convolutions of YAMNet, by the authors' names.

use crate::conv::ConvSpec;

/// The name in configuration files.
pub(crate) const NAME: &str = "yamnet";

/// Frames and mel bands of a patch, YAMNet's input.
pub(crate) const PATCH: [usize; 2] = [96, 64];
/// Frames between the starts of consecutive patches.
pub(crate) const PATCH_HOP: usize = PATCH[0] / 2;

/// Strides and output channels: `yamnet.py`'s `_YAMNET_LAYER_DEFS`.
const LAYERS: [(usize, usize); 14] = [
    (2, 32),
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (2, 1024),
    (1, 1024),
];

/// The convolutions in order; after the first, depthwise and pointwise alternate. A ReLU follows each.
pub(crate) fn layers() -> Vec<ConvSpec> {
    let mut inputs = 1;
    let mut convs = Vec::new();
    for (index, (stride, outputs)) in LAYERS.into_iter().enumerate() {
        if index == 0 {
            convs.push(conv(1, "conv", [inputs, outputs], 3, stride, false));
        } else {
            convs.push(conv(index + 1, "depthwise_conv", [1, inputs], 3, stride, true));
            convs.push(conv(index + 1, "pointwise_conv", [inputs, outputs], 1, 1, false));
        }
        inputs = outputs;
    }
    convs
}

/// TensorFlow's "same" padding: all sizes in the network are even, so a kernel of 3 with stride 2 pads zeros only after the
/// last row.
fn conv(layer: usize, name: &str, channels: [usize; 2], kernel: usize, stride: usize, depthwise: bool) -> ConvSpec {
    ConvSpec {
        name: format!("layer{layer}.{name}"),
        norm: format!("layer{layer}.{name}.bn"),
        channels,
        kernel,
        stride,
        padding: if stride == 2 { [0, 1] } else { [kernel / 2; 2] },
        depthwise,
        sums_channels: false,
        may_pad_same: true,
    }
}

/// Number of patches in a spectrogram of `frames` frames; consecutive patches overlap by half.
pub(crate) fn n_patches(frames: usize) -> usize {
    (frames / PATCH_HOP).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_convolutions_is_the_authors() {
        assert_eq!(layers().len(), 27);
    }

    #[test]
    fn the_padding_matches_tensorflow() {
        for conv in layers() {
            let expected = match (conv.kernel, conv.stride) {
                (3, 1) => [1, 1],
                (3, 2) => [0, 1],
                _ => [0, 0],
            };
            assert_eq!(conv.padding, expected, "{}", conv.name);
        }
    }
}
