//! An ONNX graph that can be traversed from a value to the nodes that use it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::proto::{self, Attribute, Node, Tensor};
use crate::error::Error;

pub(crate) struct Graph<'a> {
    /// The graph's inputs, except those that are also initialisers.
    pub inputs: Vec<&'a str>,
    pub initializers: HashMap<&'a str, &'a Tensor>,
    /// The node that produces each value.
    pub producers: HashMap<&'a str, &'a Node>,
    consumers: HashMap<&'a str, Vec<&'a Node>>,
    /// Folder of the external data.
    pub folder: &'a Path,
}

impl<'a> Graph<'a> {
    pub fn new(graph: &'a proto::Graph, folder: &'a Path) -> Graph<'a> {
        let initializers: HashMap<_, _> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let inputs = graph.input.iter().map(|input| input.name.as_str());
        let mut producers = HashMap::new();
        let mut consumers: HashMap<_, Vec<_>> = HashMap::new();
        for node in &graph.node {
            producers.extend(node.output.iter().map(|output| (output.as_str(), node)));
            // Once per node, even if the node uses the value twice.
            for input in node.input.iter().collect::<HashSet<_>>() {
                consumers.entry(input.as_str()).or_default().push(node);
            }
        }
        Graph {
            inputs: inputs.filter(|input| !initializers.contains_key(input)).collect(),
            initializers,
            producers,
            consumers,
            folder,
        }
    }

    /// The nodes that compute with the contents of `value`, without those that use only its shape or type.
    pub fn consumers(&self, value: &str) -> impl Iterator<Item = &'a Node> {
        let computes = move |node: &&Node| match node.op_type.as_str() {
            "Shape" => false,
            "CastLike" => input(node, 0) == Some(value),
            _ => true,
        };
        self.consumers.get(value).into_iter().flatten().copied().filter(computes)
    }

    /// The only node that computes with `value`; it must be an `operator`.
    pub fn next(&self, value: &str, operator: &str) -> Result<&'a Node, Error> {
        let mut consumers = self.consumers(value);
        match (consumers.next(), consumers.next()) {
            (Some(node), None) if is(node, operator) => Ok(node),
            (Some(node), None) => Err(node_error(node, format!("is a {}, expected a {operator}", node.op_type))),
            (Some(node), Some(other)) => {
                let others = label(other);
                Err(node_error(node, format!("shares its input with `{others}`, expected one {operator}")))
            }
            (None, _) => Err(match self.producers.get(value) {
                Some(node) => node_error(node, format!("nothing follows, expected a {operator}")),
                None => Error::Malformed(format!("nothing uses the graph's input `{value}`")),
            }),
        }
    }
}

/// Whether `node` is an `operator` of the standard domain.
pub(crate) fn is(node: &Node, operator: &str) -> bool {
    node.op_type == operator && matches!(node.domain.as_str(), "" | "ai.onnx")
}

/// The name of `node` in error messages.
pub(crate) fn label(node: &Node) -> String {
    match node.name.as_str() {
        "" => format!("{} -> {}", node.op_type, node.output.first().map_or("", String::as_str)),
        name => name.to_owned(),
    }
}

pub(crate) fn node_error(node: &Node, problem: String) -> Error {
    Error::Node { node: label(node), problem }
}

/// The input at `index`, if it exists and has a name.
pub(crate) fn input(node: &Node, index: usize) -> Option<&str> {
    node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
}

/// The first output.
pub(crate) fn output(node: &Node) -> Result<&str, Error> {
    node.output.first().map(String::as_str).ok_or_else(|| node_error(node, "it has no output".into()))
}

pub(crate) fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a Attribute> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// Fails unless the integer list of attribute `name` is `expected`; an absent attribute has the value `default`.
pub(crate) fn check_ints(node: &Node, name: &str, default: &[i64], expected: &[i64]) -> Result<(), Error> {
    let found = attribute(node, name).map_or(default, |attribute| &attribute.ints);
    if found == expected {
        return Ok(());
    }
    Err(node_error(node, format!("{name} {found:?}, expected {expected:?}")))
}

/// Fails unless the integer attribute `name` is absent or equal to `expected`.
pub(crate) fn check_int(node: &Node, name: &str, expected: i64) -> Result<(), Error> {
    match attribute(node, name).map(|attribute| attribute.i) {
        Some(found) if found != expected => Err(node_error(node, format!("{name} {found}, expected {expected}"))),
        _ => Ok(()),
    }
}
