//! The adapted graph: from a record to frames or an embedding.

use std::path::Path;

use prost::Message;

use super::adapter::adapt;
use super::binding::GraphBinding;
use super::fold_in::{PREFIX, fold_in, renamed};
use super::operators::{UnsupportedNode, unsupported};
use super::output::Output;
use super::probe::{self, SHAPE};
use super::{NAME, ports};
use crate::error::Error;
use crate::onnx::nodes::Nodes;
use crate::onnx::proto::{Graph, INT64, Model, ValueInfo};
use crate::onnx::values::{INPUT, sizes, value};

/// IR versions since which initialisers need not be inputs.
const OLDEST_IR: i64 = 8;

/// The tensor that the graph from elsewhere takes.
const TAKEN: &str = "adapter.input";
/// The output of an adapted graph.
pub(super) const OUTPUT: &str = "adapter.output";
/// The constant with the shape of the output.
const OUTPUT_SHAPE: &str = "adapter.output.shape";

/// From a record, `[batch, 1, rows, columns]`, to frames `[batch, t, d]` or an embedding `[batch, d]`.
#[derive(Debug, PartialEq)]
pub(super) struct AdaptedGraph {
    /// With the input [`INPUT`] and the output [`OUTPUT`].
    model: Model,
    /// Rows and columns of a record.
    pub shape: [usize; 2],
    pub output: Output,
    /// Whether the graph takes one record at a time.
    pub one_record: bool,
}

impl AdaptedGraph {
    /// Adapts the graph of `model` to records of `shape`; `folder` holds its external data. Runs it once.
    ///
    /// # Errors
    /// [`Error::Argument`] or [`Error::Unsupported`] if graph and `binding` do not fit, [`Error::Node`] for a node that rten does not
    /// run, [`Error::Engine`] if it cannot run the graph, and those of [`fold_in`].
    pub fn new(model: Model, folder: &Path, binding: &GraphBinding, shape: [usize; 2]) -> Result<Self, Error> {
        let opset = ports::check_versions(&model)?;
        let ports = ports::Ports::find(&model, binding, shape)?;
        if let Some(UnsupportedNode { node, operator, reason }) = unsupported(&model).into_iter().next() {
            let problem = format!("rten does not run its operator {operator}: {reason}; see: wail encoders check FILE");
            return Err(Error::Node { node, problem });
        }
        let Model { ir_version, graph, opset_import, .. } = model;
        let graph = fold_in(graph.unwrap_or_default(), folder)?;
        let mut nodes = Nodes::new(opset);
        adapt(&mut nodes, INPUT, shape, binding, TAKEN);
        nodes.add("Identity", &[TAKEN], &renamed(&ports.input), vec![]);
        nodes.nodes.extend(graph.node);
        let mut adapted = Model {
            ir_version: ir_version.max(OLDEST_IR),
            graph: Some(Graph {
                node: nodes.nodes.clone(),
                name: NAME.into(),
                initializer: graph.initializer.into_iter().chain(nodes.constants.clone()).collect(),
                input: vec![value(INPUT, ports.one_record, &[1, shape[0], shape[1]])],
                ..Graph::default()
            }),
            opset_import,
            ..Model::default()
        };
        let (found, one_record) = probe_shape(&mut adapted, &renamed(&ports.output), shape, ports.one_record)?;
        let (has_batch, time_is_first) = (binding.layout.batch().is_some(), binding.layout.time_is_first());
        let output = Output::of_shape(&found, has_batch, time_is_first)?;
        let mut behind = Nodes::new(opset);
        output.adapt(&mut behind, (&renamed(&ports.output), &found), has_batch, time_is_first, OUTPUT);
        if let Some(graph) = &mut adapted.graph {
            graph.node.extend(behind.nodes);
            graph.initializer.extend(behind.constants);
            graph.input = vec![value(INPUT, one_record, &[1, shape[0], shape[1]])];
            graph.output = vec![value(OUTPUT, one_record, &output.sizes())];
        }
        Ok(Self { model: adapted, shape, output, one_record })
    }

    /// The adapted graph in the graph that a file of Wail holds: all of it, or that of an exported model before its head.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a graph from elsewhere, [`Error::Malformed`] if a part is missing.
    pub fn inside(model: &Model) -> Result<Self, Error> {
        let missing = |what: &str| Error::Malformed(format!("the graph of its encoder has no {what}"));
        let whole = model.graph.as_ref().ok_or_else(|| missing("nodes"))?;
        let end = whole.node.iter().position(|node| node.output.iter().any(|name| name == OUTPUT));
        let from_elsewhere = || {
            Error::Unsupported(
                "it holds no model of Wail: an encoder from elsewhere needs a configuration; see: wail encoders check FILE".into(),
            )
        };
        let nodes = whole.node.get(..=end.ok_or_else(from_elsewhere)?).unwrap_or_default();
        let is_own = |name: &str| name.starts_with(PREFIX) || name.starts_with("adapter.");
        let initializer: Vec<_> = whole.initializer.iter().filter(|tensor| is_own(&tensor.name)).cloned().collect();
        let input = whole.input.iter().find(|input| input.name == INPUT).ok_or_else(|| missing(INPUT))?;
        let (one_record, shape) = match sizes(input).as_deref() {
            Some([batch, Some(1), Some(rows), Some(columns)]) => (batch.is_some(), [*rows, *columns]),
            _ => return Err(missing("input of the right shape")),
        };
        let output_shape = initializer.iter().find(|tensor| tensor.name == OUTPUT_SHAPE && tensor.data_type == INT64);
        let (numbers, _) = output_shape.ok_or_else(|| missing(OUTPUT_SHAPE))?.raw_data.as_chunks();
        let numbers: Vec<usize> =
            numbers.iter().map(|number| usize::try_from(i64::from_le_bytes(*number)).unwrap_or_default()).collect();
        let output = match numbers[..] {
            [_, d] if d > 0 => Output::Embedding(d),
            [_, t, d] if t > 0 && d > 0 => Output::Frames([t, d]),
            _ => return Err(missing("output of the right shape")),
        };
        let graph = Graph {
            node: nodes.to_vec(),
            name: NAME.into(),
            initializer,
            input: vec![input.clone()],
            output: vec![value(OUTPUT, one_record, &output.sizes())],
            ..Graph::default()
        };
        let (ir_version, opset_import) = (model.ir_version, model.opset_import.clone());
        let model = Model { ir_version, graph: Some(graph), opset_import, ..Model::default() };
        ports::check_versions(&model)?;
        Ok(Self { model, shape, output, one_record })
    }

    /// The graph as an ONNX file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }

    /// The nodes and constants, behind which others may follow.
    pub fn graph(&self) -> Option<&Graph> {
        self.model.graph.as_ref()
    }

    /// The model around the graph.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

/// The shape of `output` for one record, and whether the graph takes one record at a time: many that declare any number were exported
/// with a constant.
fn probe_shape(
    model: &mut Model,
    output: &str,
    shape: [usize; 2],
    one_record: bool,
) -> Result<(Vec<usize>, bool), Error> {
    let Some(graph) = &mut model.graph else { return Ok((Vec::new(), one_record)) };
    let mut nodes = Nodes::new(ports::OLDEST_OPSET);
    nodes.add("Shape", &[output], SHAPE, vec![]);
    let n_nodes = graph.node.len();
    graph.node.extend(nodes.nodes);
    graph.output = vec![ValueInfo { name: SHAPE.into(), kind: None }];
    let found = probe::shape_of(model, 1, shape)?;
    let takes_two = || probe::shape_of(model, 2, shape).is_ok_and(|of_two| of_two.first() == Some(&2));
    let one_record = one_record || !takes_two();
    if let Some(graph) = &mut model.graph {
        graph.node.truncate(n_nodes);
    }
    Ok((found, one_record))
}
