//! A ResNet from an ONNX graph, by its shape and not by its names, which every exporter makes up
//! differently.

mod constants;
mod graph;
mod walk;

use std::path::Path;

use onnx_ir::{Message, ModelProto};

use crate::Error;
use crate::arch::{Arch, Layers};
use crate::fold::RawConv;

/// Reads a model; `folder` is where its external data lie.
pub(crate) fn read(bytes: &[u8], folder: &Path, arch: Arch) -> Result<Layers<RawConv>, Error> {
    let model =
        ModelProto::parse_from_bytes(bytes).map_err(|error| Error::Malformed(format!("not an ONNX file: {error}")))?;
    let Some(graph) = model.graph.as_ref() else {
        return Err(Error::Malformed("not an ONNX file: it has no graph".into()));
    };
    let graph = graph::Graph::new(graph, folder);
    walk::resnet(&graph, arch)
}
