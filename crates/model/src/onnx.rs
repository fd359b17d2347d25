//! ONNX files. A backbone is read by the shape of its graph and not by names, which every exporter makes up differently.

mod constants;
mod graph;
mod proto;
mod walk;
mod walk_yamnet;
mod write;

use std::path::Path;

use prost::Message;

use crate::Error;
use crate::arch::{Arch, Layers};
use crate::fold::{RawBackbone, RawConv};
use crate::host_tensor::HostTensor;
use crate::pooling;
use graph::Graph;

pub(crate) use write::{EMBEDDING, End, INPUT, Nodes, write};

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

    /// The backbone, found by walking the graph; what follows a ResNet's pooling is ignored.
    pub fn backbone(&self, arch: Arch) -> Result<RawBackbone, Error> {
        let graph = Graph::new(self.graph()?, self.folder);
        match arch.layers() {
            Layers::ResNet(specs) => {
                let layers = Layers::ResNet(walk::resnet(&graph, arch, specs)?);
                Ok(RawBackbone { layers, classifier: None, pooling: None })
            }
            Layers::Yamnet(specs) => walk_yamnet::yamnet(&graph, specs),
            // Two together come from nowhere but here, so that their authors' names can be relied on.
            both @ Layers::Both(..) => {
                let pair = |name: &str| {
                    Ok::<_, Error>([graph.tensor(&format!("{name}.weight"))?, graph.tensor(&format!("{name}.bias"))?])
                };
                let layers = both.try_map(|spec| {
                    let [weight, bias] = pair(&spec.name)?;
                    Ok::<_, Error>(RawConv { spec, weight, bias: Some(bias), norm: None })
                })?;
                let weighs_patches = graph.initializers.contains_key(pooling::WEIGHT);
                let pooling = weighs_patches.then(|| pair(pooling::NAME)).transpose()?;
                Ok(RawBackbone { layers, classifier: None, pooling })
            }
        }
    }

    /// A constant by its name.
    pub fn tensor(&self, name: &str) -> Result<HostTensor, Error> {
        Graph::new(self.graph()?, self.folder).tensor(name)
    }

    fn graph(&self) -> Result<&proto::Graph, Error> {
        self.model.graph.as_ref().ok_or_else(|| Error::Malformed("not an ONNX file: it has no graph".into()))
    }
}
