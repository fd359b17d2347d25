//! A graph from elsewhere, made part of one of ours: its names get a prefix, and values in other files become part of it.

use std::path::Path;

use crate::error::Error;
use crate::onnx::constants::read_external;
use crate::onnx::graph::{input, is};
use crate::onnx::proto::{DEFAULT_LOCATION, EXTERNAL, Graph, Node, Tensor};

/// Prefix of all names of the graph.
pub(super) const PREFIX: &str = "encoder.";

/// Most bytes of all values in other files.
const MAX_EXTERNAL_BYTES: usize = 1 << 30;

/// `name` inside our graph.
pub(super) fn renamed(name: &str) -> String {
    // An empty name stands for an absent input.
    if name.is_empty() { String::new() } else { format!("{PREFIX}{name}") }
}

/// The graph with other names and all values; `folder` holds its external data.
///
/// # Errors
/// [`Error::Tensor`] or [`Error::ExternalData`] for values that cannot be read, [`Error::Limit`], [`Error::Unsupported`].
pub(super) fn fold_in(mut graph: Graph, folder: &Path) -> Result<Graph, Error> {
    let mut budget = MAX_EXTERNAL_BYTES;
    fold_graph(&mut graph, folder, &mut budget)?;
    Ok(graph)
}

fn fold_graph(graph: &mut Graph, folder: &Path, budget: &mut usize) -> Result<(), Error> {
    if let [_, ..] = graph.sparse_initializer[..] {
        return Err(Error::Unsupported("the graph has sparse tensors: export it with dense ones".into()));
    }
    for tensor in &mut graph.initializer {
        inline(tensor, folder, budget)?;
        tensor.name = renamed(&tensor.name);
    }
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        value.name = renamed(&value.name);
    }
    graph.node.iter_mut().try_for_each(|node| fold_node(node, folder, budget))
}

fn fold_node(node: &mut Node, folder: &Path, budget: &mut usize) -> Result<(), Error> {
    // A third input may switch to training. rten has no Dropout, which does nothing at inference.
    if is(node, "Dropout") && input(node, 2).is_none() {
        node.op_type = "Identity".into();
        node.input.truncate(1);
        node.output.truncate(1);
        node.attribute.clear();
    }
    for name in node.input.iter_mut().chain(&mut node.output).chain([&mut node.name]) {
        *name = renamed(name);
    }
    for attribute in &mut node.attribute {
        for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
            inline(tensor, folder, budget)?;
        }
        for graph in attribute.g.iter_mut().map(AsMut::as_mut).chain(&mut attribute.graphs) {
            fold_graph(graph, folder, budget)?;
        }
    }
    Ok(())
}

/// Reads values that are in another file.
fn inline(tensor: &mut Tensor, folder: &Path, budget: &mut usize) -> Result<(), Error> {
    if tensor.data_location != EXTERNAL {
        return Ok(());
    }
    let name = tensor.name.clone();
    tensor.raw_data = read_external(tensor, &name, folder)?;
    *budget = budget.checked_sub(tensor.raw_data.len()).ok_or_else(|| {
        Error::Limit(format!("the external data of the graph has more than {MAX_EXTERNAL_BYTES} bytes"))
    })?;
    tensor.external_data.clear();
    tensor.data_location = DEFAULT_LOCATION;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::onnx::proto::{Attribute, Entry};

    fn node(operator: &str, inputs: &[&str], output: &str) -> Node {
        Node {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.into(), "mask".into()],
            name: output.into(),
            op_type: operator.into(),
            ..Node::default()
        }
    }

    #[test]
    fn every_name_gets_the_prefix_also_in_graphs_inside_nodes() {
        let inner = Graph { node: vec![node("Relu", &["x"], "y")], ..Graph::default() };
        let branch = Attribute { name: "then_branch".into(), g: Some(Box::new(inner)), ..Attribute::default() };
        let mut outer = node("If", &["condition", ""], "z");
        outer.attribute = vec![branch];
        let graph = Graph { node: vec![outer], ..Graph::default() };
        let folded = fold_in(graph, Path::new("")).unwrap();
        let outer = &folded.node[0];
        assert_eq!(outer.input, ["encoder.condition", ""]);
        assert_eq!((outer.name.as_str(), outer.output[0].as_str()), ("encoder.z", "encoder.z"));
        let inner = &outer.attribute[0].g.as_ref().unwrap().node[0];
        assert_eq!((inner.input[0].as_str(), inner.output[0].as_str()), ("encoder.x", "encoder.y"));
        assert_eq!(outer.attribute[0].name, "then_branch");
    }

    #[test]
    fn dropout_at_inference_does_nothing_and_one_that_may_train_stays() {
        let nodes = vec![node("Dropout", &["x", "ratio"], "y"), node("Dropout", &["x", "ratio", "training"], "z")];
        let folded = fold_in(Graph { node: nodes, ..Graph::default() }, Path::new("")).unwrap();
        let [identity, dropout] = &folded.node[..] else { panic!("{:?}", folded.node) };
        assert_eq!((identity.op_type.as_str(), identity.input.len(), identity.output.len()), ("Identity", 1, 1));
        assert_eq!((dropout.op_type.as_str(), dropout.input.len()), ("Dropout", 3));
    }

    #[test]
    fn values_in_other_files_become_part_of_the_graph() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("values"), [1, 2, 3, 4]).unwrap();
        let entry = |key: &str, value: &str| Entry { key: key.into(), value: value.into() };
        let tensor = |location: &str| Tensor {
            name: "w".into(),
            external_data: vec![entry("location", location), entry("offset", "1"), entry("length", "2")],
            data_location: EXTERNAL,
            ..Tensor::default()
        };
        let graph = |location: &str| Graph { initializer: vec![tensor(location)], ..Graph::default() };
        let folded = fold_in(graph("values"), folder.path()).unwrap();
        let tensor = &folded.initializer[0];
        assert_eq!((tensor.name.as_str(), &tensor.raw_data[..]), ("encoder.w", &[2, 3][..]));
        assert!(tensor.external_data.is_empty() && tensor.data_location == DEFAULT_LOCATION);
        assert!(fold_in(graph("../values"), folder.path()).is_err());
        let sparse = Graph { sparse_initializer: vec![Default::default()], ..Graph::default() };
        assert!(fold_in(sparse, folder.path()).unwrap_err().to_string().contains("dense"));
    }
}
