//! A weight file in any supported format.

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rayon::prelude::*;

use crate::error::Error;
use crate::host_tensor::HostTensor;
use crate::named_tensors::StateDict;
use crate::onnx::file::OnnxFile;
use crate::pytorch::PytorchFile;
use crate::safetensors::SafeTensors;
use crate::tflite::TfliteFile;

/// Maximum size of a weight file, bytes: 12 times a ResNet34.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Bytes that one thread reads at once.
const PART_BYTES: usize = 1 << 22;

/// A parsed file; values are decoded only when a tensor is requested.
pub(crate) enum WeightFile<'a> {
    SafeTensors(SafeTensors<'a>),
    Onnx(OnnxFile<'a>),
    Tflite(TfliteFile<'a>),
    Pytorch(PytorchFile<'a>),
}

impl<'a> WeightFile<'a> {
    /// Parses the `bytes` of the file at `path`. A known extension determines the format; otherwise the content does.
    pub fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self, Error> {
        let extension = path.extension().and_then(OsStr::to_str);
        let is = |format: &str, looks_like: bool| match extension {
            Some("safetensors" | "onnx" | "tflite" | "pt" | "pth") => extension == Some(format),
            _ => looks_like,
        };
        if is("safetensors", SafeTensors::looks_like(bytes)) {
            return Ok(Self::SafeTensors(SafeTensors::parse(bytes)?));
        }
        if is("tflite", TfliteFile::looks_like(bytes)) {
            return Ok(Self::Tflite(TfliteFile::parse(bytes)?));
        }
        let looks_like_torch = PytorchFile::looks_like(bytes);
        if is("pt", looks_like_torch) || is("pth", looks_like_torch) {
            return Ok(Self::Pytorch(PytorchFile::parse(bytes)?));
        }
        Ok(Self::Onnx(OnnxFile::parse(bytes, path.parent().unwrap_or(Path::new("")))?))
    }

    /// The metadata text under `key`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        match self {
            Self::SafeTensors(file) => file.metadata(key),
            Self::Onnx(file) => file.metadata(key),
            Self::Tflite(_) | Self::Pytorch(_) => None,
        }
    }

    /// The file as tensors without a graph, if it is one.
    pub fn state_dict(&self) -> Option<&dyn StateDict> {
        match self {
            Self::SafeTensors(file) => Some(file),
            Self::Pytorch(file) => Some(file),
            Self::Onnx(_) | Self::Tflite(_) => None,
        }
    }

    /// A tensor by its name in the file.
    pub fn tensor(&self, name: &str) -> Result<HostTensor, Error> {
        match self {
            Self::SafeTensors(file) => file.tensor(name),
            Self::Onnx(file) => file.tensor(name),
            Self::Pytorch(file) => file.tensor(name),
            Self::Tflite(_) => Err(Error::tensor(name, "missing")),
        }
    }
}

/// Reads a whole file of at most [`MAX_FILE_BYTES`].
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let (file, length) = open(path)?;
    let mut bytes = vec![0; length as usize];
    let parts = bytes.par_chunks_mut(PART_BYTES).enumerate();
    parts.try_for_each(|(index, part)| file.read_exact_at(part, (index * PART_BYTES) as u64))?;
    Ok(bytes)
}

/// Opens a regular file of at most [`MAX_FILE_BYTES`] and returns its length. Never blocks, as opening a pipe would.
pub(crate) fn open(path: &Path) -> Result<(File, u64), Error> {
    let file = durable::open_regular_file(path).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => Error::Unsupported(error.to_string()),
        _ => Error::Io(error),
    })?;
    let length = file.metadata()?.len();
    if length > MAX_FILE_BYTES {
        return Err(Error::Limit(format!("{length} bytes, at most {MAX_FILE_BYTES} are read")));
    }
    Ok((file, length))
}
