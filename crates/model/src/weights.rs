//! An encoder's weights in host memory, independent of their source.

use std::fmt;
use std::path::Path;

use burn::tensor::Device;

use crate::arch::Arch;
use crate::backbone::Backbone;
use crate::burn_layers::host_vec;
use crate::checksum::Checksum;
use crate::error::Error;
use crate::frozen_output::FrozenOutput;
use crate::head::HeadKind;
use crate::host_tensor::{HostTensor, TensorView};
use crate::networks::NetworkWeights;
use crate::networks::frame_pooling::FramePooling;
use crate::networks::onnx::binding::GraphBinding;
use crate::networks::onnx::weights::OnnxWeights;
use crate::networks::yamnet::classifier::Classifier;
use crate::networks::yamnet::pooling::Pooling;
use crate::networks::yamnet::weights::YamnetWeights;
use crate::random::NormalDraws;
use crate::tensor_names::check_names;
use crate::trainable::Trainable;
use crate::weight_file::{WeightFile, read_file};

/// Height and width of each input of a record, by its name: `image`, `patches`, `waveform` or `log_mel`.
pub type Inputs<'a> = [(&'a str, [usize; 2])];

/// The weights of an encoder's networks in host memory: convolutions with batch norm folded into weight and bias, the first
/// one with one input channel.
///
/// Widths are those of the file, so narrow models work. Tensors have the authors' names: `conv1.weight` `[64, 1, 7, 7]`,
/// `conv1.bias` `[64]`, `layer1.0.conv1.weight`, `layer2.0.downsample.0.weight` ... for a ResNet; `layer1.conv.weight`
/// `[32, 1, 3, 3]`, `layer2.depthwise_conv.weight` `[32, 1, 3, 3]`, `layer2.pointwise_conv.weight` `[64, 32, 1, 1]` ... for
/// YAMNet.
#[derive(Clone, PartialEq)]
pub struct BackboneWeights {
    arch: Arch,
    /// One for each network of `arch`.
    networks: Vec<NetworkWeights>,
}

/// Omits the values: there are millions.
impl fmt::Debug for BackboneWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackboneWeights")
            .field("arch", &self.arch)
            .field("n_outputs", &self.n_outputs())
            .finish_non_exhaustive()
    }
}

impl From<NetworkWeights> for BackboneWeights {
    fn from(network: NetworkWeights) -> Self {
        Self { arch: network.arch().into(), networks: vec![network] }
    }
}

impl BackboneWeights {
    /// Draws seeded random weights of the width of `arch`, as torchvision initialises ResNets: Kaiming normal over fan out,
    /// identity batch norm. The same seed gives the same bytes on every machine.
    ///
    /// # Errors
    /// [`Error::Argument`] for [`Arch::ONNX`], whose layers are in a file.
    pub fn random(arch: Arch, seed: u64) -> Result<Self, Error> {
        let mut draws = NormalDraws::new(seed);
        let networks = arch.networks().map(|network| NetworkWeights::random(network, &mut draws));
        Ok(Self { arch, networks: networks.collect::<Result<_, _>>()? })
    }

    /// Reads the graph of an encoder from the ONNX file at `path`, connects it as `binding` says to the input with the name and the
    /// rows and columns of `input`, and runs it once. Also returns the SHA-256 of the file, 64 hexadecimal digits.
    ///
    /// # Errors
    /// All inside [`Error::At`]: [`Error::Argument`] or [`Error::Unsupported`] if graph and `binding` do not fit together, with the key
    /// of the configuration; [`Error::Node`] for a node that rten does not run; [`Error::Engine`] if it cannot run the graph; and those
    /// of a file that cannot be read, as [`BackboneWeights::load`].
    pub fn load_onnx(
        path: &Path,
        binding: &GraphBinding,
        (_, shape): (&str, [usize; 2]),
    ) -> Result<(Self, String), Error> {
        let read = || {
            let (bytes, folder) = (read_file(path)?, path.parent().unwrap_or(Path::new("")));
            let network = OnnxWeights::adapt(&bytes, folder, binding, shape).map(NetworkWeights::Onnx)?;
            Ok((network.into(), durable::sha256_hex(&bytes)))
        };
        read().map_err(|error: Error| error.at(path))
    }

    /// Reads the weights of a parsed file.
    pub(crate) fn read(arch: Arch, file: &WeightFile) -> Result<Self, Error> {
        if let Some(file) = file.state_dict() {
            check_names(arch, file.shapes().into_keys())?;
        }
        if let Some(network) = arch.only_network() {
            return Ok(NetworkWeights::read(network, file)?.into());
        }
        // Only this crate writes files of several networks, so their tensor names are reliable.
        let networks: Result<Vec<NetworkWeights>, Error> = match file {
            WeightFile::SafeTensors(file) => arch.networks().map(|n| NetworkWeights::from_names(n, file)).collect(),
            WeightFile::Pytorch(file) => arch.networks().map(|n| NetworkWeights::from_names(n, file)).collect(),
            WeightFile::Onnx(file) => {
                let graph = file.graph()?;
                check_inputs(arch, &graph.inputs)?;
                arch.networks().map(|network| NetworkWeights::from_names(network, &graph)).collect()
            }
            WeightFile::Tflite(_) => {
                Err(Error::Unsupported(format!("{arch} cannot be read from a TFLite file: only YAMNet can")))
            }
        };
        Ok(Self { arch, networks: networks? })
    }

    /// The architecture.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// The classifier in the file: YAMNet's, unless the file is a model that this crate saved.
    pub fn classifier(&self) -> Option<&Classifier> {
        self.yamnet()?.classifier()
    }

    /// The same weights with another pooling of YAMNet's patches. Weight files have [`Pooling::Mean`]; a saved model keeps
    /// its pooling.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for [`Pooling::Cry`] without YAMNet, or if its file has no classifier with a class for cries.
    pub fn with_pooling(self, pooling: Pooling) -> Result<Self, Error> {
        if pooling == Pooling::Cry && !self.arch.has_yamnet() {
            return Err(Error::Unsupported(format!("{} has no patches to pool: only YAMNet has", self.arch)));
        }
        let with_pooling = |network| match network {
            NetworkWeights::Yamnet(yamnet) => yamnet.with_pooling(pooling).map(NetworkWeights::Yamnet),
            other => Ok(other),
        };
        Ok(Self { networks: self.networks.into_iter().map(with_pooling).collect::<Result<_, Error>>()?, ..self })
    }

    /// Whether [`Pooling::Cry`] is available.
    pub fn knows_cries(&self) -> bool {
        self.yamnet().is_some_and(YamnetWeights::knows_cries)
    }

    fn yamnet(&self) -> Option<&YamnetWeights> {
        self.networks.iter().find_map(|network| match network {
            NetworkWeights::Yamnet(yamnet) => Some(yamnet),
            NetworkWeights::ResNet(_) | NetworkWeights::Onnx(_) => None,
        })
    }

    /// Length of an embedding: 512 for a ResNet at full width; 1024 for YAMNet, or 2049 with [`Pooling::Cry`]; the sum for
    /// several networks.
    pub fn n_outputs(&self) -> usize {
        self.networks.iter().map(|network| network.encoder().n_outputs()).sum()
    }

    /// Place in an embedding of a logit for cries that the encoder knows by itself, with YAMNet and [`Pooling::Cry`].
    pub fn cry_logit(&self) -> Option<usize> {
        let mut start = 0;
        self.networks.iter().find_map(|network| {
            let encoder = network.encoder();
            let found = encoder.cry_logit().map(|place| start + place);
            start += encoder.n_outputs();
            found
        })
    }

    /// The networks of `self`, followed by those of `other`, without YAMNet's classifier. Their embeddings are concatenated.
    ///
    /// # Errors
    /// [`Error::Argument`] if both contain a network of the same kind.
    pub fn beside(self, other: Self) -> Result<Self, Error> {
        let arch = self.arch.beside(other.arch)?;
        let networks = self.networks.into_iter().chain(other.networks).map(|network| match network {
            NetworkWeights::Yamnet(yamnet) => NetworkWeights::Yamnet(yamnet.without_classifier()),
            other => other,
        });
        Ok(Self { arch, networks: networks.collect() })
    }

    /// SHA-256 in hexadecimal over the architecture and every tensor. Equal weights have equal fingerprints, whatever file
    /// they came from.
    pub fn fingerprint(&self) -> String {
        let mut checksum = Checksum::new(&self.arch.to_string());
        for tensor in self.tensors() {
            checksum.add(&tensor);
        }
        checksum.finish()
    }

    /// The networks up to `output` on `device`, frozen and without autodiff.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an encoder in an ONNX file.
    pub fn to_backbones(&self, output: FrozenOutput, device: &Device) -> Result<Vec<Backbone>, Error> {
        self.networks.iter().map(|network| network.encoder().to_frozen(output, device)).collect()
    }

    /// The part of the encoder that `trainable` names, on `device`, which has autodiff if the part is to be trained. `None`
    /// if `trainable` names nothing, and always for YAMNet and for several networks.
    pub fn to_trainable(&self, trainable: Trainable, device: &Device) -> Option<Backbone> {
        match &self.networks[..] {
            [network] => network.encoder().to_trainable(trainable, device),
            _ => None,
        }
    }

    /// Number and length of the frames, `[t, d]`, for these inputs; `None` if the encoder gives only an embedding, as several
    /// networks do: their frames last different times.
    pub fn frames(&self, inputs: &Inputs) -> Option<[usize; 2]> {
        let [network] = &self.networks[..] else { return None };
        Some([network.encoder().n_frames(input_shape(inputs, network)?), self.frame_len()?])
    }

    /// Length of a frame; `None` if the encoder gives only an embedding.
    pub fn frame_len(&self) -> Option<usize> {
        match &self.networks[..] {
            [network] => network.encoder().frame_len(),
            _ => None,
        }
    }

    /// Number of inputs of a head of this kind: the length of a frame or of an embedding.
    ///
    /// # Errors
    /// [`Error::Argument`] if the head takes frames and the encoder gives none.
    pub fn n_head_inputs(&self, kind: HeadKind) -> Result<usize, Error> {
        match kind.takes_frames() {
            true => self.frame_len().ok_or_else(|| self.no_frames()),
            false => Ok(self.n_outputs()),
        }
    }

    fn no_frames(&self) -> Error {
        let problem = "gives no frames: only a single network whose output has a time axis does";
        Error::Argument(format!("{} {problem}", self.arch))
    }

    /// How frames become an embedding; `None` if the encoder gives no frames.
    pub fn frame_pooling(&self) -> Option<FramePooling> {
        match &self.networks[..] {
            [network] => network.encoder().frame_len().map(|_| network.encoder().frame_pooling()),
            _ => None,
        }
    }

    /// Returns each network with the height and width of its input. Fails unless the encoder takes these inputs, gives
    /// `output`, and can train what follows it.
    pub(crate) fn check(
        &self,
        output: FrozenOutput,
        inputs: &Inputs,
    ) -> Result<Vec<(&NetworkWeights, [usize; 2])>, Error> {
        let names: Vec<&str> = self.arch.input_names();
        if let Some((name, _)) = inputs.iter().find(|(name, _)| !names.contains(name)) {
            return Err(Error::Argument(format!("{} does not take the input `{name}`: it takes {names:?}", self.arch)));
        }
        if output == FrozenOutput::Frames && self.frame_len().is_none() {
            return Err(self.no_frames());
        }
        let trainable = output.trainable();
        if trainable != Trainable::None && self.networks.len() > 1 {
            return Err(Error::Argument(format!("{} cannot be trained here: several networks stay frozen", self.arch)));
        }
        let with_shape = self.networks.iter().map(|network| {
            let shape = input_shape(inputs, network).ok_or_else(|| {
                let name = network.arch().input_names().join("` or `");
                Error::Argument(format!("the input `{name}` of {} is missing", self.arch))
            })?;
            network.encoder().check(trainable, shape)?;
            Ok((network, shape))
        });
        with_shape.collect()
    }

    /// Input shape of the part that `trainable` names, `[channels, height, width]`, for these inputs. If nothing is trained,
    /// the part starts after the pooling.
    pub fn trainable_input(&self, trainable: Trainable, inputs: &Inputs) -> [usize; 3] {
        match &self.networks[..] {
            [network] => {
                let shape = input_shape(inputs, network).unwrap_or_default();
                network.encoder().trainable_input(trainable, shape)
            }
            _ => [self.n_outputs(), 1, 1],
        }
    }

    /// These weights with the trained layers of `trained`, which [`BackboneWeights::to_trainable`] made.
    ///
    /// # Errors
    /// [`Error::Engine`] if the device does not return the values.
    pub fn with_trained(&self, trained: &Backbone) -> Result<Self, Error> {
        let mut weights = self.clone();
        let layers = trained.convolutions();
        for network in &mut weights.networks {
            let mut convolutions = network.encoder_mut().convolutions_mut();
            let n_frozen = convolutions.len().saturating_sub(layers.len());
            for (conv, layer) in convolutions.drain(n_frozen..).zip(&layers) {
                conv.weight = host_vec(layer.weight.val().without_autodiff())?.into();
                if let Some(bias) = &layer.bias {
                    conv.bias = host_vec(bias.val().without_autodiff())?;
                }
            }
        }
        Ok(weights)
    }

    /// Weight and bias of the convolutions that `trainable` names, as [`BackboneWeights::tensors`] gives them.
    pub(crate) fn trainable_tensors(&self, trainable: Trainable) -> impl Iterator<Item = TensorView<'_>> {
        self.networks.iter().flat_map(move |network| network.trainable_tensors(trainable))
    }

    /// These weights with the tensors that `trainable` names replaced by those that `get` returns for their names.
    pub(crate) fn with_tensors(
        mut self,
        trainable: Trainable,
        mut get: impl FnMut(&str) -> Result<HostTensor, Error>,
    ) -> Result<Self, Error> {
        for network in &mut self.networks {
            let encoder = network.encoder_mut();
            let n_frozen = encoder.n_frozen(trainable);
            for conv in encoder.convolutions_mut().into_iter().skip(n_frozen) {
                conv.replace(&mut get)?;
            }
        }
        Ok(self)
    }

    /// Every tensor by its authors' name, network by network: weight and bias of each convolution, then the tensors of the
    /// pooling.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = TensorView<'_>> {
        self.networks.iter().flat_map(NetworkWeights::tensors)
    }
}

/// Height and width of the input that `network` takes.
fn input_shape(inputs: &Inputs, network: &NetworkWeights) -> Option<[usize; 2]> {
    inputs.iter().find(|(name, _)| network.arch().input_names().contains(name)).map(|(_, shape)| *shape)
}

/// Fails unless the graph of several networks has exactly the inputs of `arch`.
fn check_inputs(arch: Arch, found: &[&str]) -> Result<(), Error> {
    if found == arch.input_names() {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "the graph has the inputs {found:?}, but {arch} takes {:?}: version 0.1.0 packed them into one \
         (`image_and_yamnet`), so train and export the model again",
        arch.input_names()
    )))
}
