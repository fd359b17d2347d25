//! The networks that an encoder can contain, one folder each.
//!
//! To add a network, add a folder with its specification, its weights (which implement [`Encoder`]), its burn module, and its
//! file readers and writers. Then add a variant to [`NetworkArch`], [`NetworkWeights`] and [`Backbone`](crate::Backbone).

pub(crate) mod encoder;
pub(crate) mod frame_pooling;
pub(crate) mod onnx;
pub(crate) mod resnet;
pub(crate) mod simd_network;
pub(crate) mod yamnet;

use std::fmt;

use crate::conv::ConvSpec;
use crate::error::Error;
use crate::frozen_output::FrozenOutput;
use crate::host_tensor::TensorView;
use crate::named_tensors::NamedTensors;
use crate::networks::encoder::Encoder;
use crate::networks::onnx::weights::OnnxWeights;
use crate::networks::resnet::spec::ResNetArch;
use crate::networks::resnet::weights::ResNetWeights;
use crate::networks::yamnet::pooling;
use crate::networks::yamnet::weights::YamnetWeights;
use crate::random::NormalDraws;
use crate::trainable::Trainable;
use crate::weight_file::WeightFile;

/// Increased whenever the same weights give other outputs for the same input. Caches and run identities hash it.
pub const NETWORKS_VERSION: u32 = 1;

/// The architecture of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NetworkArch {
    /// A ResNet (He et al., "Deep Residual Learning for Image Recognition", 2015, as torchvision builds it), at full width or
    /// narrower, on a square image of a spectrogram.
    ResNet(ResNetArch),
    /// YAMNet (TensorFlow's model garden, `research/audioset/yamnet`): MobileNetV1 on patches of a log-mel spectrogram.
    Yamnet,
    /// An encoder in an ONNX file, frozen, on an image, a waveform or a log-mel spectrogram.
    Onnx,
}

/// The weights of one network.
#[derive(Clone, PartialEq)]
pub(crate) enum NetworkWeights {
    ResNet(ResNetWeights),
    Yamnet(YamnetWeights),
    Onnx(OnnxWeights),
}

impl NetworkArch {
    /// All architectures.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        ResNetArch::all().map(Self::ResNet).chain([Self::Yamnet, Self::Onnx])
    }

    /// Whether the network has its authors' width, or any width that a file has.
    pub(crate) fn is_full_width(self) -> bool {
        match self {
            Self::ResNet(arch) => arch.narrow_outputs().is_none(),
            Self::Yamnet | Self::Onnx => true,
        }
    }

    /// Names of the inputs of which the network takes one: `image` for a ResNet, `patches` for YAMNet, and `image`, `waveform` or
    /// `log_mel` for an encoder in an ONNX file.
    pub fn input_names(self) -> &'static [&'static str] {
        match self {
            Self::ResNet(_) => &["image"],
            Self::Yamnet => &["patches"],
            Self::Onnx => &onnx::INPUTS,
        }
    }

    /// Name of the input of a network that can stand beside others.
    pub(crate) fn input_name(self) -> &'static str {
        self.input_names()[0]
    }

    /// Whether the layers are known here, and not in a file only.
    pub fn has_known_layers(self) -> bool {
        self != Self::Onnx
    }

    /// The convolutions, in order.
    pub(crate) fn convolutions(self) -> Vec<ConvSpec> {
        match self {
            Self::ResNet(arch) => arch.layers().iter().cloned().collect(),
            Self::Yamnet => yamnet::spec::layers(),
            Self::Onnx => Vec::new(),
        }
    }

    /// Names of the tensors that may exist besides the convolutions.
    pub(crate) fn other_names(self) -> &'static [&'static str] {
        match self {
            Self::ResNet(_) => &[],
            Self::Yamnet => pooling::NAMES.as_flattened(),
            Self::Onnx => &[onnx::GRAPH],
        }
    }

    /// Whether `other` is a network of the same kind, whose tensors have the same names.
    pub(crate) fn is_kind_of(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl fmt::Display for NetworkArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResNet(arch) => write!(f, "{arch}"),
            Self::Yamnet => f.write_str(yamnet::spec::NAME),
            Self::Onnx => f.write_str(onnx::NAME),
        }
    }
}

impl NetworkWeights {
    /// Seeded random weights.
    pub fn random(arch: NetworkArch, draws: &mut NormalDraws) -> Result<Self, Error> {
        match arch {
            NetworkArch::ResNet(arch) => Ok(Self::ResNet(ResNetWeights::random(arch, draws))),
            NetworkArch::Yamnet => Ok(Self::Yamnet(YamnetWeights::random(draws))),
            NetworkArch::Onnx => {
                Err(Error::Argument(format!("`{}` has no random weights: its graph is in a file", onnx::NAME)))
            }
        }
    }

    /// Reads the network from a file that holds only this network.
    pub fn read(arch: NetworkArch, file: &WeightFile) -> Result<Self, Error> {
        match arch {
            NetworkArch::ResNet(arch) => ResNetWeights::read(arch, file).map(Self::ResNet),
            NetworkArch::Yamnet => YamnetWeights::read(file).map(Self::Yamnet),
            NetworkArch::Onnx => OnnxWeights::read(file).map(Self::Onnx),
        }
    }

    /// Reads the network from tensors with the authors' names.
    pub fn from_names(arch: NetworkArch, tensors: &dyn NamedTensors) -> Result<Self, Error> {
        match arch {
            NetworkArch::ResNet(arch) => ResNetWeights::from_names(arch, tensors).map(Self::ResNet),
            NetworkArch::Yamnet => YamnetWeights::from_names(tensors).map(Self::Yamnet),
            NetworkArch::Onnx => {
                Err(Error::Argument(format!("`{}` cannot be combined with other networks", onnx::NAME)))
            }
        }
    }

    /// The architecture.
    pub fn arch(&self) -> NetworkArch {
        match self {
            Self::ResNet(weights) => NetworkArch::ResNet(weights.arch),
            Self::Yamnet(_) => NetworkArch::Yamnet,
            Self::Onnx(_) => NetworkArch::Onnx,
        }
    }

    /// The operations that every network supports.
    pub fn encoder(&self) -> &dyn Encoder {
        match self {
            Self::ResNet(weights) => weights,
            Self::Yamnet(weights) => weights,
            Self::Onnx(weights) => weights,
        }
    }

    /// The operations that every network supports, mutable.
    pub fn encoder_mut(&mut self) -> &mut dyn Encoder {
        match self {
            Self::ResNet(weights) => weights,
            Self::Yamnet(weights) => weights,
            Self::Onnx(weights) => weights,
        }
    }

    /// The encoder in an ONNX file, if the network is one.
    pub fn onnx(&self) -> Option<&OnnxWeights> {
        match self {
            Self::Onnx(weights) => Some(weights),
            Self::ResNet(_) | Self::Yamnet(_) => None,
        }
    }

    /// Every tensor by its authors' name, in network order.
    pub fn tensors(&self) -> impl Iterator<Item = TensorView<'_>> {
        let convolutions = self.encoder().convolutions().into_iter().flat_map(|conv| conv.tensors());
        convolutions.chain(self.encoder().other_tensors())
    }

    /// The tensors of the layers up to `output`. Those besides the convolutions belong to the pooling, which follows frames, or are
    /// a graph, which brings its own.
    pub fn frozen_tensors(&self, output: FrozenOutput) -> impl Iterator<Item = TensorView<'_>> {
        let n_frozen = self.encoder().n_frozen(output.trainable());
        let convolutions = self.encoder().convolutions().into_iter().take(n_frozen);
        let has_others = output != FrozenOutput::Frames && self.onnx().is_none();
        let others = if has_others { self.encoder().other_tensors() } else { Vec::new() };
        convolutions.flat_map(|conv| conv.tensors()).chain(others)
    }

    /// The tensors that `trainable` names.
    pub fn trainable_tensors(&self, trainable: Trainable) -> impl Iterator<Item = TensorView<'_>> {
        let n_frozen = self.encoder().n_frozen(trainable);
        self.encoder().convolutions().into_iter().skip(n_frozen).flat_map(|conv| conv.tensors())
    }
}
