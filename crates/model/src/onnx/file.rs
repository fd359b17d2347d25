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
    /// Where its external data lie.
    folder: &'a Path,
}

impl<'a> OnnxFile<'a> {
    /// Parses a model; `folder` is where its external data lie.
    pub fn parse(bytes: &[u8], folder: &'a Path) -> Result<Self, Error> {
        let model =
            proto::Model::decode(bytes).map_err(|error| Error::Malformed(format!("not an ONNX file: {error}")))?;
        Ok(Self { model, folder })
    }

    /// A text of the metadata.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.model.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// A constant by its name.
    pub fn tensor(&self, name: &str) -> Result<HostTensor, Error> {
        self.graph()?.tensor(name)
    }

    /// The graph, to be followed.
    pub fn graph(&self) -> Result<Graph<'_>, Error> {
        let graph = self.model.graph.as_ref();
        let graph = graph.ok_or_else(|| Error::Malformed("not an ONNX file: it has no graph".into()))?;
        Ok(Graph::new(graph, self.folder))
    }
}
