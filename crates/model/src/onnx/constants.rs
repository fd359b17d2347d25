//! The constants of an ONNX file: initialisers, `Constant` nodes, external data.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

use super::graph::{Graph, attribute, input, is, node_error};
use super::proto::{BFLOAT16, DOUBLE, EXTERNAL, FLOAT, FLOAT16, INT64, Tensor};
use crate::error::Error;
use crate::float::Float;
use crate::host_tensor::HostTensor;
use crate::weight_file::open;

/// Maximum number of nodes between a weight and its values.
const MAX_CHAIN: usize = 8;

/// Operators that keep the values of their first input or only repeat them.
const KEEPS_NUMBERS: [&str; 5] = ["Identity", "Cast", "CastLike", "Expand", "Reshape"];

impl<'a> Graph<'a> {
    /// The tensor named `value`.
    pub fn tensor(&self, value: &str) -> Result<HostTensor, Error> {
        read(self.constant(value)?, value, self.folder)
    }

    /// Like [`Graph::tensor`], for an expected shape `[n]`. torch's unoptimised export writes a missing bias as a single zero
    /// that is expanded to the weight's length; such a value is repeated.
    pub fn vector(&self, value: &str, n: usize) -> Result<HostTensor, Error> {
        let tensor = self.tensor(value)?;
        match tensor.data[..] {
            [number] if self.producers.contains_key(value) => HostTensor::new(value, vec![n], vec![number; n]),
            _ => Ok(tensor),
        }
    }

    /// The 64-bit integers named `value`, such as axes.
    pub fn integers(&self, value: &str) -> Result<Vec<i64>, Error> {
        let tensor = self.constant(value)?;
        if tensor.data_type != INT64 {
            return Err(Error::tensor(value, format!("element type {}, expected int64 (7)", tensor.data_type)));
        }
        let (numbers, _) = tensor.raw_data.as_chunks();
        let raw = numbers.iter().map(|&number| i64::from_le_bytes(number));
        Ok(tensor.int64_data.iter().copied().chain(raw).collect())
    }

    /// Finds the initialiser or `Constant` of `value`, also behind nodes that keep its values.
    fn constant(&self, value: &str) -> Result<&'a Tensor, Error> {
        let mut name = value;
        for _ in 0..MAX_CHAIN {
            if let Some(tensor) = self.initializers.get(name) {
                return Ok(tensor);
            }
            let Some(node) = self.producers.get(name) else {
                return Err(Error::tensor(value, "missing"));
            };
            match (attribute(node, "value"), input(node, 0)) {
                (Some(constant), _) if is(node, "Constant") => {
                    return constant.t.as_ref().ok_or_else(|| node_error(node, "it holds no tensor".into()));
                }
                (_, Some(source)) if KEEPS_NUMBERS.iter().any(|operator| is(node, operator)) => name = source,
                _ => return Err(Error::tensor(value, format!("made by a {}, expected a constant", node.op_type))),
            }
        }
        Err(Error::tensor(value, format!("more than {MAX_CHAIN} nodes away from its values")))
    }
}

fn read(tensor: &Tensor, name: &str, folder: &Path) -> Result<HostTensor, Error> {
    let shape = tensor.dims.iter().map(|&dim| usize::try_from(dim)).collect::<Result<Vec<_>, _>>();
    let shape = shape.map_err(|_| Error::tensor(name, format!("shape {:?}", tensor.dims)))?;
    let external;
    let bytes = if tensor.data_location == EXTERNAL {
        external = read_external(tensor, name, folder)?;
        &external
    } else {
        &tensor.raw_data[..]
    };
    let float = match tensor.data_type {
        FLOAT => Float::F32,
        DOUBLE => Float::F64,
        FLOAT16 => Float::F16,
        BFLOAT16 => Float::Bf16,
        other => {
            let problem = format!(
                "element type {other}: float32 (1), float16 (10), float64 (11) and bfloat16 (16) are read, so export it in one of \
                 these"
            );
            return Err(Error::tensor(name, problem));
        }
    };
    if !bytes.is_empty() {
        return HostTensor::from_bytes(name, shape, float, bytes);
    }
    match float {
        Float::F32 => HostTensor::new(name, shape, tensor.float_data.clone()),
        Float::F64 => HostTensor::new(name, shape, tensor.double_data.iter().map(|&x| x as f32).collect()),
        Float::F16 | Float::Bf16 => {
            // Each integer holds the 16 bits of one number.
            let bytes: Vec<u8> = tensor.int32_data.iter().flat_map(|&bits| (bits as u16).to_le_bytes()).collect();
            HostTensor::from_bytes(name, shape, float, &bytes)
        }
    }
}

/// Reads the external data of `tensor` from a file next to the model.
pub(crate) fn read_external(tensor: &Tensor, name: &str, folder: &Path) -> Result<Vec<u8>, Error> {
    let error = |problem: String| Error::tensor(name, format!("external data: {problem}"));
    let entry =
        |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    let number = |key: &str| {
        entry(key).map(str::parse::<u64>).transpose().map_err(|_| error(format!("its {key} is not a number of bytes")))
    };
    let location = entry("location").ok_or_else(|| error("no location".into()))?;
    let location = Path::new(location);
    // A model must not read files outside its own folder.
    if location.as_os_str().is_empty() || !location.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(error(format!("`{}` does not lie in the model's folder", location.display())));
    }
    let path = folder.join(location);
    let unusable =
        |source: Error| Error::ExternalData { tensor: name.into(), path: path.clone(), source: Box::new(source) };
    let io = |source: std::io::Error| unusable(source.into());
    let (mut file, available) = open(&path).map_err(unusable)?;
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(available.saturating_sub(offset));
    if offset.checked_add(length).is_none_or(|end| end > available) {
        let problem = format!("{length} bytes from {offset} on, but {} has {available}", path.display());
        return Err(error(problem));
    }
    file.seek(SeekFrom::Start(offset)).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}
