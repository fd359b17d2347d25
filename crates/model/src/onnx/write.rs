//! Writes a network as one self-contained ONNX file.
//!
//! Opset 17, IR 8, or those of an encoder from an ONNX file. A single network has the input `input`, float32
//! `[batch, 1, height, width]`. Several networks have named inputs: `image`, `[batch, 1, height, width]`, and `patches`, `[batch, n_patches, 96, 64]`, YAMNet's spectrogram cut into
//! patches that overlap by half. The graph computes `embedding` `[batch, n_outputs]` → `logits` `[batch, classes]` and, with
//! a gate, `cry` `[batch, 1]`. For a head over frames it computes `frames` `[batch, t, d]` → `logits`, and pools them to
//! `embedding` for the gate. Initialisers have the authors' names, `head.0`, `head.1` and `gate`; each is used once.

use std::collections::BTreeMap;

use prost::Message;

use super::nodes::Nodes;
use super::proto::{Entry, FLOAT, Graph, Model, OperatorSet, Tensor, ValueInfo};
use super::values::{INPUT, value};
use crate::error::Error;
use crate::frozen_output::FrozenOutput;
use crate::gate::Gate;
use crate::head::Head;
use crate::host_tensor::TensorView;
use crate::networks::NetworkWeights;
use crate::networks::encoder::OnnxInput;
use crate::networks::onnx::weights::OnnxWeights;

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// The value after the pooling; the output of a graph without a head.
pub(crate) const EMBEDDING: &str = "embedding";
/// The value before the pooling over time.
const FRAMES: &str = "frames";
/// The output of the head, and that of the gate.
const LOGITS: &str = "logits";
const CRY: &str = "cry";

/// The end of a graph.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    /// At what the frozen layers give, flattened. The output is named `embedding`.
    Frozen(FrozenOutput),
    /// At the head's logits, and at the gate's score if there is a gate.
    Logits(&'a Head, Option<&'a Gate>),
}

/// Returns an ONNX file whose graph is called `name`, for networks with the height and width of their inputs. Equal content
/// gives equal bytes.
///
/// # Errors
/// [`Error::Engine`] if the head's device does not return its values.
pub(crate) fn write(
    name: &str,
    networks: &[(&NetworkWeights, [usize; 2])],
    end: End,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    // A graph from elsewhere brings the versions of its operators, and may take one record at a time.
    let from_elsewhere = networks.iter().find_map(|(network, _)| network.onnx());
    let own = || vec![OperatorSet { domain: String::new(), version: OPSET }];
    let opset_import = from_elsewhere.map_or_else(own, |onnx| onnx.model().opset_import.clone());
    let ir_version = from_elsewhere.map_or(IR_VERSION, |onnx| onnx.model().ir_version);
    let one_record = from_elsewhere.is_some_and(OnnxWeights::takes_one_record);
    let mut nodes = Nodes::new(from_elsewhere.map_or(OPSET, OnnxWeights::opset));
    let frozen_output = match end {
        End::Frozen(output) => output,
        End::Logits(head, _) => head.frozen_output(),
    };
    let (inputs, encoded) = add_networks(&mut nodes, networks, frozen_output, one_record);
    let mut initializers = Vec::new();
    let output = match end {
        End::Logits(head, gate) => {
            // Also the tensors of a pooling that no gate needs: the file's checksum is over all of them.
            // A graph from elsewhere brings its own.
            let layered = networks.iter().filter(|(network, _)| network.onnx().is_none());
            let tensors = layered.flat_map(|(network, _)| network.tensors());
            initializers.extend(tensors.map(|tensor| initializer(&tensor)));
            head.to_onnx(&mut nodes, &encoded, LOGITS);
            initializers.extend(head.tensors()?.iter().map(|tensor| initializer(&tensor.view())));
            let mut outputs = vec![value(LOGITS, one_record, &[head.n_classes()])];
            if let Some(gate) = gate {
                let embedding = pool(&mut nodes, networks, frozen_output, &encoded);
                gate.to_onnx(&mut nodes, &embedding, CRY);
                initializers.extend(gate.tensors()?.iter().map(|tensor| initializer(&tensor.view())));
                outputs.push(value(CRY, one_record, &[1]));
            }
            outputs
        }
        End::Frozen(output) => {
            let tensors = networks.iter().flat_map(|(network, _)| network.frozen_tensors(output));
            initializers.extend(tensors.map(|tensor| initializer(&tensor)));
            if output == FrozenOutput::Frames {
                nodes.flatten(&encoded, EMBEDDING);
            }
            let length =
                |(network, shape): &(&NetworkWeights, [usize; 2])| network.encoder().output_len(output, *shape);
            vec![value(EMBEDDING, one_record, &[networks.iter().map(length).sum()])]
        }
    };
    initializers.extend(nodes.constants);
    let (node, input, initializer) = (nodes.nodes, inputs, initializers);
    let graph = Graph { node, name: name.into(), initializer, input, output, ..Graph::default() };
    let model = Model {
        ir_version,
        producer_name: "wail".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import,
        metadata_props: metadata.iter().map(|(key, value)| Entry { key: key.clone(), value: value.clone() }).collect(),
        ..Model::default()
    };
    Ok(model.encode_to_vec())
}

/// The name of the embedding: that of the value `encoded`, or of what it is pooled to if it holds frames.
fn pool(nodes: &mut Nodes, networks: &[(&NetworkWeights, [usize; 2])], output: FrozenOutput, encoded: &str) -> String {
    match (output, networks) {
        (FrozenOutput::Frames, &[(network, shape)]) => {
            let (pooling, n_frames) = (network.encoder().frame_pooling(), network.encoder().n_frames(shape));
            pooling.to_onnx(nodes, encoded, n_frames, EMBEDDING)
        }
        _ => encoded.to_owned(),
    }
}

/// Adds the networks up to `output`. Returns the graph's inputs and the name of the value; embeddings of several networks are
/// concatenated.
fn add_networks(
    nodes: &mut Nodes,
    networks: &[(&NetworkWeights, [usize; 2])],
    output: FrozenOutput,
    one_record: bool,
) -> (Vec<ValueInfo>, String) {
    if let &[(network, shape)] = networks {
        let input = (INPUT, OnnxInput::Record);
        let name = if output == FrozenOutput::Frames { FRAMES } else { EMBEDDING };
        let encoded = network.encoder().to_onnx(nodes, input, shape, output, name);
        return (vec![value(INPUT, one_record, &network.encoder().onnx_sizes(input.1, shape))], encoded);
    }
    let mut inputs: Vec<ValueInfo> = Vec::new();
    let mut embeddings = Vec::new();
    for (network, shape) in networks {
        let (name, encoder) = (network.arch().input_name(), network.encoder());
        // Networks with the same input share it.
        if inputs.iter().all(|input| input.name != name) {
            inputs.push(value(name, one_record, &encoder.onnx_sizes(OnnxInput::Named, *shape)));
        }
        let embedding = format!("{}.embedding", network.arch());
        embeddings.push(encoder.to_onnx(nodes, (name, OnnxInput::Named), *shape, output, &embedding));
    }
    let embeddings: Vec<&str> = embeddings.iter().map(String::as_str).collect();
    (inputs, nodes.join(&embeddings, 1, EMBEDDING))
}

fn initializer(tensor: &TensorView) -> Tensor {
    Tensor {
        dims: tensor.shape.iter().map(|n| *n as i64).collect(),
        data_type: FLOAT,
        raw_data: tensor.to_bytes(),
        name: tensor.name.clone(),
        ..Tensor::default()
    }
}
