//! The tensors in a pickle: where each lies in its storage.

use std::collections::BTreeMap;

use super::pickle::{Pickle, Value};
use crate::error::Error;
use crate::float::Float;
use crate::wrapper_prefixes::without_wrappers;

/// Keys of checkpoints under which the model's state dict lies.
const STATE_DICTS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// Maximum number of dict entries that are visited, of dicts inside each other, of bytes in a key, and of dimensions of a tensor.
const MAX_ENTRIES: usize = 1 << 15;
const MAX_DEPTH: usize = 8;
const MAX_KEY_BYTES: usize = 256;
const MAX_RANK: usize = 8;

/// A storage: numbers of one type.
#[derive(Clone, Copy)]
pub(super) struct Storage<'a> {
    /// Its class in torch, such as `FloatStorage`.
    class: &'a str,
    /// Its name in the file.
    pub key: &'a str,
}

impl Storage<'_> {
    /// The type of its numbers; `tensor` is the name for the error.
    pub fn float(&self, tensor: &str) -> Result<Float, Error> {
        match self.class {
            "HalfStorage" => Ok(Float::F16),
            "BFloat16Storage" => Ok(Float::Bf16),
            "FloatStorage" => Ok(Float::F32),
            "DoubleStorage" => Ok(Float::F64),
            other => {
                Err(Error::tensor(tensor, format!("its numbers are in a {other}, expected floating-point numbers")))
            }
        }
    }

    /// Bytes of a number.
    pub fn width(&self) -> usize {
        match self.class {
            "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => 8,
            "FloatStorage" | "IntStorage" => 4,
            "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
            "ComplexDoubleStorage" => 16,
            _ => 1,
        }
    }
}

/// A strided view of a storage; offset and strides count numbers.
pub(super) struct Tensor<'a> {
    pub storage: Storage<'a>,
    offset: usize,
    pub shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'a> Tensor<'a> {
    /// The tensor that `value` describes, if it describes one.
    fn read(pickle: &Pickle<'a>, value: &Value<'a>) -> Option<Self> {
        let Value::Call { function, arguments } = value else { return None };
        let arguments: Vec<&Value> = pickle.elements(pickle.get(*arguments)).take(4).collect();
        match (pickle.get(*function), &arguments[..]) {
            (Value::Global(_, "_rebuild_parameter" | "_rebuild_parameter_with_state"), [tensor, ..]) => {
                // A parameter wraps a tensor and nothing else.
                let Value::Call { function, .. } = tensor else { return None };
                matches!(pickle.get(*function), Value::Global(_, "_rebuild_tensor" | "_rebuild_tensor_v2"))
                    .then(|| Self::read(pickle, tensor))?
            }
            (Value::Global(_, "_rebuild_tensor" | "_rebuild_tensor_v2"), [storage, offset, shape, strides]) => {
                let sizes = |value: &Value<'a>| -> Option<Vec<usize>> {
                    pickle.elements(value).take(MAX_RANK + 1).map(size).collect()
                };
                let (shape, strides) = (sizes(shape)?, sizes(strides)?);
                let fits = shape.len() == strides.len() && shape.len() <= MAX_RANK;
                fits.then_some(Self { storage: self::storage(pickle, storage)?, offset: size(offset)?, shape, strides })
            }
            _ => None,
        }
    }

    /// The tensor's numbers in row-major order, `width` bytes each, from the bytes of its storage.
    pub fn gather(&self, name: &str, storage: &[u8], width: usize) -> Result<Vec<u8>, Error> {
        let outside = || {
            let problem = format!("shape {:?} with strides {:?} lies outside its storage", self.shape, self.strides);
            Error::tensor(name, problem)
        };
        let count = self.shape.iter().try_fold(1_usize, |product, n| product.checked_mul(*n)).ok_or_else(outside)?;
        // A stride of 0 could repeat one number without end.
        if count > storage.len() / width {
            return Err(outside());
        }
        let mut bytes = Vec::with_capacity(count * width);
        let mut index = vec![0; self.shape.len()];
        for _ in 0..count {
            let steps = index.iter().zip(&self.strides).map(|(i, stride)| usize::checked_mul(*i, *stride));
            let at = steps.into_iter().try_fold(self.offset, |at, step| at.checked_add(step?));
            let at = at.and_then(|at| at.checked_mul(width)).ok_or_else(outside)?;
            bytes.extend(at.checked_add(width).and_then(|end| storage.get(at..end)).ok_or_else(outside)?);
            // The next index: the last axis is the fastest.
            for (i, n) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < *n {
                    break;
                }
                *i = 0;
            }
        }
        Ok(bytes)
    }
}

/// Every tensor in the state dict of a pickle, by its name without the prefixes of wrappers.
pub(super) fn tensors<'a>(pickle: &Pickle<'a>) -> Result<BTreeMap<String, Tensor<'a>>, Error> {
    let mut root = pickle.root();
    for _ in 0..MAX_DEPTH {
        let is_state_dict = |key: &Value| matches!(key, Value::Text(key) if STATE_DICTS.contains(key));
        let inner = pickle.items(root).find(|(key, value)| is_state_dict(key) && matches!(value, Value::Dict(_)));
        let Some((_, inner)) = inner else { break };
        root = inner;
    }
    let mut found = Found { pickle, visited: 0, tensors: BTreeMap::new() };
    found.visit(root, "", 0)?;
    if found.tensors.is_empty() {
        let problem =
            "the pickle holds no tensors with names; save the weights alone: torch.save(model.state_dict(), PATH)";
        return Err(Error::Unsupported(problem.into()));
    }
    without_wrappers(found.tensors)
}

struct Found<'p, 'a> {
    pickle: &'p Pickle<'a>,
    /// Number of dict entries so far.
    visited: usize,
    tensors: BTreeMap<String, Tensor<'a>>,
}

impl<'a> Found<'_, 'a> {
    /// Collects the tensors of a dict, and of the dicts in it, whose names are joined with dots.
    fn visit(&mut self, dict: &Value<'a>, prefix: &str, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Limit(format!("dicts inside each other more than {MAX_DEPTH} deep")));
        }
        for (key, value) in self.pickle.items(dict) {
            self.visited += 1;
            if self.visited > MAX_ENTRIES {
                return Err(Error::Limit(format!("more than {MAX_ENTRIES} entries in its dicts")));
            }
            let Value::Text(key) = key else { continue };
            if key.len() > MAX_KEY_BYTES {
                return Err(Error::Limit(format!("a name of {} bytes, at most {MAX_KEY_BYTES} are read", key.len())));
            }
            let name = format!("{prefix}{key}");
            if let Some(tensor) = Tensor::read(self.pickle, value) {
                self.tensors.insert(name, tensor);
            } else {
                self.visit(value, &format!("{name}."), depth + 1)?;
            }
        }
        Ok(())
    }
}

/// Every storage that the pickle names, by key.
pub(super) fn storages<'a>(pickle: &Pickle<'a>) -> BTreeMap<&'a str, Storage<'a>> {
    pickle.values().filter_map(|value| storage(pickle, value)).map(|storage| (storage.key, storage)).collect()
}

/// A storage as the pickle describes it: `("storage", class, key, device, length)`.
fn storage<'a>(pickle: &Pickle<'a>, value: &Value<'a>) -> Option<Storage<'a>> {
    let Value::Persistent(description) = value else { return None };
    let mut parts = pickle.elements(pickle.get(*description));
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Value::Text("storage")), Some(Value::Global(_, class)), Some(Value::Text(key))) => {
            Some(Storage { class, key })
        }
        _ => None,
    }
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::Int(size) => usize::try_from(*size).ok(),
        _ => None,
    }
}
