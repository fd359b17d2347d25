//! The convolutions of a ResNet, by the authors' names.

use std::fmt;

use crate::conv::ConvSpec;

/// Max pooling after the stem.
pub(crate) const POOL_KERNEL: usize = 3;
pub(crate) const POOL_STRIDE: usize = 2;
pub(crate) const POOL_PADDING: usize = 1;

/// A ResNet's depth and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResNetArch {
    /// Number of basic blocks in each stage.
    pub depth: ResNetDepth,
    /// Channels of the stem and the first stage; each further stage doubles them.
    pub width: ResNetWidth,
}

/// Basic blocks of the four stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResNetDepth {
    /// 2, 2, 2, 2.
    Layers18,
    /// 3, 4, 6, 3.
    Layers34,
}

/// Channels of the stem and the first stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResNetWidth {
    /// 64 channels: the embedding has 512 values, a ResNet18 has 11 million weights. A file of another width keeps its own
    /// width.
    Full,
    /// 16 channels: the embedding has 128 values; 0.7 million weights.
    Quarter,
    /// 8 channels: the embedding has 64 values; 0.2 million weights.
    Eighth,
}

impl ResNetArch {
    /// ResNet18 at full width.
    pub const RESNET18: Self = Self { depth: ResNetDepth::Layers18, width: ResNetWidth::Full };

    /// Every depth at every width.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let depths = [ResNetDepth::Layers18, ResNetDepth::Layers34];
        let widths = [ResNetWidth::Full, ResNetWidth::Quarter, ResNetWidth::Eighth];
        depths.into_iter().flat_map(move |depth| widths.map(|width| Self { depth, width }))
    }

    /// Embedding length of a narrow ResNet; `None` at full width.
    pub(crate) fn narrow_outputs(self) -> Option<usize> {
        (self.width != ResNetWidth::Full).then(|| 8 * self.stem_channels())
    }

    fn stem_channels(self) -> usize {
        match self.width {
            ResNetWidth::Full => 64,
            ResNetWidth::Quarter => 16,
            ResNetWidth::Eighth => 8,
        }
    }

    /// The convolutions, from the image to the pooling.
    pub(crate) fn layers(self) -> ResNetLayers<ConvSpec> {
        let depths = match self.depth {
            ResNetDepth::Layers18 => [2, 2, 2, 2],
            ResNetDepth::Layers34 => [3, 4, 6, 3],
        };
        let width = self.stem_channels();
        let mut blocks = Vec::new();
        let mut inputs = width;
        for (stage, depth) in depths.into_iter().enumerate() {
            let outputs = width << stage;
            for index in 0..depth {
                let block = format!("layer{}.{index}", stage + 1);
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let conv = |name: &str, norm: &str, channels, kernel, stride| {
                    conv(format!("{block}.{name}"), format!("{block}.{norm}"), channels, kernel, stride)
                };
                blocks.push(BasicBlock {
                    conv1: conv("conv1", "bn1", [inputs, outputs], 3, stride),
                    conv2: conv("conv2", "bn2", [outputs, outputs], 3, 1),
                    downsample: (stride == 2).then(|| conv("downsample.0", "downsample.1", [inputs, outputs], 1, 2)),
                });
                inputs = outputs;
            }
        }
        let stem = ConvSpec { sums_channels: true, ..conv("conv1".into(), "bn1".into(), [1, width], 7, 2) };
        ResNetLayers { stem, blocks }
    }
}

impl fmt::Display for ResNetArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.depth {
            ResNetDepth::Layers18 => "resnet18",
            ResNetDepth::Layers34 => "resnet34",
        })?;
        f.write_str(match self.width {
            ResNetWidth::Full => "",
            ResNetWidth::Quarter => "-w16",
            ResNetWidth::Eighth => "-w8",
        })
    }
}

fn conv(name: String, norm: String, channels: [usize; 2], kernel: usize, stride: usize) -> ConvSpec {
    ConvSpec {
        name,
        norm,
        channels,
        kernel,
        stride,
        padding: [kernel / 2; 2],
        depthwise: false,
        sums_channels: false,
        may_pad_same: false,
    }
}

/// One item per convolution of a ResNet: its specification, weights or layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResNetLayers<T> {
    pub stem: T,
    pub blocks: Vec<BasicBlock<T>>,
}

/// One item per convolution of a basic block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BasicBlock<T> {
    pub conv1: T,
    pub conv2: T,
    pub downsample: Option<T>,
}

impl<T> ResNetLayers<T> {
    /// Applies `f` to each convolution in order; stops at the first error.
    pub fn try_map<U, E>(self, mut f: impl FnMut(T) -> Result<U, E>) -> Result<ResNetLayers<U>, E> {
        let stem = f(self.stem)?;
        let blocks = self.blocks.into_iter().map(|block| block.try_map(&mut f)).collect::<Result<_, E>>()?;
        Ok(ResNetLayers { stem, blocks })
    }

    /// All convolutions in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.stem).chain(self.blocks.iter().flat_map(BasicBlock::iter))
    }

    /// All convolutions in order, mutable.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let blocks = self.blocks.iter_mut();
        std::iter::once(&mut self.stem).chain(
            blocks.flat_map(|block| [&mut block.conv1, &mut block.conv2].into_iter().chain(&mut block.downsample)),
        )
    }
}

impl<T> BasicBlock<T> {
    fn try_map<U, E>(self, f: &mut impl FnMut(T) -> Result<U, E>) -> Result<BasicBlock<U>, E> {
        Ok(BasicBlock { conv1: f(self.conv1)?, conv2: f(self.conv2)?, downsample: self.downsample.map(f).transpose()? })
    }

    /// The convolutions, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.conv1, &self.conv2].into_iter().chain(&self.downsample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_convolutions_is_torchvisions() {
        for arch in ResNetArch::all() {
            let expected = if arch.depth == ResNetDepth::Layers18 { 20 } else { 36 };
            assert_eq!(arch.layers().iter().count(), expected, "{arch}");
        }
    }

    /// torchvision's ResNet18 has 11,176,512 parameters before its classifier: 9,600 of them in batch norms and 9,408 in a
    /// stem for three channels. The network here has a bias for each of the 4,800 batch norm channels, and a one-channel
    /// stem.
    #[test]
    fn narrow_networks_have_a_sixteenth_and_a_sixty_fourth_of_the_weights() {
        let count = |width: ResNetWidth| {
            let numbers = |conv: &ConvSpec| conv.channels[1] * (conv.channels[0] * conv.kernel * conv.kernel + 1);
            let arch = ResNetArch { depth: ResNetDepth::Layers18, width };
            arch.layers().iter().map(numbers).sum::<usize>()
        };
        assert_eq!(count(ResNetWidth::Full), 11_176_512 - 9_600 + 4_800 - 2 * 3_136);
        // All weights outside the stem grow with the square of the width; biases and the one-channel stem grow with the
        // width.
        let expected = |part: usize| (11_176_512 - 9_600 - 9_408) / (part * part) + (4_800 + 3_136) / part;
        assert_eq!([ResNetWidth::Quarter, ResNetWidth::Eighth].map(count), [expected(4), expected(8)]);
    }
}
