//! An encoder in an ONNX file, as weights.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ::engine::Cpu;
use burn::tensor::Device;
use prost::Message;

use super::GRAPH;
use super::adapted::{AdaptedGraph, OUTPUT};
use super::binding::GraphBinding;
use super::output::Output;
use super::ports::opset;
use crate::backbone::Backbone;
use crate::conv::Conv;
use crate::error::Error;
use crate::frozen_output::FrozenOutput;
use crate::host_tensor::{TensorView, Values};
use crate::networks::encoder::{Encoder, OnnxInput};
use crate::networks::simd_network::SimdNetwork;
use crate::onnx::nodes::Nodes;
use crate::onnx::proto::Model;
use crate::trainable::Trainable;
use crate::weight_file::WeightFile;

/// An encoder in an ONNX file: its adapted graph.
#[derive(Clone, PartialEq)]
pub(crate) struct OnnxWeights(Arc<AdaptedGraph>);

/// Omits the graph.
impl fmt::Debug for OnnxWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnnxWeights").field(&self.0.output).finish()
    }
}

impl OnnxWeights {
    /// Reads a graph from elsewhere and adapts it to records of `shape`; `folder` holds its external data.
    pub fn adapt(bytes: &[u8], folder: &Path, binding: &GraphBinding, shape: [usize; 2]) -> Result<Self, Error> {
        let model = Model::decode(bytes).map_err(|error| Error::decode("not an ONNX file".into(), error))?;
        AdaptedGraph::new(model, folder, binding, shape).map(Arc::new).map(Self)
    }

    /// Reads the encoder of a model that this crate saved.
    pub fn read(file: &WeightFile) -> Result<Self, Error> {
        let graph = match file {
            WeightFile::SafeTensors(file) => {
                let bytes = file.bytes(GRAPH)?;
                let model = Model::decode(bytes).map_err(|error| Error::decode(format!("tensor `{GRAPH}`"), error))?;
                AdaptedGraph::inside(&model)?
            }
            WeightFile::Onnx(file) => AdaptedGraph::inside(file.model())?,
            WeightFile::Tflite(_) | WeightFile::Pytorch(_) => {
                return Err(Error::Unsupported("an encoder with backbone.arch = \"onnx\" is an ONNX file".into()));
            }
        };
        Ok(Self(Arc::new(graph)))
    }

    /// The model around the graph: its versions.
    pub fn model(&self) -> &Model {
        self.0.model()
    }

    /// The version of ONNX's own operators.
    pub fn opset(&self) -> i64 {
        opset(self.0.model())
    }

    /// Whether the graph takes one record at a time.
    pub fn takes_one_record(&self) -> bool {
        self.0.one_record
    }
}

impl Encoder for OnnxWeights {
    fn n_outputs(&self) -> usize {
        self.0.output.n_outputs()
    }

    fn convolutions(&self) -> Vec<&Conv> {
        Vec::new()
    }

    fn convolutions_mut(&mut self) -> Vec<&mut Conv> {
        Vec::new()
    }

    fn other_tensors(&self) -> Vec<TensorView<'_>> {
        let bytes = self.0.to_bytes();
        vec![TensorView { name: GRAPH.into(), shape: vec![bytes.len()], data: Values::U8(bytes) }]
    }

    fn frame_len(&self) -> Option<usize> {
        match self.0.output {
            Output::Embedding(_) => None,
            Output::Frames([_, d]) => Some(d),
        }
    }

    fn n_frames(&self, _shape: [usize; 2]) -> usize {
        match self.0.output {
            Output::Embedding(_) => 0,
            Output::Frames([t, _]) => t,
        }
    }

    fn check(&self, trainable: Trainable, shape: [usize; 2]) -> Result<(), Error> {
        if trainable != Trainable::None {
            return Err(Error::Argument("an encoder in an ONNX file cannot be trained here: it stays frozen".into()));
        }
        if shape == self.0.shape {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "inputs of {} x {}: the encoder was adapted to inputs of {} x {}",
            shape[0], shape[1], self.0.shape[0], self.0.shape[1]
        )))
    }

    fn to_frozen(&self, _output: FrozenOutput, _device: &Device) -> Result<Backbone, Error> {
        Err(Error::Unsupported("an encoder in an ONNX file runs in rten and has no burn module".into()))
    }

    fn to_simd(&self, _cpu: Cpu, _output: FrozenOutput, _shape: [usize; 2]) -> Result<SimdNetwork, ::engine::Error> {
        Err(::engine::Error::Shape("an encoder in an ONNX file runs in rten".into()))
    }

    fn onnx_sizes(&self, _input: OnnxInput, [rows, columns]: [usize; 2]) -> Vec<usize> {
        vec![1, rows, columns]
    }

    fn to_onnx(
        &self,
        nodes: &mut Nodes,
        _input: (&str, OnnxInput),
        _shape: [usize; 2],
        output: FrozenOutput,
        name: &str,
    ) -> String {
        if let Some(graph) = self.0.graph() {
            nodes.nodes.extend(graph.node.iter().cloned());
            nodes.constants.extend(graph.initializer.iter().cloned());
        }
        match (self.0.output, output) {
            (Output::Embedding(_), _) => nodes.flatten(OUTPUT, name),
            (Output::Frames(_), FrozenOutput::Frames) => nodes.add("Identity", &[OUTPUT], name, vec![]),
            (Output::Frames([t, _]), FrozenOutput::Before(_)) => self.frame_pooling().to_onnx(nodes, OUTPUT, t, name),
        }
    }
}
