//! Which convolutions YAMNet has, by its authors' names.

use crate::conv::ConvSpec;

/// The name in configuration files.
pub(crate) const NAME: &str = "yamnet";

/// Frames and mel bands of a patch, what YAMNet takes in at once.
pub(crate) const PATCH: [usize; 2] = [96, 64];
/// Frames from one patch to the next.
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

/// The convolutions, one after the other, depthwise and pointwise in turn after the first; a ReLU follows each.
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

/// TensorFlow's padding "same": all sizes on the way are even, so a kernel of 3 with stride 2 takes in zeros after the last row
/// only.
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

/// Patches of a spectrogram of so many frames, each overlapping half of the one before.
pub(crate) fn n_patches(frames: usize) -> usize {
    (frames / PATCH_HOP).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authors_have_as_many_convolutions() {
        assert_eq!(layers().len(), 27);
    }

    #[test]
    fn the_padding_is_tensorflows() {
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
