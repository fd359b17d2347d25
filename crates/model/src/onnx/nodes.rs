//! Builds the nodes of an ONNX graph.

use std::ops::Range;

use super::proto::{ATTRIBUTE_INT, ATTRIBUTE_INTS, ATTRIBUTE_STRING, Attribute, FLOAT, INT64, Node, Tensor};
use crate::conv::ConvSpec;

/// The nodes so far, each named after its output, and their constants.
pub(crate) struct Nodes {
    /// The version of ONNX's operators.
    opset: i64,
    pub nodes: Vec<Node>,
    pub constants: Vec<Tensor>,
}

impl Nodes {
    /// No nodes yet, of this version of ONNX's operators, at least 13.
    pub fn new(opset: i64) -> Self {
        Self { opset, nodes: Vec::new(), constants: Vec::new() }
    }

    /// Flattens all axes but the first.
    pub fn flatten(&mut self, x: &str, output: &str) -> String {
        self.add("Flatten", &[x], output, vec![int("axis", 1)])
    }

    /// The mean over an axis, which is kept with size 1 if `keep`.
    pub fn mean(&mut self, x: &str, axis: usize, keep: bool, output: &str) -> String {
        self.mean_over(x, &[axis], keep, output)
    }

    /// The mean over `axes`, which are kept with size 1 if `keep`.
    pub fn mean_over(&mut self, x: &str, axes: &[usize], keep: bool, output: &str) -> String {
        self.reduce("ReduceMean", x, axes, keep, output)
    }

    /// The maximum over an axis, which is kept with size 1.
    pub fn max(&mut self, x: &str, axis: usize, output: &str) -> String {
        self.reduce("ReduceMax", x, &[axis], true, output)
    }

    fn reduce(&mut self, operator: &str, x: &str, axes: &[usize], keep: bool, output: &str) -> String {
        let keep = int("keepdims", i64::from(keep));
        // Axes are an attribute up to opset 17 and an input since opset 18.
        if self.opset < 18 {
            return self.add(operator, &[x], output, vec![ints("axes", axes), keep]);
        }
        let axes: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
        let axes = self.integers(&format!("{output}.axes"), &axes);
        self.add(operator, &[x, &axes], output, vec![keep])
    }

    /// Reorders the axes.
    pub fn transpose(&mut self, x: &str, axes: &[usize], output: &str) -> String {
        self.add("Transpose", &[x], output, vec![ints("perm", axes)])
    }

    /// Repeats a value along the axes where it has size 1.
    pub fn expand(&mut self, x: &str, shape: &[i64], output: &str) -> String {
        let shape = self.integers(&format!("{output}.shape"), shape);
        self.add("Expand", &[x, &shape], output, vec![])
    }

    /// Concatenates values along an axis.
    pub fn join(&mut self, values: &[&str], axis: i64, output: &str) -> String {
        self.add("Concat", values, output, vec![int("axis", axis)])
    }

    /// Reshapes a value; -1 stands for the remaining size.
    pub fn reshape(&mut self, x: &str, shape: &[i64], output: &str) -> String {
        let shape = self.integers(&format!("{output}.shape"), shape);
        self.add("Reshape", &[x, &shape], output, vec![])
    }

    /// A slice of one axis.
    pub fn slice(&mut self, x: &str, axis: usize, range: Range<usize>, output: &str) -> String {
        let [start, end, axis] = [("start", range.start), ("end", range.end), ("axis", axis)]
            .map(|(kind, value)| self.integers(&format!("{output}.{kind}"), &[value as i64]));
        self.add("Slice", &[x, &start, &end, &axis], output, vec![])
    }

    /// A scalar constant.
    pub fn number(&mut self, name: &str, value: f32) -> String {
        self.numbers(name, &[value], &[1])
    }

    /// A constant of this shape.
    pub fn numbers(&mut self, name: &str, values: &[f32], shape: &[i64]) -> String {
        self.constants.push(Tensor {
            dims: shape.to_vec(),
            data_type: FLOAT,
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            name: name.into(),
            ..Tensor::default()
        });
        name.into()
    }

    /// A constant list of integers.
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

    /// Appends a node and returns `output`, to use as the next node's input.
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

    /// A convolution with the initialisers `name.weight` and `name.bias`.
    pub fn conv(&mut self, x: &str, spec: &ConvSpec) -> String {
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
pub(crate) fn window(kernel: usize, stride: usize, [before, after]: [usize; 2]) -> Vec<Attribute> {
    let pads = [before, before, after, after];
    vec![ints("kernel_shape", &[kernel; 2]), ints("strides", &[stride; 2]), ints("pads", &pads)]
}

fn ints(name: &str, values: &[usize]) -> Attribute {
    let ints = values.iter().map(|value| *value as i64).collect();
    Attribute { name: name.into(), ints, kind: ATTRIBUTE_INTS, ..Attribute::default() }
}

pub(crate) fn text(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), s: value.into(), kind: ATTRIBUTE_STRING, ..Attribute::default() }
}

pub(crate) fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: name.into(), i: value, kind: ATTRIBUTE_INT, ..Attribute::default() }
}
