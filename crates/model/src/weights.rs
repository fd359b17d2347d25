//! The backbone's weights in host memory, wherever they came from.

use std::fmt;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;

use crate::Error;
use crate::arch::{
    Arch, BasicBlock, ConvSpec, Layers, PATCH, PATCH_HOP, POOL_KERNEL, POOL_PADDING, POOL_STRIDE, ResNetLayers,
};
use crate::backbone::{Backbone, Both, ResNet, Yamnet, host_vec};
use crate::checksum::Checksum;
use crate::classifier::Classifier;
use crate::fold::{Conv, RawBackbone, RawConv};
use crate::host_tensor::{HostTensor, TensorView};
use crate::pooling::{CryPooling, Pooling};
use crate::random::NormalDraws;
use crate::trainable::Trainable;
use crate::weight_file::{WeightFile, read_file};

/// A backbone's weights on the host: convolutions with batch norm folded into weight and bias, the
/// first one with one input channel.
///
/// Widths are those of the file, so that small-width models work. Tensors go by their authors'
/// names: `conv1.weight` `[64, 1, 7, 7]`, `conv1.bias` `[64]`, `layer1.0.conv1.weight`,
/// `layer2.0.downsample.0.weight` ... for a ResNet; `layer1.conv.weight` `[32, 1, 3, 3]`,
/// `layer2.depthwise_conv.weight` `[32, 1, 3, 3]`, `layer2.pointwise_conv.weight` `[64, 32, 1, 1]` ... for YAMNet.
#[derive(Clone, PartialEq)]
pub struct BackboneWeights {
    arch: Arch,
    layers: Layers<Conv>,
    classifier: Option<Classifier>,
    pooling: Option<CryPooling>,
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
    /// Seeded random weights at full width, as torchvision initialises ResNets: Kaiming normal over
    /// fan out, batch norm the identity. The same seed gives the same bytes on every machine.
    pub fn random(arch: Arch, seed: u64) -> Self {
        let mut draws = NormalDraws::new(seed);
        let Ok(layers) = arch.layers().try_map(|spec| Ok::<_, std::convert::Infallible>(draws.conv(spec)));
        BackboneWeights { arch, layers, classifier: None, pooling: None }
    }

    /// Reads an ONNX file (any of the usual exports of a ResNet; its classifier is ignored), a TFLite
    /// file (YAMNet, its weights `float32` or `int8`) or a safetensors file with the authors' names: a checkpoint with batch norm,
    /// one with folded biases, or a model saved by [`save_model`](crate::save_model). The extension tells them
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

    /// The classifier that the file has beside the backbone: YAMNet's, if it is not a model that was saved here.
    pub fn classifier(&self) -> Option<&Classifier> {
        self.classifier.as_ref()
    }

    /// These weights with another pooling. YAMNet's [`Pooling::Mean`] is that of all weight files; a saved model has the one that it
    /// was saved with.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for [`Pooling::Cry`] where the file had no classifier with a class for cries.
    pub fn with_pooling(self, pooling: Pooling) -> Result<Self, Error> {
        let pooling = match (pooling, &self.classifier) {
            (Pooling::Mean, _) => None,
            (Pooling::Cry, _) if self.pooling.is_some() => self.pooling,
            (Pooling::Cry, Some(classifier)) => Some(CryPooling::of_class(classifier)?),
            (Pooling::Cry, None) => {
                let problem = "weights without YAMNet's classifier, which says in which patches a cry is";
                return Err(Error::Unsupported(problem.into()));
            }
        };
        Ok(Self { pooling, ..self })
    }

    /// Whether [`Pooling::Cry`] can be had.
    pub fn knows_cries(&self) -> bool {
        self.pooling.is_some() || self.classifier.is_some()
    }

    /// The length of an embedding: 512 at full width, YAMNet's 1024, or 2048 with [`Pooling::Cry`]; of two together
    /// the sum.
    pub fn n_outputs(&self) -> usize {
        let [resnet, yamnet] = self.n_channels();
        resnet + yamnet * if self.pooling.is_some() { 2 } else { 1 }
    }

    /// Outputs of the last convolution of a ResNet and of YAMNet; 0 of what it has not.
    fn n_channels(&self) -> [usize; 2] {
        let n = |conv: Option<&Conv>| conv.map_or(0, |conv| conv.bias.len());
        let of_resnet = |layers: &ResNetLayers<Conv>| n(layers.blocks.last().map(|block| &block.conv2));
        match &self.layers {
            Layers::ResNet(layers) => [of_resnet(layers), 0],
            Layers::Yamnet(convs) => [0, n(convs.last())],
            Layers::Both(layers, convs) => [of_resnet(layers), n(convs.last())],
        }
    }

    /// A ResNet with `yamnet` beside it: its embedding, then that of `yamnet`.
    ///
    /// # Errors
    /// [`Error::Argument`] if these are no ResNet and YAMNet.
    pub fn beside(self, yamnet: Self) -> Result<Self, Error> {
        let wrong =
            || Error::Argument(format!("a {} beside a {}: it is YAMNet beside a ResNet", yamnet.arch, self.arch));
        let arch = self.arch.with_yamnet().ok_or_else(wrong)?;
        match (self.layers, yamnet.layers) {
            (Layers::ResNet(layers), Layers::Yamnet(convs)) => {
                Ok(Self { arch, layers: Layers::Both(layers, convs), classifier: None, pooling: yamnet.pooling })
            }
            _ => Err(wrong()),
        }
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
        let device = &device.clone().without_autodiff();
        let resnet = |layers: &ResNetLayers<Conv>| ResNet::new(layers, 0..layers.blocks.len(), device);
        let yamnet = |convs: &[Conv]| Yamnet::new(convs, self.pooling.as_ref(), device);
        match &self.layers {
            Layers::ResNet(layers) => Backbone::ResNet(resnet(layers)),
            Layers::Yamnet(convs) => Backbone::Yamnet(yamnet(convs)),
            Layers::Both(layers, convs) => Backbone::Both(Both { resnet: resnet(layers), yamnet: yamnet(convs) }),
        }
        .freeze()
    }

    /// The part of the backbone that `trainable` names, on `device`: with autodiff to train it. `None` if it names none, as with
    /// YAMNet always.
    pub fn to_trainable(&self, trainable: Trainable, device: &Device) -> Option<Backbone> {
        let Layers::ResNet(layers) = &self.layers else { return None };
        let blocks = trainable.first_block(layers)..layers.blocks.len();
        (!blocks.is_empty()).then(|| Backbone::ResNet(ResNet::new(layers, blocks, device)))
    }

    /// The layers before that part, frozen, on `device`; `None` if there are none.
    pub(crate) fn to_frozen(&self, trainable: Trainable, device: &Device) -> Option<Backbone> {
        let Layers::ResNet(layers) = &self.layers else { return Some(self.to_backbone(device)) };
        let blocks = 0..trainable.first_block(layers);
        (!blocks.is_empty()).then(|| Backbone::ResNet(ResNet::new(layers, blocks, device)).freeze())
    }

    /// An error unless the backbone takes images of that height and width, and can train what `trainable` names.
    pub(crate) fn check(&self, trainable: Trainable, [height, width]: [usize; 2]) -> Result<(), Error> {
        match self.layers {
            _ if height == 0 || width == 0 => Err(Error::Argument(format!("images of {height} x {width} pixels"))),
            Layers::ResNet(_) => Ok(()),
            Layers::Yamnet(_) | Layers::Both(..) if trainable != Trainable::None => {
                Err(Error::Argument("YAMNet cannot be trained here: it stays frozen".into()))
            }
            Layers::Yamnet(_) if width == PATCH[1] && height >= PATCH[0] && height.is_multiple_of(PATCH_HOP) => Ok(()),
            Layers::Both(..) if frames_below([height, width]) >= PATCH[0] => Ok(()),
            Layers::Both(..) => Err(Error::Argument(format!(
                "images of {height} x {width}: two together take a square, and below it YAMNet's log-mel spectrogram"
            ))),
            Layers::Yamnet(_) => Err(Error::Argument(format!(
                "images of {height} x {width}: YAMNet takes log-mel spectrograms of {} bands and at least {} frames, a multiple of \
                 {PATCH_HOP}",
                PATCH[1], PATCH[0]
            ))),
        }
    }

    /// Channels, height and width of what the part that `trainable` names takes in, for images of this height and width.
    /// Training nothing starts after the pooling.
    pub fn trainable_input(&self, trainable: Trainable, [height, width]: [usize; 2]) -> [usize; 3] {
        let Layers::ResNet(layers) = &self.layers else { return [self.n_outputs(), 1, 1] };
        if trainable == Trainable::None {
            return [self.n_outputs(), 1, 1];
        }
        let frozen = &layers.blocks[..trainable.first_block(layers)];
        let Some(last) = frozen.last() else { return [1, height, width] };
        let convolved = |size: usize, kernel: usize, stride: usize, padding: usize| {
            (size + 2 * padding).saturating_sub(kernel) / stride + 1
        };
        let [height, width] = [height, width].map(|size| {
            let through = |size, spec: &ConvSpec| convolved(size, spec.kernel, spec.stride, spec.padding[0]);
            let size = convolved(through(size, &layers.stem.spec), POOL_KERNEL, POOL_STRIDE, POOL_PADDING);
            frozen.iter().fold(size, |size, block| through(size, &block.conv1.spec))
        });
        [last.conv2.bias.len(), height, width]
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

    /// Weight and bias of the convolutions before those that `trainable` names, and of the pooling.
    pub(crate) fn frozen_tensors(&self, trainable: Trainable) -> impl Iterator<Item = TensorView<'_>> {
        self.conv_tensors().take(2 * self.frozen_count(trainable)).chain(self.pooling_tensors())
    }

    /// Weight and bias of the convolutions that `trainable` names, as [`BackboneWeights::tensors`] gives them.
    pub(crate) fn trainable_tensors(&self, trainable: Trainable) -> impl Iterator<Item = TensorView<'_>> {
        self.conv_tensors().skip(2 * self.frozen_count(trainable))
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

    /// How many convolutions stand before those that `trainable` names.
    fn frozen_count(&self, trainable: Trainable) -> usize {
        let Layers::ResNet(layers) = &self.layers else { return self.layers.iter().count() };
        match trainable.first_block(layers) {
            0 => 0,
            first => {
                let of_block = |block: &BasicBlock<Conv>| 2 + usize::from(block.downsample.is_some());
                1 + layers.blocks[..first].iter().map(of_block).sum::<usize>()
            }
        }
    }

    /// What weighs patches, if [`Pooling::Cry`] does.
    pub(crate) fn pooling(&self) -> Option<&CryPooling> {
        self.pooling.as_ref()
    }

    /// The convolutions.
    pub(crate) fn layers(&self) -> &Layers<Conv> {
        &self.layers
    }

    /// Folds what a file holds and checks that the layers fit together.
    pub(crate) fn from_raw(arch: Arch, raw: RawBackbone) -> Result<Self, Error> {
        let layers = raw.layers.try_map(RawConv::fold)?;
        match &layers {
            Layers::ResNet(layers) => check_resnet(layers)?,
            Layers::Yamnet(convs) => check_yamnet(convs)?,
            Layers::Both(layers, convs) => {
                check_resnet(layers)?;
                check_yamnet(convs)?;
            }
        }
        let weights = BackboneWeights { arch, layers, classifier: None, pooling: None };
        let [of_resnet, of_yamnet] = weights.n_channels();
        // A narrow architecture says how narrow; any other takes the width that the file has.
        if let Some(expected) = arch.narrow_outputs().filter(|expected| *expected != of_resnet) {
            return Err(Error::Unsupported(format!(
                "its embedding has {of_resnet} numbers, that of {arch} {expected}: is the file another architecture?"
            )));
        }
        let classifier = raw.classifier.map(|[weight, bias]| Classifier::new(weight, bias, of_yamnet)).transpose()?;
        let pooling = raw.pooling.map(|tensors| CryPooling::new(tensors, of_yamnet)).transpose()?;
        Ok(BackboneWeights { classifier, pooling, ..weights })
    }

    /// Weight and bias of each convolution by its authors' names, in the order of the network, then those of the pooling.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = TensorView<'_>> {
        self.conv_tensors().chain(self.pooling_tensors())
    }

    fn pooling_tensors(&self) -> impl Iterator<Item = TensorView<'_>> {
        self.pooling.iter().flat_map(CryPooling::tensors)
    }

    fn conv_tensors(&self) -> impl Iterator<Item = TensorView<'_>> {
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

/// Frames of the spectrogram below the square of an image for two together; what is left of the last row is not used.
pub(crate) fn frames_below([height, width]: [usize; 2]) -> usize {
    height.saturating_sub(width) * width / PATCH[1] / PATCH_HOP * PATCH_HOP
}

fn check_resnet(layers: &ResNetLayers<Conv>) -> Result<(), Error> {
    let mut inputs = layers.stem.spec.channels[1];
    for block in &layers.blocks {
        expect_channels(&block.conv1, 0, inputs)?;
        expect_channels(&block.conv2, 0, block.conv1.spec.channels[1])?;
        let outputs = block.conv2.spec.channels[1];
        match &block.downsample {
            Some(downsample) => {
                expect_channels(downsample, 0, inputs)?;
                expect_channels(downsample, 1, outputs)?;
            }
            None => expect_channels(&block.conv2, 1, inputs)?,
        }
        inputs = outputs;
    }
    Ok(())
}

fn check_yamnet(convs: &[Conv]) -> Result<(), Error> {
    let mut inputs = 1;
    for conv in convs {
        if conv.spec.depthwise {
            expect_channels(conv, 0, 1)?;
            expect_channels(conv, 1, inputs)?;
        } else {
            expect_channels(conv, 0, inputs)?;
        }
        inputs = conv.spec.channels[1];
    }
    Ok(())
}

/// An error unless a convolution has so many input (`which` 0) or output (1) channels.
fn expect_channels(conv: &Conv, which: usize, expected: usize) -> Result<(), Error> {
    let found = conv.spec.channels[which];
    if found == expected {
        return Ok(());
    }
    let side = ["input", "output"][which];
    Err(Error::tensor(&format!("{}.weight", conv.spec.name), format!("{found} {side} channels, expected {expected}")))
}
