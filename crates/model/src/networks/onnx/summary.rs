//! What a graph takes and gives, for people.

use std::path::Path;

use prost::Message;

use super::operators::{UnsupportedNode, unsupported};
use super::ports::{check_versions, element_type, inputs, opset, shape_text};
use crate::error::Error;
use crate::onnx::proto::{FLOAT, Graph, Model, ValueInfo};
use crate::onnx::values::sizes;
use crate::weight_file::read_file;

/// What a graph takes and gives, and whether it can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphSummary {
    /// The version of ONNX's own operators.
    pub opset: i64,
    /// Number of nodes, without those of graphs inside nodes.
    pub n_nodes: usize,
    /// The inputs that are not constants.
    pub inputs: Vec<PortSummary>,
    /// The outputs.
    pub outputs: Vec<PortSummary>,
    /// The nodes that rten does not run.
    pub unsupported: Vec<UnsupportedNode>,
    /// Why the graph as a whole is not read, such as an old version.
    pub refusal: Option<String>,
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq)]
pub struct PortSummary {
    /// Its name.
    pub name: String,
    /// Its declared sizes: `None` where a size is known only at run time. Empty if no shape is declared.
    pub sizes: Vec<Option<usize>>,
    /// Whether its values are float32, as they must be.
    pub is_float32: bool,
}

impl PortSummary {
    fn new(value: &ValueInfo) -> Self {
        let is_float32 = element_type(value).is_none_or(|element| element == FLOAT);
        Self { name: value.name.clone(), sizes: sizes(value).unwrap_or_default(), is_float32 }
    }

    /// The sizes as text, such as `[?, 64]`.
    pub fn shape(&self) -> String {
        if self.sizes.is_empty() { "no declared shape".into() } else { shape_text(&self.sizes) }
    }
}

/// Describes the graph of the ONNX file at `path`.
///
/// # Errors
/// All inside [`Error::At`]: those of a file that cannot be read, and [`Error::Decode`] or [`Error::Malformed`] if it is not an ONNX file.
pub fn describe_onnx(path: &Path) -> Result<GraphSummary, Error> {
    let read = || {
        let bytes = read_file(path)?;
        let model = Model::decode(&bytes[..]).map_err(|error| Error::decode("not an ONNX file".into(), error))?;
        let graph = model.graph.as_ref().ok_or_else(|| Error::Malformed("not an ONNX file: it has no graph".into()))?;
        Ok(summary(&model, graph))
    };
    read().map_err(|error: Error| error.at(path))
}

fn summary(model: &Model, graph: &Graph) -> GraphSummary {
    GraphSummary {
        opset: opset(model),
        n_nodes: graph.node.len(),
        inputs: inputs(graph).into_iter().map(PortSummary::new).collect(),
        outputs: graph.output.iter().map(PortSummary::new).collect(),
        unsupported: unsupported(model),
        refusal: check_versions(model).err().map(|error| error.to_string()),
    }
}
