//! A network as an ONNX file that needs nothing beside it.
//!
//! Opset 17, IR 8: `input` float32 `[batch, 1, size, size]` → `embedding` `[batch, n_outputs]` → `logits` `[batch, classes]` and,
//! with a gate, `cry` `[batch, 1]`. Initialisers have torchvision's names, `head.0`, `head.1` and `gate`; each is used once.

use std::collections::BTreeMap;

use prost::Message;

use super::proto::{
    ATTRIBUTE_INT, ATTRIBUTE_INTS, Attribute, Dimension, Entry, FLOAT, Graph, Model, Node, OperatorSet, Shape, Size,
    Tensor, TensorType, Type, ValueInfo,
};
use crate::arch::{ConvSpec, POOL_KERNEL, POOL_PADDING, POOL_STRIDE};
use crate::host_tensor::TensorView;
use crate::weights::BackboneWeights;
use crate::{Error, Gate, Head, Trainable};

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// The graph's input.
pub(crate) const INPUT: &str = "input";
/// The value after the pooling; the output of a graph without a head.
pub(crate) const EMBEDDING: &str = "embedding";
/// The outputs of a graph with a head, and of one with a gate, too.
const LOGITS: &str = "logits";
const CRY: &str = "cry";

/// Where a graph ends.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    /// Before the layers that are trained: the embedding if none is, else flattened feature maps. Called `embedding`.
    Before(Trainable),
    /// At the head's logits, and at the gate's score if there is a gate.
    Logits(&'a Head, Option<&'a Gate>),
}

/// The bytes of a file. Equal content gives equal bytes.
///
/// # Errors
/// [`Error::Device`] if the head's device does not give its numbers.
pub(crate) fn write(
    backbone: &BackboneWeights,
    end: End,
    image_size: usize,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let mut nodes = Nodes(Vec::new());
    let layers = backbone.layers();
    let trainable = match end {
        End::Before(trainable) => trainable,
        End::Logits(..) => Trainable::None,
    };
    let x = nodes.conv(INPUT, &layers.stem.spec);
    let x = nodes.add("Relu", &[&x], "relu", vec![]);
    let mut x = nodes.add("MaxPool", &[&x], "max_pool", window(POOL_KERNEL, POOL_STRIDE, POOL_PADDING));
    for block in &layers.blocks[..trainable.first_block(layers)] {
        let prefix = block.conv1.spec.name.trim_end_matches("conv1");
        let y = nodes.conv(&x, &block.conv1.spec);
        let y = nodes.add("Relu", &[&y], &format!("{prefix}relu1"), vec![]);
        let y = nodes.conv(&y, &block.conv2.spec);
        let shortcut = match &block.downsample {
            Some(downsample) => nodes.conv(&x, &downsample.spec),
            None => x,
        };
        let sum = nodes.add("Add", &[&y, &shortcut], &format!("{prefix}add"), vec![]);
        x = nodes.add("Relu", &[&sum], &format!("{prefix}relu2"), vec![]);
    }
    if trainable == Trainable::None {
        x = nodes.add("GlobalAveragePool", &[&x], "average_pool", vec![]);
    }
    let embedding = nodes.add("Flatten", &[&x], EMBEDDING, vec![int("axis", 1)]);
    let mut initializers: Vec<Tensor> = backbone.frozen_tensors(trainable).map(|tensor| initializer(&tensor)).collect();
    let output = match end {
        End::Logits(head, gate) => {
            head.to_onnx(&mut nodes, &embedding, LOGITS);
            initializers.extend(head.tensors()?.iter().map(|tensor| initializer(&tensor.view())));
            let mut outputs = vec![value(LOGITS, &[head.n_classes()])];
            if let Some(gate) = gate {
                gate.to_onnx(&mut nodes, &embedding, CRY);
                initializers.extend(gate.tensors()?.iter().map(|tensor| initializer(&tensor.view())));
                outputs.push(value(CRY, &[1]));
            }
            outputs
        }
        End::Before(trainable) => {
            vec![value(EMBEDDING, &[backbone.trainable_input(trainable, image_size).iter().product()])]
        }
    };
    let graph = Graph {
        node: nodes.0,
        name: backbone.arch().to_string(),
        initializer: initializers,
        input: vec![value(INPUT, &[1, image_size, image_size])],
        output,
    };
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "wail".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: metadata.iter().map(|(key, value)| Entry { key: key.clone(), value: value.clone() }).collect(),
    };
    Ok(model.encode_to_vec())
}

/// The graph's nodes so far, each named after what it makes.
pub(crate) struct Nodes(Vec<Node>);

impl Nodes {
    /// Appends a node and gives `output` back, the next node's input.
    pub fn add(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: Vec<Attribute>) -> String {
        self.0.push(Node {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: operator.to_owned(),
            attribute: attributes,
        });
        output.to_owned()
    }

    fn conv(&mut self, x: &str, spec: &ConvSpec) -> String {
        let inputs = [x, &format!("{}.weight", spec.name), &format!("{}.bias", spec.name)];
        self.add("Conv", &inputs, &format!("{}.out", spec.name), window(spec.kernel, spec.stride, spec.kernel / 2))
    }

    /// A linear layer with the initialisers `name.weight` `[out, in]` and `name.bias`.
    pub fn linear(&mut self, x: &str, name: &str, output: &str) -> String {
        let inputs = [x, &format!("{name}.weight"), &format!("{name}.bias")];
        self.add("Gemm", &inputs, output, vec![int("transB", 1)])
    }
}

/// The attributes of a square convolution or pooling.
fn window(kernel: usize, stride: usize, padding: usize) -> Vec<Attribute> {
    vec![ints("kernel_shape", &[kernel; 2]), ints("strides", &[stride; 2]), ints("pads", &[padding; 4])]
}

fn ints(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|value| *value as i64).collect();
    Attribute { name: name.into(), i: 0, ints, kind: ATTRIBUTE_INTS }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: name.into(), i: value, ints: vec![], kind: ATTRIBUTE_INT }
}

fn initializer(tensor: &TensorView) -> Tensor {
    Tensor {
        dims: tensor.shape.iter().map(|n| *n as i64).collect(),
        data_type: FLOAT,
        raw_data: tensor.to_bytes(),
        name: tensor.name.clone(),
    }
}

/// A float32 value of shape `[batch, sizes...]`.
fn value(name: &str, sizes: &[usize]) -> ValueInfo {
    let sizes = sizes.iter().map(|n| Size::Fixed(*n as i64));
    let dim = [Size::Named("batch".into())].into_iter().chain(sizes).map(|size| Dimension { size: Some(size) });
    let tensor = TensorType { elem_type: FLOAT, shape: Some(Shape { dim: dim.collect() }) };
    ValueInfo { name: name.into(), kind: Some(Type { tensor: Some(tensor) }) }
}
