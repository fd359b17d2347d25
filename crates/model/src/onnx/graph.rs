//! An ONNX graph that can be traversed from a value to the nodes that use it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::proto::{self, Attribute, BFLOAT16, DOUBLE, FLOAT, FLOAT16, Node, Tensor};
use super::values::sizes;
use crate::error::Error;

pub(crate) struct Graph<'a> {
    /// The graph's inputs, except those that are also initialisers.
    pub inputs: Vec<&'a str>,
    pub initializers: HashMap<&'a str, &'a Tensor>,
    /// The node that produces each value.
    pub producers: HashMap<&'a str, &'a Node>,
    consumers: HashMap<&'a str, Vec<&'a Node>>,
    /// Values that nodes only pass on, by the name of the copy.
    sources: HashMap<&'a str, &'a str>,
    /// The declared sizes of each input; `None` where a size is known only at run time.
    shapes: HashMap<&'a str, Vec<Option<usize>>>,
    /// Folder of the external data.
    pub folder: &'a Path,
}

impl<'a> Graph<'a> {
    pub fn new(graph: &'a proto::Graph, folder: &'a Path) -> Graph<'a> {
        let initializers: HashMap<_, _> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let inputs = graph.input.iter().map(|input| input.name.as_str());
        let mut producers = HashMap::new();
        let mut sources: HashMap<&str, &str> = HashMap::new();
        let mut consumers: HashMap<_, Vec<_>> = HashMap::new();
        for node in &graph.node {
            producers.extend(node.output.iter().map(|output| (output.as_str(), node)));
            if let (true, [value, ..], [copy, ..]) = (passes_on(node), &node.input[..], &node.output[..]) {
                let source = sources.get(value.as_str()).copied().unwrap_or(value);
                sources.insert(copy, source);
                continue;
            }
            // Once per node, even if the node uses the value twice.
            let inputs = node.input.iter().map(|input| sources.get(input.as_str()).copied().unwrap_or(input));
            for input in inputs.collect::<HashSet<_>>() {
                consumers.entry(input).or_default().push(node);
            }
        }
        Graph {
            inputs: inputs.filter(|input| !initializers.contains_key(input)).collect(),
            initializers,
            producers,
            consumers,
            sources,
            shapes: graph.input.iter().filter_map(|input| Some((input.name.as_str(), sizes(input)?))).collect(),
            folder,
        }
    }

    /// The value that `value` is, or that nodes pass on as `value`.
    pub fn source<'b>(&self, value: &'b str) -> &'b str
    where
        'a: 'b,
    {
        self.sources.get(value).copied().unwrap_or(value)
    }

    /// The declared height and width of the image `input`, `[batch, channels, height, width]`, if both are fixed.
    pub fn image_size(&self, input: &str) -> Option<[usize; 2]> {
        match self.shapes.get(input)?[..] {
            [_, _, height, width] => Some([height?, width?]),
            _ => None,
        }
    }

    /// The nodes that compute with the contents of `value`, without those that use only its shape or type or pass it on.
    pub fn consumers(&self, value: &str) -> impl Iterator<Item = &'a Node> {
        let computes = move |node: &&Node| match node.op_type.as_str() {
            "Shape" => false,
            "CastLike" => input(node, 0).map(|input| self.source(input)) == Some(value),
            _ => true,
        };
        self.consumers.get(value).into_iter().flatten().copied().filter(computes)
    }

    /// The only node that computes with `value`; it must be an `operator`.
    pub fn next(&self, value: &str, operator: &str) -> Result<&'a Node, Error> {
        self.next_of(value, &[operator])
    }

    /// The only node that computes with `value`; it must be one of `operators`.
    pub fn next_of(&self, value: &str, operators: &[&str]) -> Result<&'a Node, Error> {
        let expected = || operators.join(" or ");
        let mut consumers = self.consumers(value);
        match (consumers.next(), consumers.next()) {
            (Some(node), None) if operators.iter().any(|operator| is(node, operator)) => Ok(node),
            (Some(node), None) => Err(node_error(node, format!("is a {}, expected a {}", node.op_type, expected()))),
            (Some(node), Some(other)) => {
                let others = label(other);
                Err(node_error(node, format!("shares its input with `{others}`, expected one {}", expected())))
            }
            (None, _) => Err(match self.producers.get(value) {
                Some(node) => node_error(node, format!("nothing follows, expected a {}", expected())),
                None => Error::Malformed(format!("nothing uses the graph's input `{value}`")),
            }),
        }
    }
}

/// Whether `node` passes its first input on, up to rounding: `Identity`, `Cast` to a floating-point type, and `Dropout` at
/// inference.
fn passes_on(node: &Node) -> bool {
    let casts_to_float =
        || attribute(node, "to").is_some_and(|to| [FLOAT, FLOAT16, BFLOAT16, DOUBLE].map(i64::from).contains(&to.i));
    // A third input may switch to training.
    let is_inference = || input(node, 2).is_none();
    is(node, "Identity") || is(node, "Cast") && casts_to_float() || is(node, "Dropout") && is_inference()
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
