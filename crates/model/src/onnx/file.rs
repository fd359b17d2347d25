//! A parsed ONNX file.

use std::path::Path;

use prost::Message;

use super::graph::Graph;
use super::proto;
use crate::error::Error;
use crate::host_tensor::HostTensor;

/// A parsed file.
pub(crate) struct OnnxFile<'a> {
    model: proto::Model,
    /// Folder of the external data.
    folder: &'a Path,
}

impl<'a> OnnxFile<'a> {
    /// Parses a model; `folder` holds its external data.
    pub fn parse(bytes: &[u8], folder: &'a Path) -> Result<Self, Error> {
        let model = proto::Model::decode(bytes).map_err(|error| Error::decode("not an ONNX file".into(), error))?;
        Ok(Self { model, folder })
    }

    /// The whole file.
    pub fn model(&self) -> &proto::Model {
        &self.model
    }

    /// The metadata text under `key`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.model.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// A constant by name.
    pub fn tensor(&self, name: &str) -> Result<HostTensor, Error> {
        self.graph()?.tensor(name)
    }

    /// The graph, indexed for traversal.
    pub fn graph(&self) -> Result<Graph<'_>, Error> {
        let graph = self.model.graph.as_ref();
        let graph = graph.ok_or_else(|| Error::Malformed("not an ONNX file: it has no graph".into()))?;
        Ok(Graph::new(graph, self.folder))
    }
}
