//! Which convolutions a ResNet has, by their torchvision names.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The backbone's architecture (He et al., "Deep Residual Learning for Image Recognition", 2015, as
/// torchvision builds it), at full width or narrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// Basic blocks 2, 2, 2, 2, of 64, 128, 256 and 512 channels; 11 million numbers.
    ResNet18,
    /// Basic blocks 3, 4, 6, 3.
    ResNet34,
    /// A ResNet18 at a quarter of the width: 16 to 128 channels, 0.7 million numbers.
    #[serde(rename = "resnet18-w16")]
    ResNet18W16,
    /// At an eighth: 8 to 64 channels, 0.2 million numbers.
    #[serde(rename = "resnet18-w8")]
    ResNet18W8,
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arch::ResNet18 => "resnet18",
            Arch::ResNet34 => "resnet34",
            Arch::ResNet18W16 => "resnet18-w16",
            Arch::ResNet18W8 => "resnet18-w8",
        })
    }
}

impl FromStr for Arch {
    type Err = Error;

    fn from_str(name: &str) -> Result<Arch, Error> {
        Arch::ALL.into_iter().find(|arch| arch.to_string() == name).ok_or_else(|| {
            let known = Arch::ALL.map(|arch| format!("`{arch}`")).join(", ");
            Error::Argument(format!("unknown architecture `{name}`: it is one of {known}"))
        })
    }
}

/// One convolution: square kernel, equal strides, padding `kernel / 2`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvSpec {
    /// torchvision's name of the convolution, such as `layer1.0.conv1`.
    pub name: String,
    /// torchvision's name of the batch norm that follows.
    pub norm: String,
    /// Input and output channels.
    pub channels: [usize; 2],
    pub kernel: usize,
    pub stride: usize,
}

/// The maximum pooling after the stem.
pub(crate) const POOL_KERNEL: usize = 3;
pub(crate) const POOL_STRIDE: usize = 2;
pub(crate) const POOL_PADDING: usize = 1;

/// Something for each convolution of a ResNet: its description, its weights, or its layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layers<T> {
    pub stem: T,
    pub blocks: Vec<BasicBlock<T>>,
}

/// Something for each convolution of a basic block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BasicBlock<T> {
    pub conv1: T,
    pub conv2: T,
    pub downsample: Option<T>,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ResNet18, Self::ResNet34, Self::ResNet18W16, Self::ResNet18W8];

    /// Channels of the stem and the first stage.
    fn width(self) -> usize {
        match self {
            Arch::ResNet18 | Arch::ResNet34 => 64,
            Arch::ResNet18W16 => 16,
            Arch::ResNet18W8 => 8,
        }
    }

    /// The length of a narrow network's embedding; `None` at full width.
    pub(crate) fn narrow_outputs(self) -> Option<usize> {
        (self.width() < 64).then_some(8 * self.width())
    }

    /// The convolutions, from the image to the pooling.
    pub(crate) fn layers(self) -> Layers<ConvSpec> {
        let depths = match self {
            Arch::ResNet18 | Arch::ResNet18W16 | Arch::ResNet18W8 => [2, 2, 2, 2],
            Arch::ResNet34 => [3, 4, 6, 3],
        };
        let width = self.width();
        let mut blocks = Vec::new();
        let mut inputs = width;
        for (stage, depth) in depths.into_iter().enumerate() {
            let outputs = width << stage;
            for index in 0..depth {
                let block = format!("layer{}.{index}", stage + 1);
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let conv = |name: &str, norm: &str, channels, kernel, stride| ConvSpec {
                    name: format!("{block}.{name}"),
                    norm: format!("{block}.{norm}"),
                    channels,
                    kernel,
                    stride,
                };
                blocks.push(BasicBlock {
                    conv1: conv("conv1", "bn1", [inputs, outputs], 3, stride),
                    conv2: conv("conv2", "bn2", [outputs, outputs], 3, 1),
                    downsample: (stride == 2).then(|| conv("downsample.0", "downsample.1", [inputs, outputs], 1, 2)),
                });
                inputs = outputs;
            }
        }
        let stem = ConvSpec { name: "conv1".into(), norm: "bn1".into(), channels: [1, width], kernel: 7, stride: 2 };
        Layers { stem, blocks }
    }
}

impl<T> Layers<T> {
    /// `f` of each convolution in order; stops at the first error.
    pub fn try_map<U, E>(self, mut f: impl FnMut(T) -> Result<U, E>) -> Result<Layers<U>, E> {
        let stem = f(self.stem)?;
        let blocks = self.blocks.into_iter().map(|block| block.try_map(&mut f)).collect::<Result<_, E>>()?;
        Ok(Layers { stem, blocks })
    }

    /// All convolutions in order, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let blocks = self
            .blocks
            .iter_mut()
            .flat_map(|block| [&mut block.conv1, &mut block.conv2].into_iter().chain(&mut block.downsample));
        std::iter::once(&mut self.stem).chain(blocks)
    }

    /// All convolutions in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let blocks =
            self.blocks.iter().flat_map(|block| [&block.conv1, &block.conv2].into_iter().chain(&block.downsample));
        std::iter::once(&self.stem).chain(blocks)
    }
}

impl<T> BasicBlock<T> {
    fn try_map<U, E>(self, f: &mut impl FnMut(T) -> Result<U, E>) -> Result<BasicBlock<U>, E> {
        Ok(BasicBlock { conv1: f(self.conv1)?, conv2: f(self.conv2)?, downsample: self.downsample.map(f).transpose()? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn torchvision_has_as_many_convolutions() {
        for (arch, convolutions) in
            [(Arch::ResNet18, 20), (Arch::ResNet34, 36), (Arch::ResNet18W16, 20), (Arch::ResNet18W8, 20)]
        {
            assert_eq!(arch.layers().iter().count(), convolutions, "{arch}");
        }
    }

    /// torchvision's ResNet18 has 11,176,512 numbers before its classifier, 9,600 of them in batch norms and 9,408 in a stem for
    /// three channels; what is counted here has a bias for each of the 4,800 batch norm channels and a stem for one channel.
    #[test]
    fn narrow_networks_have_a_sixteenth_and_a_sixty_fourth_of_the_weights() {
        let count = |arch: Arch| {
            let numbers = |conv: &ConvSpec| conv.channels[1] * (conv.channels[0] * conv.kernel * conv.kernel + 1);
            arch.layers().iter().map(numbers).sum::<usize>()
        };
        assert_eq!(count(Arch::ResNet18), 11_176_512 - 9_600 + 4_800 - 2 * 3_136);
        // All but the stem has the square of the width, biases and the stem's one input channel the width itself.
        let expected = |part: usize| (11_176_512 - 9_600 - 9_408) / (part * part) + (4_800 + 3_136) / part;
        assert_eq!([count(Arch::ResNet18W16), count(Arch::ResNet18W8)], [expected(4), expected(8)]);
    }

    #[test]
    fn names_round_trip() {
        for arch in Arch::ALL {
            assert_eq!(arch.to_string().parse::<Arch>().unwrap(), arch);
            assert_eq!(serde_json::to_string(&arch).unwrap(), format!("\"{arch}\""));
        }
        assert!("resnet50".parse::<Arch>().unwrap_err().to_string().contains("resnet50"));
    }
}
