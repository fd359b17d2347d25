//! The nodes of a graph that rten does not run.

use prost::Message;
use rten::ModelOptions;

use crate::onnx::graph::label;
use crate::onnx::proto::{Graph, Model, Node, ValueInfo};

/// A node that rten does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedNode {
    /// Its name, or its operator and first output if it has none.
    pub node: String,
    /// Its operator, with its domain if that is not ONNX's own.
    pub operator: String,
    /// Why, in rten's words.
    pub reason: String,
}

/// The nodes of the graph of `model` that rten does not run, each loaded by itself.
pub(super) fn unsupported(model: &Model) -> Vec<UnsupportedNode> {
    let nodes = model.graph.iter().flat_map(|graph| &graph.node);
    nodes.filter_map(|node| Some((node, refusal(model, node)?))).map(describe).collect()
}

fn describe((node, reason): (&Node, String)) -> UnsupportedNode {
    let operator = match node.domain.as_str() {
        "" | "ai.onnx" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    };
    UnsupportedNode { node: label(node), operator, reason }
}

/// Why rten refuses `node`.
fn refusal(model: &Model, node: &Node) -> Option<String> {
    let value = |name: &String| ValueInfo { name: name.clone(), kind: None };
    let named = |names: &[String]| names.iter().filter(|name| !name.is_empty()).map(value).collect::<Vec<_>>();
    let graph =
        Graph { node: vec![node.clone()], input: named(&node.input), output: named(&node.output), ..Graph::default() };
    // rten recognises an ONNX file by the version at its start.
    let (ir_version, opset_import) = (model.ir_version.max(1), model.opset_import.clone());
    let alone = Model { ir_version, graph: Some(graph), opset_import, ..Model::default() };
    let options = || ModelOptions::with_all_ops().enable_optimization(false).load(alone.encode_to_vec());
    match std::panic::catch_unwind(options) {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("it panics".into()),
    }
}
