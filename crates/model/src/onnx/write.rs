//! A network as an ONNX file that needs nothing beside it.
//!
//! Opset 17, IR 8: `input` float32 `[batch, 1, height, width]` → `embedding` `[batch, n_outputs]` → `logits` `[batch, classes]` and,
//! with a gate, `cry` `[batch, 1]`. Initialisers have the authors' names, `head.0`, `head.1` and `gate`; each is used once.

use std::collections::BTreeMap;
use std::ops::Range;

use prost::Message;

use super::proto::{
    ATTRIBUTE_INT, ATTRIBUTE_INTS, Attribute, Dimension, Entry, FLOAT, Graph, INT64, Model, Node, OperatorSet, Shape,
    Size, Tensor, TensorType, Type, ValueInfo,
};
use crate::arch::{ConvSpec, Layers, PATCH, PATCH_HOP, POOL_KERNEL, POOL_PADDING, POOL_STRIDE, ResNetLayers};
use crate::fold::Conv;
use crate::host_tensor::TensorView;
use crate::pooling::CryPooling;
use crate::weights::{BackboneWeights, frames_below};
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
    image_shape: [usize; 2],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let mut nodes = Nodes { nodes: Vec::new(), constants: Vec::new() };
    let trainable = match end {
        End::Before(trainable) => trainable,
        End::Logits(..) => Trainable::None,
    };
    let embedding = match backbone.layers() {
        Layers::ResNet(layers) => nodes.resnet(INPUT, layers, trainable, EMBEDDING),
        Layers::Yamnet(convs) => nodes.yamnet(INPUT, convs, backbone.pooling(), image_shape, EMBEDDING),
        Layers::Both(layers, convs) => nodes.both(layers, convs, backbone.pooling(), image_shape),
    };
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
            vec![value(EMBEDDING, &[backbone.trainable_input(trainable, image_shape).iter().product()])]
        }
    };
    initializers.extend(nodes.constants);
    let graph = Graph {
        node: nodes.nodes,
        name: backbone.arch().to_string(),
        initializer: initializers,
        input: vec![value(INPUT, &[1, image_shape[0], image_shape[1]])],
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

/// The graph's nodes so far, each named after what it makes, and the numbers that they take in.
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
}

impl Nodes {
    /// A ResNet on the square, YAMNet on what is below it.
    fn both(
        &mut self,
        layers: &ResNetLayers<Conv>,
        convs: &[Conv],
        pooling: Option<&CryPooling>,
        [height, width]: [usize; 2],
    ) -> String {
        let frames = frames_below([height, width]);
        let image = self.slice(INPUT, 2, 0..width, "image");
        let below = self.slice(INPUT, 2, width..height, "below");
        let below = self.flatten(&below, "below.flat");
        let spectrogram = self.slice(&below, 1, 0..frames * PATCH[1], "spectrogram.flat");
        let shape = [-1, 1, frames as i64, PATCH[1] as i64];
        let spectrogram = self.reshape(&spectrogram, &shape, "spectrogram");
        let of_image = self.resnet(&image, layers, Trainable::None, "image.embedding");
        let of_spectrogram = self.yamnet(&spectrogram, convs, pooling, [frames, PATCH[1]], "spectrogram.embedding");
        self.join(&of_image, &of_spectrogram, 1, EMBEDDING)
    }

    /// The layers before those that `trainable` names, to the embedding.
    fn resnet(&mut self, x: &str, layers: &ResNetLayers<Conv>, trainable: Trainable, embedding: &str) -> String {
        let x = self.conv(x, &layers.stem.spec);
        let x = self.add("Relu", &[&x], "relu", vec![]);
        let mut x = self.add("MaxPool", &[&x], "max_pool", window(POOL_KERNEL, POOL_STRIDE, [POOL_PADDING; 2]));
        for block in &layers.blocks[..trainable.first_block(layers)] {
            let prefix = block.conv1.spec.name.trim_end_matches("conv1");
            let y = self.conv(&x, &block.conv1.spec);
            let y = self.add("Relu", &[&y], &format!("{prefix}relu1"), vec![]);
            let y = self.conv(&y, &block.conv2.spec);
            let shortcut = match &block.downsample {
                Some(downsample) => self.conv(&x, &downsample.spec),
                None => x,
            };
            let sum = self.add("Add", &[&y, &shortcut], &format!("{prefix}add"), vec![]);
            x = self.add("Relu", &[&sum], &format!("{prefix}relu2"), vec![]);
        }
        if trainable == Trainable::None {
            x = self.add("GlobalAveragePool", &[&x], "average_pool", vec![]);
        }
        self.flatten(&x, embedding)
    }

    /// The spectrogram cut into patches, the network on each, and the pooling of what it gives for them.
    fn yamnet(
        &mut self,
        x: &str,
        convs: &[Conv],
        pooling: Option<&CryPooling>,
        [frames, bands]: [usize; 2],
        embedding: &str,
    ) -> String {
        let halves = frames / PATCH_HOP;
        let patches = halves - 1;
        let n_outputs = convs.last().map_or(0, |conv| conv.bias.len());
        let x = self.reshape(x, &[-1, halves as i64, PATCH_HOP as i64, bands as i64], "halves");
        let first = self.slice(&x, 1, 0..patches, "first_halves");
        let second = self.slice(&x, 1, 1..halves, "second_halves");
        let x = self.join(&first, &second, 2, "patches_of_each");
        let mut x = self.reshape(&x, &[-1, 1, PATCH[0] as i64, bands as i64], "patches");
        for conv in convs {
            x = self.conv(&x, &conv.spec);
            x = self.add("Relu", &[&x], &format!("{}.relu", conv.spec.name), vec![]);
        }
        let x = self.add("GlobalAveragePool", &[&x], "patches.average_pool", vec![]);
        if pooling.is_some() {
            let x = self.flatten(&x, "embeddings");
            return CryPooling::to_onnx(self, &x, [patches, n_outputs], embedding);
        }
        let x = self.reshape(&x, &[-1, patches as i64, n_outputs as i64], "embeddings");
        self.mean(&x, false, embedding)
    }

    /// All but the first axis made one.
    pub fn flatten(&mut self, x: &str, output: &str) -> String {
        self.add("Flatten", &[x], output, vec![int("axis", 1)])
    }

    /// The mean over the second axis, which stays as 1 if `keep`.
    pub fn mean(&mut self, x: &str, keep: bool, output: &str) -> String {
        self.add("ReduceMean", &[x], output, vec![ints("axes", &[1]), int("keepdims", i64::from(keep))])
    }

    /// Joined along an axis.
    pub fn join(&mut self, first: &str, second: &str, axis: i64, output: &str) -> String {
        self.add("Concat", &[first, second], output, vec![int("axis", axis)])
    }

    pub fn reshape(&mut self, x: &str, shape: &[i64], output: &str) -> String {
        let shape = self.integers(&format!("{output}.shape"), shape);
        self.add("Reshape", &[x, &shape], output, vec![])
    }

    /// A range of an axis.
    fn slice(&mut self, x: &str, axis: usize, range: Range<usize>, output: &str) -> String {
        let [start, end, axis] = [("start", range.start), ("end", range.end), ("axis", axis)]
            .map(|(kind, value)| self.integers(&format!("{output}.{kind}"), &[value as i64]));
        self.add("Slice", &[x, &start, &end, &axis], output, vec![])
    }

    /// A number that a node takes in.
    pub fn number(&mut self, name: &str, value: f32) -> String {
        self.constants.push(Tensor {
            dims: vec![1],
            data_type: FLOAT,
            raw_data: value.to_le_bytes().into(),
            name: name.into(),
            ..Tensor::default()
        });
        name.into()
    }

    /// A list of integers that a node takes in.
    fn integers(&mut self, name: &str, values: &[i64]) -> String {
        self.constants.push(Tensor {
            dims: vec![values.len() as i64],
            data_type: INT64,
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            name: name.into(),
            ..Tensor::default()
        });
        name.into()
    }

    /// Appends a node and gives `output` back, the next node's input.
    pub fn add(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: Vec<Attribute>) -> String {
        self.nodes.push(Node {
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: operator.to_owned(),
            attribute: attributes,
            domain: String::new(),
        });
        output.to_owned()
    }

    fn conv(&mut self, x: &str, spec: &ConvSpec) -> String {
        let inputs = [x, &format!("{}.weight", spec.name), &format!("{}.bias", spec.name)];
        let mut attributes = window(spec.kernel, spec.stride, spec.padding);
        if spec.depthwise {
            attributes.push(int("group", spec.groups() as i64));
        }
        self.add("Conv", &inputs, &format!("{}.out", spec.name), attributes)
    }

    /// A linear layer with the initialisers `name.weight` `[out, in]` and `name.bias`.
    pub fn linear(&mut self, x: &str, name: &str, output: &str) -> String {
        let inputs = [x, &format!("{name}.weight"), &format!("{name}.bias")];
        self.add("Gemm", &inputs, output, vec![int("transB", 1)])
    }
}

/// The attributes of a square convolution or pooling.
fn window(kernel: usize, stride: usize, [before, after]: [usize; 2]) -> Vec<Attribute> {
    let pads = [before, before, after, after];
    vec![ints("kernel_shape", &[kernel; 2]), ints("strides", &[stride; 2]), ints("pads", &pads)]
}

fn ints(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|value| *value as i64).collect();
    Attribute { name: name.into(), ints, kind: ATTRIBUTE_INTS, ..Attribute::default() }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: name.into(), i: value, kind: ATTRIBUTE_INT, ..Attribute::default() }
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

/// A float32 value of shape `[batch, sizes...]`.
fn value(name: &str, sizes: &[usize]) -> ValueInfo {
    let sizes = sizes.iter().map(|n| Size::Fixed(*n as i64));
    let dim = [Size::Named("batch".into())].into_iter().chain(sizes).map(|size| Dimension { size: Some(size) });
    let tensor = TensorType { elem_type: FLOAT, shape: Some(Shape { dim: dim.collect() }) };
    ValueInfo { name: name.into(), kind: Some(Type { tensor: Some(tensor) }) }
}
