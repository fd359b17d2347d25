//! PyTorch's files (`.pt`, `.pth`): state dicts and checkpoints, without running Python.
//!
//! [`archive`] finds the pickle and the storages in a file, [`pickle`] reads the pickle, [`state_dict`] finds the tensors
//! in it. A pickle is a program that builds values and may call any function of Python. Here no function is called: the few
//! that a state dict needs have a meaning, and a file that names any other is refused.

mod archive;
mod legacy;
mod pickle;
mod state_dict;
mod zip;

use std::collections::BTreeMap;

use archive::Archive;
use state_dict::Tensor;

use crate::error::Error;
use crate::host_tensor::HostTensor;

/// A parsed file; values are decoded only when a tensor is requested.
pub(crate) struct PytorchFile<'a> {
    archive: Archive<'a>,
    tensors: BTreeMap<String, Tensor<'a>>,
}

impl<'a> PytorchFile<'a> {
    /// Whether `bytes` start like a file of `torch.save`.
    pub fn looks_like(bytes: &[u8]) -> bool {
        zip::looks_like(bytes) || legacy::looks_like(bytes)
    }

    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (archive, pickle) = Archive::parse(bytes)?;
        Ok(Self { archive, tensors: state_dict::tensors(&pickle)? })
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor; `None` if it is missing.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// A tensor; all values are finite.
    pub fn tensor(&self, name: &str) -> Result<HostTensor, Error> {
        let tensor = self.tensors.get(name).ok_or_else(|| Error::tensor(name, "missing"))?;
        let storage = self
            .archive
            .storage(tensor.storage.key)
            .ok_or_else(|| Error::tensor(name, format!("its storage `{}` is not in the file", tensor.storage.key)))?;
        let float = tensor.storage.float(name)?;
        let bytes = tensor.gather(name, storage, float.width())?;
        HostTensor::from_bytes(name, tensor.shape.clone(), float, &bytes)
    }
}
