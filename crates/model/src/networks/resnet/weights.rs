//! A ResNet's weights.

use ::engine::Cpu;
use burn::module::Module;
use burn::tensor::Device;

use super::module::ResNet;
use super::spec::{BasicBlock, POOL_KERNEL, POOL_PADDING, POOL_STRIDE, ResNetArch, ResNetLayers};
use super::{read_onnx, simd, write_onnx};
use crate::backbone::Backbone;
use crate::conv::{Conv, ConvSpec};
use crate::error::Error;
use crate::fold::RawConv;
use crate::frozen_output::FrozenOutput;
use crate::named_tensors::{NamedTensors, raw_conv};
use crate::networks::encoder::{Encoder, OnnxInput};
use crate::networks::frame_pooling::FramePooling;
use crate::networks::simd_network::SimdNetwork;
use crate::onnx::nodes::Nodes;
use crate::random::NormalDraws;
use crate::trainable::Trainable;
use crate::weight_file::WeightFile;

/// Batch norm's default epsilon in torch and torchvision. A state dict does not hold it.
const EPSILON: f64 = 1e-5;

/// A ResNet's convolutions.
#[derive(Clone, PartialEq)]
pub(crate) struct ResNetWeights {
    pub arch: ResNetArch,
    layers: ResNetLayers<Conv>,
}

impl ResNetWeights {
    /// Seeded random weights.
    pub fn random(arch: ResNetArch, draws: &mut NormalDraws) -> Self {
        let Ok(layers) = arch.layers().try_map(|spec| Ok::<_, std::convert::Infallible>(draws.conv(spec)));
        Self { arch, layers }
    }

    /// Reads the network from a file that holds only this network.
    pub fn read(arch: ResNetArch, file: &WeightFile) -> Result<Self, Error> {
        match file {
            WeightFile::SafeTensors(file) => Self::from_names(arch, file),
            WeightFile::Pytorch(file) => Self::from_names(arch, file),
            WeightFile::Onnx(file) => Self::from_raw(arch, read_onnx::layers(&file.graph()?, arch)?),
            WeightFile::Tflite(_) => {
                Err(Error::Unsupported(format!("{arch} cannot be read from a TFLite file: only YAMNet can")))
            }
        }
    }

    /// Reads the network from tensors with the authors' names.
    pub fn from_names(arch: ResNetArch, tensors: &dyn NamedTensors) -> Result<Self, Error> {
        Self::from_raw(arch, arch.layers().try_map(|spec| raw_conv(tensors, spec, EPSILON))?)
    }

    /// Folds the layers of a file and checks that they fit together.
    pub fn from_raw(arch: ResNetArch, layers: ResNetLayers<RawConv>) -> Result<Self, Error> {
        let layers = layers.try_map(RawConv::fold)?;
        check_layers(&layers)?;
        let weights = Self { arch, layers };
        // A narrow architecture fixes the width; any other takes the width of the file.
        let found = weights.n_outputs();
        match arch.narrow_outputs() {
            Some(expected) if expected != found => Err(Error::Unsupported(format!(
                "the embedding has {found} values, but that of {arch} has {expected}: does the file hold \
                 another architecture?"
            ))),
            _ => Ok(weights),
        }
    }

    /// Index of the first trained residual block; the number of blocks if none is trained. Training from block 0 on includes
    /// the stem.
    fn first_trained_block(&self, trainable: Trainable) -> usize {
        let n_blocks = self.layers.blocks.len();
        match trainable {
            Trainable::None => n_blocks,
            Trainable::Layer4 => {
                let is_trained = |conv: &Conv| conv.spec.name.starts_with("layer4.");
                self.layers.blocks.iter().position(|block| is_trained(&block.conv1)).unwrap_or(n_blocks)
            }
            Trainable::All => 0,
        }
    }

    /// Height or width of the feature map after the stem and `blocks`, for images of `size` pixels.
    fn map_size(&self, blocks: &[BasicBlock<Conv>], size: usize) -> usize {
        let convolved = |size: usize, kernel: usize, stride: usize, padding: usize| {
            (size + 2 * padding).saturating_sub(kernel) / stride + 1
        };
        let through = |size, spec: &ConvSpec| convolved(size, spec.kernel, spec.stride, spec.padding[0]);
        let size = convolved(through(size, &self.layers.stem.spec), POOL_KERNEL, POOL_STRIDE, POOL_PADDING);
        blocks.iter().fold(size, |size, block| through(size, &block.conv1.spec))
    }
}

impl Encoder for ResNetWeights {
    fn n_outputs(&self) -> usize {
        self.layers.blocks.last().map_or(0, |block| block.conv2.bias.len())
    }

    fn convolutions(&self) -> Vec<&Conv> {
        self.layers.iter().collect()
    }

    fn convolutions_mut(&mut self) -> Vec<&mut Conv> {
        self.layers.iter_mut().collect()
    }

    fn check(&self, _trainable: Trainable, [height, width]: [usize; 2]) -> Result<(), Error> {
        if height == 0 || width == 0 {
            return Err(Error::Argument(format!("images of {height} x {width} pixels: both must be at least 1")));
        }
        Ok(())
    }

    fn n_frozen(&self, trainable: Trainable) -> usize {
        match self.first_trained_block(trainable) {
            0 => 0,
            first => 1 + self.layers.blocks[..first].iter().map(|block| block.iter().count()).sum::<usize>(),
        }
    }

    fn trainable_input(&self, trainable: Trainable, [height, width]: [usize; 2]) -> [usize; 3] {
        if trainable == Trainable::None {
            return [self.n_outputs(), 1, 1];
        }
        let frozen = &self.layers.blocks[..self.first_trained_block(trainable)];
        let Some(last) = frozen.last() else { return [1, height, width] };
        let [height, width] = [height, width].map(|size| self.map_size(frozen, size));
        [last.conv2.bias.len(), height, width]
    }

    fn frame_len(&self) -> Option<usize> {
        Some(self.n_outputs())
    }

    fn n_frames(&self, [_, width]: [usize; 2]) -> usize {
        self.map_size(&self.layers.blocks, width)
    }

    fn to_frozen(&self, output: FrozenOutput, device: &Device) -> Result<Backbone, Error> {
        let device = device.clone().without_autodiff();
        let blocks = 0..self.first_trained_block(output.trainable());
        Ok(Backbone::ResNet(ResNet::new(&self.layers, blocks, output == FrozenOutput::Frames, &device)).freeze())
    }

    fn to_trainable(&self, trainable: Trainable, device: &Device) -> Option<Backbone> {
        let blocks = self.first_trained_block(trainable)..self.layers.blocks.len();
        (!blocks.is_empty()).then(|| Backbone::ResNet(ResNet::new(&self.layers, blocks, false, device)))
    }

    fn to_simd(&self, cpu: Cpu, output: FrozenOutput, shape: [usize; 2]) -> Result<SimdNetwork, ::engine::Error> {
        let blocks = &self.layers.blocks[..self.first_trained_block(output.trainable())];
        let network = simd::network(cpu, shape, &self.layers.stem, blocks, output)?;
        let images = std::iter::once(0..shape.iter().product()).collect();
        // Of one image: its output as it is, but for the sign of zeros.
        let pooling = Some(FramePooling::mean(network.n_outputs()));
        Ok(SimdNetwork { network, images, pooling })
    }

    fn onnx_sizes(&self, _input: OnnxInput, [height, width]: [usize; 2]) -> Vec<usize> {
        vec![1, height, width]
    }

    fn to_onnx(
        &self,
        nodes: &mut Nodes,
        (x, _): (&str, OnnxInput),
        _shape: [usize; 2],
        output: FrozenOutput,
        name: &str,
    ) -> String {
        let blocks = &self.layers.blocks[..self.first_trained_block(output.trainable())];
        write_onnx::network(nodes, x, &self.layers.stem, blocks, output, name)
    }
}

/// Fails unless each layer accepts the output channels of the one before it.
fn check_layers(layers: &ResNetLayers<Conv>) -> Result<(), Error> {
    let mut inputs = layers.stem.spec.channels[1];
    for block in &layers.blocks {
        block.conv1.expect_inputs(inputs)?;
        block.conv2.expect_inputs(block.conv1.spec.channels[1])?;
        let outputs = block.conv2.spec.channels[1];
        match &block.downsample {
            Some(downsample) => {
                downsample.expect_inputs(inputs)?;
                downsample.expect_outputs(outputs)?;
            }
            None => block.conv2.expect_outputs(inputs)?,
        }
        inputs = outputs;
    }
    Ok(())
}
