//! The backbone's weights in host memory, wherever they came from.

use std::fmt;
use std::path::Path;

use burn::tensor::Device;

use crate::Error;
use crate::arch::{Arch, Layers};
use crate::backbone::Backbone;
use crate::checksum::Checksum;
use crate::fold::{Conv, RawConv};
use crate::host_tensor::TensorView;
use crate::random::NormalDraws;
use crate::weight_file::{WeightFile, read_file};

/// A backbone's weights on the host: convolutions with batch norm folded into weight and bias, the
/// first one with one input channel.
///
/// Widths are those of the file, so that small-width models work. Tensors go by torchvision's
/// names: `conv1.weight` `[64, 1, 7, 7]`, `conv1.bias` `[64]`, `layer1.0.conv1.weight`,
/// `layer2.0.downsample.0.weight` ...
#[derive(Clone, PartialEq)]
pub struct BackboneWeights {
    arch: Arch,
    layers: Layers<Conv>,
}

/// Without the numbers: there are millions.
impl fmt::Debug for BackboneWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackboneWeights")
            .field("arch", &self.arch)
            .field("n_outputs", &self.n_outputs())
            .finish_non_exhaustive()
    }
}

impl BackboneWeights {
    /// Seeded random weights at full width, as torchvision initialises them: Kaiming normal over
    /// fan out, batch norm the identity. The same seed gives the same bytes on every machine.
    pub fn random(arch: Arch, seed: u64) -> Self {
        let mut draws = NormalDraws::new(seed);
        let Ok(layers) = arch.layers().try_map(|spec| Ok::<_, std::convert::Infallible>(draws.conv(spec)));
        BackboneWeights { arch, layers }
    }

    /// Reads an ONNX file (any of the usual exports of a ResNet; its classifier is ignored) or a
    /// safetensors file with torchvision's names: a checkpoint with batch norm, one with folded
    /// biases, or a model saved by [`save_model`](crate::save_model). The extension tells them
    /// apart; under any other, the content does.
    ///
    /// # Errors
    /// All inside [`Error::At`]: the file cannot be read, is malformed, over 1 GiB, of another
    /// architecture, or holds a tensor that is missing, misshapen, not `float32` or `float64`, or
    /// not finite. The tensor or node is named.
    pub fn load(path: &Path, arch: Arch) -> Result<Self, Error> {
        let read = || {
            let bytes = read_file(path)?;
            BackboneWeights::from_raw(arch, WeightFile::parse(path, &bytes)?.backbone(arch)?)
        };
        read().map_err(|error: Error| error.at(path))
    }

    /// The architecture.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// The length of an embedding: 512 at full width.
    pub fn n_outputs(&self) -> usize {
        self.layers.blocks.last().map_or(0, |block| block.conv2.bias.len())
    }

    /// SHA-256 in hexadecimal over the architecture and every tensor: equal for equal weights, from
    /// whichever file they came.
    pub fn fingerprint(&self) -> String {
        let mut checksum = Checksum::new(&self.arch.to_string());
        for tensor in self.tensors() {
            checksum.add(&tensor);
        }
        checksum.finish()
    }

    /// Puts the weights on `device`, without autodiff: the backbone is frozen.
    pub fn to_backbone(&self, device: &Device) -> Backbone {
        Backbone::new(&self.layers, device)
    }

    /// The convolutions.
    pub(crate) fn layers(&self) -> &Layers<Conv> {
        &self.layers
    }

    /// Folds what a file holds and checks that the convolutions fit together.
    pub(crate) fn from_raw(arch: Arch, raw: Layers<RawConv>) -> Result<Self, Error> {
        let layers = raw.try_map(RawConv::fold)?;
        check_channels(&layers)?;
        Ok(BackboneWeights { arch, layers })
    }

    /// Weight and bias of each convolution by torchvision's names, in the order of the network.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = TensorView<'_>> {
        self.layers.iter().flat_map(|conv| {
            let ([inputs, outputs], kernel) = (conv.spec.channels, conv.spec.kernel);
            let view = |kind: &str, shape: &[usize], data| TensorView {
                name: format!("{}.{kind}", conv.spec.name),
                shape: shape.to_vec(),
                data,
            };
            [
                view("weight", &[outputs, inputs, kernel, kernel], conv.weight.as_slice()),
                view("bias", &[outputs], &conv.bias),
            ]
        })
    }
}

fn check_channels(layers: &Layers<Conv>) -> Result<(), Error> {
    let expect = |conv: &Conv, which: usize, expected: usize| {
        let found = conv.spec.channels[which];
        if found == expected {
            return Ok(());
        }
        let side = ["input", "output"][which];
        Err(Error::tensor(
            &format!("{}.weight", conv.spec.name),
            format!("{found} {side} channels, expected {expected}"),
        ))
    };
    let mut inputs = layers.stem.spec.channels[1];
    for block in &layers.blocks {
        expect(&block.conv1, 0, inputs)?;
        expect(&block.conv2, 0, block.conv1.spec.channels[1])?;
        let outputs = block.conv2.spec.channels[1];
        match &block.downsample {
            Some(downsample) => {
                expect(downsample, 0, inputs)?;
                expect(downsample, 1, outputs)?;
            }
            None => expect(&block.conv2, 1, inputs)?,
        }
        inputs = outputs;
    }
    Ok(())
}
