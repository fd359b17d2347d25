//! The format of torch before 1.6, in which torchvision's older weights are published: five pickles (a magic number, the
//! version, facts about the machine, the object, the keys of its storages), then each storage with its length before it.

use std::collections::BTreeMap;

use super::pickle::{Pickle, Value};
use super::state_dict::storages;
use crate::error::Error;

/// The pickle of torch's magic number, 0x1950a86a20f9469cfc6c.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// The version that every torch writes.
const VERSION: i64 = 1001;

/// Whether `bytes` start with the magic number.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The storages by key, and the pickle of the object.
pub(super) fn parse(bytes: &[u8]) -> Result<(BTreeMap<&str, &[u8]>, Pickle<'_>), Error> {
    let rest = bytes.get(MAGIC.len()..).unwrap_or_default();
    let (version, rest) = Pickle::parse(rest)?;
    if !matches!(version.root(), Value::Int(VERSION)) {
        return Err(Error::Unsupported(format!("the version of its format is not {VERSION}")));
    }
    let (machine, rest) = Pickle::parse(rest)?;
    let is_little =
        |key: &Value, value: &Value| matches!((key, value), (Value::Text("little_endian"), Value::Bool(true)));
    if !machine.items(machine.root()).any(|(key, value)| is_little(key, value)) {
        return Err(Error::Unsupported("its numbers are big-endian; save it on another machine".into()));
    }
    let (object, rest) = Pickle::parse(rest)?;
    let (keys, mut rest) = Pickle::parse(rest)?;
    let kinds = storages(&object);
    let mut found = BTreeMap::new();
    for key in keys.elements(keys.root()) {
        let Value::Text(key) = key else { return Err(malformed("a key of its storages is not a text")) };
        let storage = kinds.get(key).ok_or_else(|| malformed(&format!("no tensor uses its storage `{key}`")))?;
        let (length, numbers) = rest.split_first_chunk().ok_or_else(|| cut(key))?;
        let length = usize::try_from(i64::from_le_bytes(*length)).ok().and_then(|n| n.checked_mul(storage.width()));
        let (content, others) = length.and_then(|length| numbers.split_at_checked(length)).ok_or_else(|| cut(key))?;
        found.insert(*key, content);
        rest = others;
    }
    Ok((found, object))
}

fn cut(key: &str) -> Error {
    malformed(&format!("it ends before the end of its storage `{key}`"))
}

fn malformed(problem: &str) -> Error {
    Error::Malformed(format!("a damaged PyTorch file: {problem}"))
}
