//! TFLite files, read operator by operator.
//!
//! Field numbers and codes are those of TensorFlow's `schema.fbs`
//! (<https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs>).

use crate::conv::ConvSpec;
use crate::error::Error;
use crate::flatbuffer::{Table, Tables};
use crate::float::Float;
use crate::fold::RawConv;
use crate::host_tensor::HostTensor;

/// File identifier, bytes 4 to 8.
const IDENTIFIER: &[u8] = b"TFL3";

/// `BuiltinOperator`
const CONV_2D: i32 = 3;
const DEPTHWISE_CONV_2D: i32 = 4;
const DEQUANTIZE: i32 = 6;
const FULLY_CONNECTED: i32 = 9;
const MEAN: i32 = 40;

/// `TensorType`
const FLOAT32: i8 = 0;
const FLOAT16: i8 = 1;
const INT32: i8 = 2;
const INT8: i8 = 9;

/// `Padding.SAME`
const SAME: i8 = 0;
/// `ActivationFunctionType.RELU`
const RELU: i8 = 1;

/// Maximum number of operators in a graph; YAMNet with its front end has 44.
const MAX_OPERATORS: usize = 10_000;
/// Maximum number of dimensions of a tensor.
const MAX_RANK: usize = 8;

/// A parsed file; values are decoded only when a tensor is requested.
pub(crate) struct TfliteFile<'a> {
    tensors: Tables<'a>,
    buffers: Tables<'a>,
    operators: Vec<Operator<'a>>,
}

/// A node of the graph.
pub(crate) struct Operator<'a> {
    code: i32,
    /// Tensor indices, as in the file.
    inputs: &'a [[u8; 4]],
    outputs: &'a [[u8; 4]],
    options: Option<Table<'a>>,
}

impl<'a> Operator<'a> {
    /// Tensor index of the first input.
    pub fn input(&self) -> Option<&'a [u8; 4]> {
        self.inputs.first()
    }

    /// Tensor index of the first output.
    pub fn output(&self) -> Option<&'a [u8; 4]> {
        self.outputs.first()
    }
}

impl<'a> TfliteFile<'a> {
    /// Whether `bytes` start like a TFLite file.
    pub fn looks_like(bytes: &[u8]) -> bool {
        bytes.get(4..8) == Some(IDENTIFIER)
    }

    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if !Self::looks_like(bytes) {
            return Err(Error::Malformed("not a TFLite file: bytes 4 to 8 are not TFL3".into()));
        }
        let model = Table::root(bytes)?;
        let (codes, graphs, buffers) = (model.tables(1)?, model.tables(2)?, model.tables(4)?);
        let graph = graphs.get(0).ok_or_else(|| Error::Malformed("a TFLite file without a graph".into()))??;
        let listed = graph.tables(3)?;
        if listed.len() > MAX_OPERATORS {
            return Err(Error::Limit(format!("{} operators, at most {MAX_OPERATORS} are read", listed.len())));
        }
        let mut operators = Vec::new();
        for index in 0..listed.len() {
            let Some(operator) = listed.get(index).transpose()? else { break };
            operators.push(Operator {
                code: code(codes, operator.int(0, 0)?)?,
                inputs: operator.ints(1)?,
                outputs: operator.ints(2)?,
                options: operator.table(4)?,
            });
        }
        Ok(Self { tensors: graph.tables(0)?, buffers, operators })
    }

    /// The convolutions, in order.
    pub fn convolutions(&self) -> Vec<&Operator<'a>> {
        self.operators.iter().filter(|operator| [CONV_2D, DEPTHWISE_CONV_2D].contains(&operator.code)).collect()
    }

    /// Weight `[outputs, inputs]` and bias of the linear layer after `x`, if one follows.
    pub fn linear_after(&self, x: Option<&[u8; 4]>, name: &str) -> Result<Option<[HostTensor; 2]>, Error> {
        match self.follower(x) {
            Some(layer) if layer.code == FULLY_CONNECTED => {
                Ok(Some([self.operand(layer, 1, name)?, self.operand(layer, 2, name)?]))
            }
            _ => Ok(None),
        }
    }

    /// Weight and bias of a convolution, which must match `spec`.
    pub fn conv(&self, operator: &Operator, spec: ConvSpec) -> Result<RawConv, Error> {
        let (code, what) =
            if spec.depthwise { (DEPTHWISE_CONV_2D, "a DEPTHWISE_CONV_2D") } else { (CONV_2D, "a CONV_2D") };
        if operator.code != code {
            return Err(node(&spec.name, &format!("operator {}, expected {what}", operator.code)));
        }
        let options = operator.options.ok_or_else(|| node(&spec.name, "it has no options"))?;
        // A depthwise convolution has its channel multiplier before the activation.
        let after_strides = if spec.depthwise { 4 } else { 3 };
        let dilations = [options.int(after_strides + 1, 1)?, options.int(after_strides + 2, 1)?];
        let found = (options.byte(0, SAME)?, [options.int(1, 0)?, options.int(2, 0)?], dilations);
        if found != (SAME, [spec.stride as i32; 2], [1; 2]) {
            let problem = format!("padding, strides and dilations {found:?}, expected SAME (0), {}, 1", spec.stride);
            return Err(node(&spec.name, &problem));
        }
        match options.byte(after_strides, 0)? {
            RELU => {}
            other => return Err(node(&spec.name, &format!("activation {other}, expected RELU (1)"))),
        }
        let weight = self.operand(operator, 1, &spec.name)?;
        let &[first, height, width, last] = weight.shape.as_slice() else {
            return Err(Error::tensor(&weight.name, format!("shape {:?}, expected four sizes", weight.shape)));
        };
        // [outputs, height, width, inputs] or [1, height, width, outputs], to [outputs, inputs, height, width]
        let [outputs, inputs] = if spec.depthwise { [last, first] } else { [first, last] };
        let area = height * width;
        let from = |to: usize| match spec.depthwise {
            true => to % area * outputs + to / area,
            false => to / (inputs * area) * area * inputs + to % area * inputs + to / area % inputs,
        };
        if spec.depthwise && inputs != 1 {
            return Err(Error::tensor(&weight.name, format!("shape {:?}, expected 1 first", weight.shape)));
        }
        let data = (0..weight.data.len()).map(|to| weight.data[from(to)]).collect();
        let weight = HostTensor { shape: vec![outputs, inputs, height, width], data, ..weight };
        let bias = Some(self.operand(operator, 2, &spec.name)?);
        Ok(RawConv { spec, weight, bias, norm: None })
    }

    /// The mean over height and width, which must follow `x`.
    pub fn mean_after(&self, x: Option<&[u8; 4]>) -> Result<&Operator<'a>, Error> {
        let mean = self.follower(x).filter(|operator| operator.code == MEAN);
        let mean = mean.ok_or_else(|| node("pooling", "no MEAN (40) follows the last convolution"))?;
        let axes = mean.inputs.get(1).and_then(|index| self.tensor_at(*index)).transpose()?;
        let axes = axes.ok_or_else(|| node("pooling", "it has no axes"))?;
        let (numbers, _) = self.raw(axes, INT32, "pooling's axes")?.as_chunks();
        match numbers.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect::<Vec<_>>()[..] {
            [1, 2] | [2, 1] => Ok(mean),
            _ => Err(node("pooling", "it is not over the axes 1 and 2")),
        }
    }

    /// The first operator that uses `x`.
    fn follower(&self, x: Option<&[u8; 4]>) -> Option<&Operator<'a>> {
        self.operators.iter().find(|operator| x.is_some() && operator.inputs.first() == x)
    }

    /// A constant input of an operator. `float16` constants are stored before a node that widens them.
    fn operand(&self, operator: &Operator, input: usize, name: &str) -> Result<HostTensor, Error> {
        let value = operator.inputs.get(input);
        let widened =
            |other: &&Operator<'a>| other.code == DEQUANTIZE && value.is_some() && other.outputs.first() == value;
        let value = self.operators.iter().find(widened).map_or(value, |other| other.inputs.first());
        let tensor = value.and_then(|index| self.tensor_at(*index)).transpose()?;
        self.read(tensor.ok_or_else(|| node(name, &format!("input {input} is missing")))?, name)
    }

    fn tensor_at(&self, index: [u8; 4]) -> Option<Result<Table<'a>, Error>> {
        self.tensors.get(usize::try_from(i32::from_le_bytes(index)).ok()?)
    }

    /// The values of a tensor: `float32`, `float16`, or `int8` times one scale, or times one scale per index of a dimension.
    fn read(&self, tensor: Table, name: &str) -> Result<HostTensor, Error> {
        let shape = tensor.ints(0)?;
        if shape.len() > MAX_RANK {
            return Err(Error::tensor(name, format!("{} dimensions, at most {MAX_RANK} are read", shape.len())));
        }
        let shape = shape.iter().map(|n| usize::try_from(i32::from_le_bytes(*n))).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| Error::tensor(name, "a negative size"))?;
        for (kind, float) in [(FLOAT32, Float::F32), (FLOAT16, Float::F16)] {
            if tensor.byte(1, FLOAT32)? == kind {
                return HostTensor::from_bytes(name, shape, float, self.raw(tensor, kind, name)?);
            }
        }
        let bytes = self.raw(tensor, INT8, name)?;
        let quantization = tensor.table(4)?.ok_or_else(|| Error::tensor(name, "int8 without scales"))?;
        let (scales, _) = quantization.bytes(2, 4)?.as_chunks();
        let scales: Vec<f32> = scales.iter().map(|scale| f32::from_le_bytes(*scale)).collect();
        if quantization.bytes(3, 8)?.iter().any(|byte| *byte != 0) {
            return Err(Error::tensor(name, "int8 with zero points other than 0"));
        }
        let axis = usize::try_from(quantization.int(6, 0)?).unwrap_or(usize::MAX);
        let expected = if scales.len() == 1 { 1 } else { shape.get(axis).copied().unwrap_or(0) };
        if scales.is_empty() || scales.len() != expected {
            return Err(Error::tensor(name, format!("{} scales along dimension {axis} of {shape:?}", scales.len())));
        }
        let step: Option<usize> = shape.iter().skip(axis + 1).try_fold(1, |product: usize, n| product.checked_mul(*n));
        let step = step.filter(|step| *step > 0).unwrap_or(1);
        let scale = |at: usize| scales[at / step % scales.len()];
        let data = bytes.iter().enumerate().map(|(at, byte)| f32::from(i8::from_le_bytes([*byte])) * scale(at));
        HostTensor::new(name, shape, data.collect())
    }

    /// The bytes of a constant tensor of element type `expected`.
    fn raw(&self, tensor: Table, expected: i8, name: &str) -> Result<&'a [u8], Error> {
        match tensor.byte(1, FLOAT32)? {
            found if found == expected => {}
            found => {
                let problem = format!(
                    "element type {found}: float32 (0), float16 (1) and int8 (9) weights are read, int32 (2) axes"
                );
                return Err(Error::tensor(name, problem));
            }
        }
        let buffer = usize::try_from(tensor.int(2, 0)?).ok().and_then(|index| self.buffers.get(index));
        let buffer = buffer.ok_or_else(|| Error::tensor(name, "its buffer is missing"))??;
        match buffer.bytes(0, 1)? {
            [] => Err(Error::tensor(name, "it is not a constant")),
            bytes => Ok(bytes),
        }
    }
}

/// The operator code at `index` of the file's list `codes`. Old files store it in one byte, new files in four.
fn code(codes: Tables, index: i32) -> Result<i32, Error> {
    let listed = usize::try_from(index).ok().and_then(|index| codes.get(index));
    let listed =
        listed.ok_or_else(|| Error::Malformed(format!("operator code {index} is not in the file's list")))??;
    Ok(listed.int(3, 0)?.max(i32::from(listed.byte(0, 0)?)))
}

/// An error about the operator of the layer `name`.
pub(crate) fn node(name: &str, problem: &str) -> Error {
    Error::Node { node: name.into(), problem: problem.into() }
}
