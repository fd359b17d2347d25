//! The backbone's weights in host memory, wherever they came from.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;

use crate::Error;
use crate::arch::{Arch, BasicBlock, Layers, POOL_KERNEL, POOL_PADDING, POOL_STRIDE};
use crate::backbone::{Backbone, host_vec};
use crate::checksum::Checksum;
use crate::fold::{Conv, RawConv};
use crate::host_tensor::{HostTensor, TensorView};
use crate::random::NormalDraws;
use crate::trainable::Trainable;
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

    /// The whole backbone on `device`, without autodiff and frozen.
    pub fn to_backbone(&self, device: &Device) -> Backbone {
        self.stretch(0..self.layers.blocks.len(), &device.clone().without_autodiff()).freeze()
    }

    /// The part of the backbone that `trainable` names, on `device`: with autodiff to train it. `None` if it names none.
    pub fn to_trainable(&self, trainable: Trainable, device: &Device) -> Option<Backbone> {
        let blocks = trainable.first_block(&self.layers)..self.layers.blocks.len();
        (!blocks.is_empty()).then(|| self.stretch(blocks, device))
    }

    /// Channels, height and width of what the part that `trainable` names takes in, for images of `image_size` x
    /// `image_size` pixels. Training nothing starts after the pooling.
    pub fn trainable_input(&self, trainable: Trainable, image_size: usize) -> [usize; 3] {
        let convolved = |size: usize, kernel: usize, stride: usize, padding: usize| {
            (size + 2 * padding).saturating_sub(kernel) / stride + 1
        };
        let spec = |conv: &Conv| (conv.spec.kernel, conv.spec.stride, conv.spec.kernel / 2);
        if trainable == Trainable::None {
            return [self.n_outputs(), 1, 1];
        }
        let frozen = &self.layers.blocks[..trainable.first_block(&self.layers)];
        let Some(last) = frozen.last() else { return [1, image_size, image_size] };
        let (kernel, stride, padding) = spec(&self.layers.stem);
        let mut size = convolved(image_size, kernel, stride, padding);
        size = convolved(size, POOL_KERNEL, POOL_STRIDE, POOL_PADDING);
        for block in frozen {
            let (kernel, stride, padding) = spec(&block.conv1);
            size = convolved(size, kernel, stride, padding);
        }
        [last.conv2.bias.len(), size, size]
    }

    /// These weights with those that training gave to `trained`, as [`BackboneWeights::to_trainable`] made it.
    ///
    /// # Errors
    /// [`Error::Device`] if the device does not give the numbers.
    pub fn with_trained(&self, trained: &Backbone) -> Result<Self, Error> {
        let mut weights = self.clone();
        let frozen = self.layers.iter().count() - trained.convolutions().count();
        for (conv, layer) in weights.layers.iter_mut().skip(frozen).zip(trained.convolutions()) {
            conv.weight = host_vec(layer.weight.val().without_autodiff())?;
            if let Some(bias) = &layer.bias {
                conv.bias = host_vec(bias.val().without_autodiff())?;
            }
        }
        Ok(weights)
    }

    /// Weight and bias of the convolutions before those that `trainable` names.
    pub(crate) fn frozen_tensors(&self, trainable: Trainable) -> impl Iterator<Item = TensorView<'_>> {
        self.tensors().take(2 * self.frozen_count(trainable))
    }

    /// Weight and bias of the convolutions that `trainable` names, as [`BackboneWeights::tensors`] gives them.
    pub(crate) fn trainable_tensors(&self, trainable: Trainable) -> impl Iterator<Item = TensorView<'_>> {
        self.tensors().skip(2 * self.frozen_count(trainable))
    }

    /// These weights with the tensors that `trainable` names replaced by what `get` gives for their names.
    pub(crate) fn with_tensors(
        mut self,
        trainable: Trainable,
        mut get: impl FnMut(&str) -> Result<HostTensor, Error>,
    ) -> Result<Self, Error> {
        let frozen = self.frozen_count(trainable);
        for conv in self.layers.iter_mut().skip(frozen) {
            let ([inputs, outputs], kernel) = (conv.spec.channels, conv.spec.kernel);
            let weight = get(&format!("{}.weight", conv.spec.name))?;
            weight.check_shape(&[outputs, inputs, kernel, kernel])?;
            let bias = get(&format!("{}.bias", conv.spec.name))?;
            bias.check_shape(&[outputs])?;
            (conv.weight, conv.bias) = (weight.data, bias.data);
        }
        Ok(self)
    }

    /// A stretch of residual blocks in burn, see [`Backbone`].
    pub(crate) fn stretch(&self, blocks: Range<usize>, device: &Device) -> Backbone {
        Backbone::new(&self.layers, blocks, device)
    }

    /// How many convolutions stand before those that `trainable` names.
    fn frozen_count(&self, trainable: Trainable) -> usize {
        match trainable.first_block(&self.layers) {
            0 => 0,
            first => {
                let of_block = |block: &BasicBlock<Conv>| 2 + usize::from(block.downsample.is_some());
                1 + self.layers.blocks[..first].iter().map(of_block).sum::<usize>()
            }
        }
    }

    /// The convolutions.
    pub(crate) fn layers(&self) -> &Layers<Conv> {
        &self.layers
    }

    /// Folds what a file holds and checks that the convolutions fit together.
    pub(crate) fn from_raw(arch: Arch, raw: Layers<RawConv>) -> Result<Self, Error> {
        let layers = raw.try_map(RawConv::fold)?;
        check_channels(&layers)?;
        let weights = BackboneWeights { arch, layers };
        // A narrow architecture says how narrow; any other takes the width that the file has.
        match arch.narrow_outputs() {
            Some(expected) if weights.n_outputs() != expected => Err(Error::Unsupported(format!(
                "its embedding has {} numbers, that of {arch} {expected}: is the file another architecture?",
                weights.n_outputs()
            ))),
            _ => Ok(weights),
        }
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
