//! The safetensors format: eight bytes of header length, a JSON header, the values.
//!
//! <https://github.com/huggingface/safetensors#format>. The reader is our own rather than the `safetensors` crate's, so that
//! every error names its tensor and a header with offsets near 2^64 cannot overflow. The writer is our own, so that equal
//! content gives equal bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::float::Float;
use crate::host_tensor::{HostTensor, TensorView};
use crate::wrapper_prefixes::without_wrappers;

const METADATA: &str = "__metadata__";

/// A parsed file; values are decoded only when a tensor is requested.
pub(crate) struct SafeTensors<'a> {
    metadata: BTreeMap<String, String>,
    entries: BTreeMap<String, Entry>,
    data: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

impl<'a> SafeTensors<'a> {
    /// Whether `bytes` start like a safetensors file: eight bytes of length, then JSON.
    pub fn looks_like(bytes: &[u8]) -> bool {
        bytes.get(8) == Some(&b'{')
    }

    pub fn parse(bytes: &'a [u8]) -> Result<SafeTensors<'a>, Error> {
        let malformed = |what: String| Error::Malformed(format!("not a safetensors file: {what}"));
        let undecodable =
            |part: &str, source: serde_json::Error| Error::decode(format!("not a safetensors file: {part}"), source);
        let (length, rest) = bytes.split_first_chunk().ok_or_else(|| malformed("shorter than 8 bytes".into()))?;
        let length = u64::from_le_bytes(*length);
        let (header, data) = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length))
            .ok_or_else(|| malformed(format!("a header of {length} bytes, but {} follow", rest.len())))?;
        let header: BTreeMap<String, Value> =
            serde_json::from_slice(header).map_err(|error| undecodable("header", error))?;

        let mut metadata = BTreeMap::new();
        let mut entries = BTreeMap::new();
        for (name, value) in header {
            if name == METADATA {
                metadata = serde_json::from_value(value).map_err(|error| undecodable(METADATA, error))?;
            } else {
                let entry =
                    serde_json::from_value(value).map_err(|error| Error::tensor(&name, format!("header: {error}")))?;
                entries.insert(name, entry);
            }
        }
        Ok(SafeTensors { metadata, entries: without_wrappers(entries)?, data })
    }

    /// The metadata text under `key`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// The tensors' names without the prefixes of wrappers, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor; `None` if it is missing.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// A tensor's shape and bytes.
    fn raw(&self, name: &str) -> Result<(&[usize], &'a [u8]), Error> {
        let entry = self.entry(name)?;
        let [start, end] = entry.data_offsets;
        let bytes = self.data.get(start..end).ok_or_else(|| {
            Error::tensor(
                name,
                format!("bytes {start}..{end} lie outside the file's {} bytes of numbers", self.data.len()),
            )
        })?;
        Ok((&entry.shape, bytes))
    }

    /// A tensor; all values are finite.
    pub fn tensor(&self, name: &str) -> Result<HostTensor, Error> {
        let (shape, bytes) = self.raw(name)?;
        let float = match self.entry(name)?.dtype.as_str() {
            "F16" => Float::F16,
            "BF16" => Float::Bf16,
            "F32" => Float::F32,
            "F64" => Float::F64,
            other => {
                let problem = format!("type {other}: F16, BF16, F32 and F64 are read, so convert it to one of these");
                return Err(Error::tensor(name, problem));
            }
        };
        HostTensor::from_bytes(name, shape.to_vec(), float, bytes)
    }

    /// The bytes of a tensor of type U8.
    pub fn bytes(&self, name: &str) -> Result<&'a [u8], Error> {
        match self.entry(name)?.dtype.as_str() {
            "U8" => Ok(self.raw(name)?.1),
            other => Err(Error::tensor(name, format!("type {other}, expected U8"))),
        }
    }

    fn entry(&self, name: &str) -> Result<&Entry, Error> {
        self.entries.get(name).ok_or_else(|| Error::tensor(name, "missing"))
    }
}

/// The bytes of a file; equal content gives equal bytes.
pub(crate) fn write(metadata: &BTreeMap<String, String>, tensors: &[TensorView]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    header.insert(METADATA.into(), serde_json::json!(metadata));
    let mut data = Vec::new();
    for tensor in tensors {
        let start = data.len();
        data.extend(tensor.to_bytes());
        let entry =
            Entry { dtype: tensor.dtype().into(), shape: tensor.shape.clone(), data_offsets: [start, data.len()] };
        header.insert(tensor.name.clone(), serde_json::json!(entry));
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], &header, &data].concat()
}
