//! Which convolutions a backbone has, by their authors' names.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The backbone's architecture: a ResNet (He et al., "Deep Residual Learning for Image Recognition", 2015, as torchvision
/// builds it), at full width or narrower, YAMNet (TensorFlow's model garden, `research/audioset/yamnet`), or two together:
/// a ResNet's embedding followed by YAMNet's.
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
    /// MobileNetV1 (Howard et al., "MobileNets", 2017) on patches of a log-mel spectrogram.
    Yamnet,
    /// Two together.
    #[serde(rename = "resnet18+yamnet")]
    ResNet18Yamnet,
    /// Two together.
    #[serde(rename = "resnet34+yamnet")]
    ResNet34Yamnet,
    /// Two together.
    #[serde(rename = "resnet18-w16+yamnet")]
    ResNet18W16Yamnet,
    /// Two together.
    #[serde(rename = "resnet18-w8+yamnet")]
    ResNet18W8Yamnet,
}

/// Frames of a patch, and mel bands of each, that YAMNet sees at once.
pub(crate) const PATCH: [usize; 2] = [96, 64];
/// Frames from one patch to the next.
pub(crate) const PATCH_HOP: usize = PATCH[0] / 2;

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arch::ResNet18 => "resnet18",
            Arch::ResNet34 => "resnet34",
            Arch::ResNet18W16 => "resnet18-w16",
            Arch::ResNet18W8 => "resnet18-w8",
            Arch::Yamnet => "yamnet",
            Arch::ResNet18Yamnet => "resnet18+yamnet",
            Arch::ResNet34Yamnet => "resnet34+yamnet",
            Arch::ResNet18W16Yamnet => "resnet18-w16+yamnet",
            Arch::ResNet18W8Yamnet => "resnet18-w8+yamnet",
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

/// One convolution: square kernel, equal strides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvSpec {
    /// Its authors' name of the convolution, such as `layer1.0.conv1` or `layer2.depthwise_conv`.
    pub name: String,
    /// Their name of the batch norm that follows.
    pub norm: String,
    /// Input channels of each output, and output channels.
    pub channels: [usize; 2],
    pub kernel: usize,
    pub stride: usize,
    /// Zeros before the first and after the last row, and columns likewise.
    pub padding: [usize; 2],
    /// Whether each output sees its own input channel only.
    pub depthwise: bool,
}

impl ConvSpec {
    /// In how many groups its channels fall.
    pub fn groups(&self) -> usize {
        if self.depthwise { self.channels[1] } else { 1 }
    }
}

/// The maximum pooling after the stem.
pub(crate) const POOL_KERNEL: usize = 3;
pub(crate) const POOL_STRIDE: usize = 2;
pub(crate) const POOL_PADDING: usize = 1;

/// Something for each convolution of a backbone: its description, its weights, or its layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Layers<T> {
    ResNet(ResNetLayers<T>),
    /// One after the other, depthwise and pointwise in turn after the first; a ReLU follows each.
    Yamnet(Vec<T>),
    /// Two together.
    Both(ResNetLayers<T>, Vec<T>),
}

/// Something for each convolution of a ResNet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResNetLayers<T> {
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
    pub const ALL: [Self; 9] = [
        Self::ResNet18,
        Self::ResNet34,
        Self::ResNet18W16,
        Self::ResNet18W8,
        Self::Yamnet,
        Self::ResNet18Yamnet,
        Self::ResNet34Yamnet,
        Self::ResNet18W16Yamnet,
        Self::ResNet18W8Yamnet,
    ];

    /// The ResNet of two together.
    pub fn beside_yamnet(self) -> Option<Self> {
        match self {
            Arch::ResNet18Yamnet => Some(Arch::ResNet18),
            Arch::ResNet34Yamnet => Some(Arch::ResNet34),
            Arch::ResNet18W16Yamnet => Some(Arch::ResNet18W16),
            Arch::ResNet18W8Yamnet => Some(Arch::ResNet18W8),
            _ => None,
        }
    }

    /// A ResNet, and YAMNet beside it.
    pub fn with_yamnet(self) -> Option<Self> {
        Self::ALL.into_iter().find(|both| both.beside_yamnet() == Some(self))
    }

    /// Whether YAMNet is it or a part of it.
    pub fn has_yamnet(self) -> bool {
        self == Arch::Yamnet || self.beside_yamnet().is_some()
    }

    /// The length of the embedding of a narrow ResNet; `None` at full width.
    pub(crate) fn narrow_outputs(self) -> Option<usize> {
        match self.beside_yamnet().unwrap_or(self) {
            Arch::ResNet18W16 => Some(128),
            Arch::ResNet18W8 => Some(64),
            _ => None,
        }
    }

    /// The convolutions, from the image to the pooling.
    pub(crate) fn layers(self) -> Layers<ConvSpec> {
        let resnet = match self {
            Arch::ResNet18 | Arch::ResNet18Yamnet => resnet([2, 2, 2, 2], 64),
            Arch::ResNet34 | Arch::ResNet34Yamnet => resnet([3, 4, 6, 3], 64),
            Arch::ResNet18W16 | Arch::ResNet18W16Yamnet => resnet([2, 2, 2, 2], 16),
            Arch::ResNet18W8 | Arch::ResNet18W8Yamnet => resnet([2, 2, 2, 2], 8),
            Arch::Yamnet => return Layers::Yamnet(yamnet()),
        };
        if self.has_yamnet() { Layers::Both(resnet, yamnet()) } else { Layers::ResNet(resnet) }
    }
}

/// Basic blocks in each of the four stages, and channels of the stem and the first stage.
fn resnet(depths: [usize; 4], width: usize) -> ResNetLayers<ConvSpec> {
    let conv = |name: String, norm: String, channels, kernel, stride| ConvSpec {
        name,
        norm,
        channels,
        kernel,
        stride,
        padding: [kernel / 2; 2],
        depthwise: false,
    };
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
    ResNetLayers { stem: conv("conv1".into(), "bn1".into(), [1, width], 7, 2), blocks }
}

/// `yamnet.py`'s `_YAMNET_LAYER_DEFS`: strides and output channels. TensorFlow's padding "same": a kernel of 3 with stride 2
/// sees the zeros after the last row only, as all sizes on the way are even.
fn yamnet() -> Vec<ConvSpec> {
    let layers = [
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
    let conv = |layer: usize, name: &str, channels, kernel: usize, stride: usize, depthwise| ConvSpec {
        name: format!("layer{layer}.{name}"),
        norm: format!("layer{layer}.{name}.bn"),
        channels,
        kernel,
        stride,
        padding: if stride == 2 { [0, 1] } else { [kernel / 2; 2] },
        depthwise,
    };
    let mut inputs = 1;
    let mut convs = Vec::new();
    for (index, (stride, outputs)) in layers.into_iter().enumerate() {
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

impl<T> Layers<T> {
    /// `f` of each convolution in order; stops at the first error.
    pub fn try_map<U, E>(self, mut f: impl FnMut(T) -> Result<U, E>) -> Result<Layers<U>, E> {
        match self {
            Self::ResNet(layers) => Ok(Layers::ResNet(layers.try_map(&mut f)?)),
            Self::Yamnet(convs) => Ok(Layers::Yamnet(convs.into_iter().map(f).collect::<Result<_, E>>()?)),
            Self::Both(layers, convs) => {
                let layers = layers.try_map(&mut f)?;
                Ok(Layers::Both(layers, convs.into_iter().map(f).collect::<Result<_, E>>()?))
            }
        }
    }

    /// All convolutions in order, to be changed.
    pub fn iter_mut(&mut self) -> Box<dyn Iterator<Item = &mut T> + '_> {
        match self {
            Self::ResNet(layers) => Box::new(layers.iter_mut()),
            Self::Yamnet(convs) => Box::new(convs.iter_mut()),
            Self::Both(layers, convs) => Box::new(layers.iter_mut().chain(convs)),
        }
    }

    /// All convolutions in order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = &T> + '_> {
        match self {
            Self::ResNet(layers) => Box::new(layers.iter()),
            Self::Yamnet(convs) => Box::new(convs.iter()),
            Self::Both(layers, convs) => Box::new(layers.iter().chain(convs)),
        }
    }
}

impl<T> ResNetLayers<T> {
    fn try_map<U, E>(self, f: &mut impl FnMut(T) -> Result<U, E>) -> Result<ResNetLayers<U>, E> {
        let stem = f(self.stem)?;
        let blocks = self.blocks.into_iter().map(|block| block.try_map(f)).collect::<Result<_, E>>()?;
        Ok(ResNetLayers { stem, blocks })
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let blocks = self.blocks.iter_mut();
        std::iter::once(&mut self.stem).chain(
            blocks.flat_map(|block| [&mut block.conv1, &mut block.conv2].into_iter().chain(&mut block.downsample)),
        )
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        let blocks = self.blocks.iter();
        std::iter::once(&self.stem)
            .chain(blocks.flat_map(|block| [&block.conv1, &block.conv2].into_iter().chain(&block.downsample)))
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
    fn the_authors_have_as_many_convolutions() {
        let expected = [20, 36, 20, 20, 27, 47, 63, 47, 47];
        for (arch, convolutions) in Arch::ALL.into_iter().zip(expected) {
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
            let both = arch.beside_yamnet().map(|resnet| format!("{resnet}+yamnet"));
            assert_eq!(both, arch.has_yamnet().then(|| arch.to_string()).filter(|name| name.contains('+')));
            assert_eq!(arch.with_yamnet().is_some(), !arch.has_yamnet());
        }
        assert!("resnet50".parse::<Arch>().unwrap_err().to_string().contains("resnet50"));
    }

    #[test]
    fn yamnets_padding_is_tensorflows() {
        let Layers::Yamnet(convs) = Arch::Yamnet.layers() else { panic!("YAMNet") };
        for conv in convs {
            let expected = match (conv.kernel, conv.stride) {
                (3, 1) => [1, 1],
                (3, 2) => [0, 1],
                _ => [0, 0],
            };
            assert_eq!(conv.padding, expected, "{}", conv.name);
        }
    }
}
