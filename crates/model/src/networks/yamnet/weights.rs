//! YAMNet's weights.

use ::engine::Cpu;
use burn::module::Module;
use burn::tensor::Device;

use super::classifier::Classifier;
use super::module::Yamnet;
use super::pooling::{CRYING, CryPooling, Pooling, WEIGHTING};
use super::raw::RawYamnet;
use super::spec::{self, PATCH, PATCH_HOP, n_patches};
use super::{read_onnx, read_tflite, simd, write_onnx};
use crate::backbone::Backbone;
use crate::conv::Conv;
use crate::error::Error;
use crate::fold::RawConv;
use crate::frozen_output::FrozenOutput;
use crate::host_tensor::TensorView;
use crate::named_tensors::{NamedTensors, raw_conv};
use crate::networks::encoder::{Encoder, OnnxInput};
use crate::networks::frame_pooling::FramePooling;
use crate::networks::simd_network::SimdNetwork;
use crate::onnx::nodes::Nodes;
use crate::random::NormalDraws;
use crate::trainable::Trainable;
use crate::weight_file::WeightFile;

/// `batchnorm_epsilon` of its authors' `params.py`.
const EPSILON: f64 = 1e-4;

/// YAMNet's convolutions, the classifier of its file, and the layers that pool the patches.
#[derive(Clone, PartialEq)]
pub(crate) struct YamnetWeights {
    convs: Vec<Conv>,
    classifier: Option<Classifier>,
    pooling: Option<Box<CryPooling>>,
}

impl YamnetWeights {
    /// Seeded random weights, without a classifier.
    pub fn random(draws: &mut NormalDraws) -> Self {
        let convs = spec::layers().into_iter().map(|spec| draws.conv(spec)).collect();
        Self { convs, classifier: None, pooling: None }
    }

    /// Reads the network from a file that holds only this network.
    pub fn read(file: &WeightFile) -> Result<Self, Error> {
        match file {
            WeightFile::SafeTensors(file) => Self::from_names(file),
            WeightFile::Pytorch(file) => Self::from_names(file),
            WeightFile::Onnx(file) => Self::from_raw(read_onnx::yamnet(&file.graph()?, spec::layers())?),
            WeightFile::Tflite(file) => Self::from_raw(read_tflite::yamnet(file, spec::layers())?),
        }
    }

    /// Reads the network from tensors with the authors' names.
    pub fn from_names(tensors: &dyn NamedTensors) -> Result<Self, Error> {
        let convs =
            spec::layers().into_iter().map(|spec| raw_conv(tensors, spec, EPSILON)).collect::<Result<_, _>>()?;
        let [weighting, crying] =
            [WEIGHTING, CRYING].map(|layer| layer.read(|name| tensors.has(name), |name| tensors.get(name)));
        Self::from_raw(RawYamnet { convs, classifier: None, weighting: weighting?, crying: crying? })
    }

    /// Folds the layers of a file and checks that they fit together.
    fn from_raw(raw: RawYamnet) -> Result<Self, Error> {
        let convs: Vec<Conv> = raw.convs.into_iter().map(RawConv::fold).collect::<Result<_, _>>()?;
        let n_channels = check_layers(&convs)?;
        let classifier = raw.classifier.map(|[weight, bias]| Classifier::new(weight, bias, n_channels)).transpose()?;
        let pooling = raw
            .weighting
            .map(|weighting| CryPooling::new(weighting, raw.crying, n_channels).map(Box::new))
            .transpose()?;
        Ok(Self { convs, classifier, pooling })
    }

    /// The classifier in the file, if it has one.
    pub fn classifier(&self) -> Option<&Classifier> {
        self.classifier.as_ref()
    }

    /// Whether [`Pooling::Cry`] is available.
    pub fn knows_cries(&self) -> bool {
        self.pooling.is_some() || self.classifier.is_some()
    }

    /// The same weights with another pooling.
    pub fn with_pooling(self, pooling: Pooling) -> Result<Self, Error> {
        let pooling = match (pooling, &self.classifier) {
            (Pooling::Mean, _) => None,
            (Pooling::Cry, _) if self.pooling.is_some() => self.pooling,
            (Pooling::Cry, Some(classifier)) => Some(CryPooling::of_classifier(classifier)?.into()),
            (Pooling::Cry, None) => {
                let problem = "these weights lack YAMNet's classifier, which finds the patches with a cry";
                return Err(Error::Unsupported(problem.into()));
            }
        };
        Ok(Self { pooling, ..self })
    }

    /// The same weights without the classifier, as in saved models.
    pub fn without_classifier(self) -> Self {
        Self { classifier: None, ..self }
    }

    /// Output channels of the last convolution.
    fn n_channels(&self) -> usize {
        self.convs.last().map_or(0, |conv| conv.bias.len())
    }
}

impl Encoder for YamnetWeights {
    fn n_outputs(&self) -> usize {
        self.pooling.as_ref().map_or(self.n_channels(), |pooling| pooling.n_outputs())
    }

    fn convolutions(&self) -> Vec<&Conv> {
        self.convs.iter().collect()
    }

    fn convolutions_mut(&mut self) -> Vec<&mut Conv> {
        self.convs.iter_mut().collect()
    }

    fn other_tensors(&self) -> Vec<TensorView<'_>> {
        self.pooling.iter().flat_map(|pooling| pooling.tensors()).collect()
    }

    fn cry_logit(&self) -> Option<usize> {
        self.pooling.as_ref()?.cry_logit()
    }

    fn check(&self, trainable: Trainable, [height, width]: [usize; 2]) -> Result<(), Error> {
        if trainable != Trainable::None {
            return Err(Error::Argument("YAMNet cannot be trained here: it stays frozen".into()));
        }
        if width == PATCH[1] && height >= PATCH[0] && height.is_multiple_of(PATCH_HOP) {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "inputs of {height} x {width}: YAMNet takes log-mel spectrograms of at least {} frames, a multiple of {PATCH_HOP}, by {} mel \
             bands",
            PATCH[0], PATCH[1]
        )))
    }

    fn frame_len(&self) -> Option<usize> {
        Some(self.n_channels())
    }

    fn n_frames(&self, [frames, _]: [usize; 2]) -> usize {
        n_patches(frames)
    }

    fn frame_pooling(&self) -> FramePooling {
        match &self.pooling {
            Some(pooling) => FramePooling::cry(pooling.clone()),
            None => FramePooling::mean(self.n_channels()),
        }
    }

    fn to_frozen(&self, output: FrozenOutput, device: &Device) -> Result<Backbone, Error> {
        let device = device.clone().without_autodiff();
        let gives_frames = output == FrozenOutput::Frames;
        Ok(Backbone::Yamnet(Yamnet::new(&self.convs, self.pooling.as_deref(), gives_frames, &device)).freeze())
    }

    fn to_simd(&self, cpu: Cpu, output: FrozenOutput, shape: [usize; 2]) -> Result<SimdNetwork, ::engine::Error> {
        let pooling = (output != FrozenOutput::Frames).then(|| self.frame_pooling());
        simd::network(cpu, shape, &self.convs, pooling)
    }

    fn onnx_sizes(&self, input: OnnxInput, [height, width]: [usize; 2]) -> Vec<usize> {
        match input {
            OnnxInput::Record => vec![1, height, width],
            OnnxInput::Named => vec![n_patches(height), PATCH[0], width],
        }
    }

    fn to_onnx(
        &self,
        nodes: &mut Nodes,
        (x, input): (&str, OnnxInput),
        [frames, _]: [usize; 2],
        output: FrozenOutput,
        name: &str,
    ) -> String {
        let n_patches = n_patches(frames);
        let patches = match input {
            OnnxInput::Record => write_onnx::cut(nodes, x, frames),
            OnnxInput::Named => nodes.reshape(x, &write_onnx::EACH_PATCH, "each_patch"),
        };
        match output {
            FrozenOutput::Frames => write_onnx::network(nodes, &patches, &self.convs, n_patches, name),
            FrozenOutput::Before(_) => {
                let embeddings = write_onnx::network(nodes, &patches, &self.convs, n_patches, "embeddings");
                self.frame_pooling().to_onnx(nodes, &embeddings, n_patches, name)
            }
        }
    }
}

/// Checks that each layer accepts the output channels of the one before it; returns those of the last layer.
fn check_layers(convs: &[Conv]) -> Result<usize, Error> {
    let mut inputs = 1;
    for conv in convs {
        if conv.spec.depthwise {
            conv.expect_inputs(1)?;
            conv.expect_outputs(inputs)?;
        } else {
            conv.expect_inputs(inputs)?;
        }
        inputs = conv.spec.channels[1];
    }
    Ok(inputs)
}
