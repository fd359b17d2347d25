//! An ONNX graph that can be followed from a value to the nodes that use it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::proto::{self, Attribute, Node, Tensor};
use crate::Error;

pub(super) struct Graph<'a> {
    /// What the graph is fed: inputs that are not initialisers as well.
    pub inputs: Vec<&'a str>,
    pub initializers: HashMap<&'a str, &'a Tensor>,
    /// The node that makes a value.
    pub producers: HashMap<&'a str, &'a Node>,
    consumers: HashMap<&'a str, Vec<&'a Node>>,
    /// Where external data lie.
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
            // Once per node, also if it uses the value twice.
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

    /// The nodes that compute with the numbers of `value`; those that ask only for its shape or
    /// type do not.
    pub fn consumers(&self, value: &str) -> impl Iterator<Item = &'a Node> {
        let computes = move |node: &&Node| match node.op_type.as_str() {
            "Shape" => false,
            "CastLike" => input(node, 0) == Some(value),
            _ => true,
        };
        self.consumers.get(value).into_iter().flatten().copied().filter(computes)
    }

    /// The one node that computes with `value`, which is an `operator`.
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
pub(super) fn is(node: &Node, operator: &str) -> bool {
    node.op_type == operator && matches!(node.domain.as_str(), "" | "ai.onnx")
}

/// The name of `node` in errors.
pub(super) fn label(node: &Node) -> String {
    match node.name.as_str() {
        "" => format!("{} -> {}", node.op_type, node.output.first().map_or("", String::as_str)),
        name => name.to_owned(),
    }
}

pub(super) fn node_error(node: &Node, problem: String) -> Error {
    Error::Node { node: label(node), problem }
}

/// The input at `index`, if it is there and named.
pub(super) fn input(node: &Node, index: usize) -> Option<&str> {
    node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
}

/// The first output.
pub(super) fn output(node: &Node) -> Result<&str, Error> {
    node.output.first().map(String::as_str).ok_or_else(|| node_error(node, "it has no output".into()))
}

pub(super) fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a Attribute> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// An error unless the integers of attribute `name` are `expected`; an absent one is `default`.
pub(super) fn check_ints(node: &Node, name: &str, default: &[i64], expected: &[i64]) -> Result<(), Error> {
    let found = attribute(node, name).map_or(default, |attribute| &attribute.ints);
    if found == expected {
        return Ok(());
    }
    Err(node_error(node, format!("{name} {found:?}, expected {expected:?}")))
}

/// An error unless the integer attribute `name` is absent or `expected`.
pub(super) fn check_int(node: &Node, name: &str, expected: i64) -> Result<(), Error> {
    match attribute(node, name).map(|attribute| attribute.i) {
        Some(found) if found != expected => Err(node_error(node, format!("{name} {found}, expected {expected}"))),
        _ => Ok(()),
    }
}
