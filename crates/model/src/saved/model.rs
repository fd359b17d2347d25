//! Complete models.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use durable::{sha256_hex, write_atomic};
use serde::{Deserialize, Serialize};

use super::envelope::{check_sum, format_of, metadata, read_info};
use super::fit::{check_head, read_head};
use crate::arch::Arch;
use crate::error::Error;
use crate::gate::{Gate, GateInfo};
use crate::head::{Head, HeadConfig};
use crate::host_tensor::{HostTensor, TensorView};
use crate::onnx::write as onnx;
use crate::safetensors;
use crate::weight_file::{WeightFile, read_file};
use crate::weights::{BackboneWeights, Inputs};

pub(super) const FORMAT: &str = "wail-model";

/// Metadata saved with a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// The backbone's architecture.
    pub arch: Arch,
    /// The classes in the order of the logits.
    pub labels: Vec<String>,
    /// Hyperparameters of the head.
    pub head: HeadConfig,
    /// The gate's settings; absent if the model has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateInfo>,
    /// The feature settings that the model was trained with; opaque to this crate.
    pub features: serde_json::Value,
    /// How logits become probabilities; opaque to this crate.
    pub calibration: serde_json::Value,
    /// Source of the encoder's weights, for people to read.
    pub backbone_source: String,
    /// Provenance of the model: data, versions, seed, device; opaque to this crate.
    pub provenance: serde_json::Value,
}

/// A saved model.
#[derive(Debug)]
pub struct SavedModel {
    /// Its metadata.
    pub info: ModelInfo,
    /// Maps inputs to an embedding.
    pub weights: BackboneWeights,
    /// Maps the embedding to logits.
    pub head: Head,
    /// Maps the embedding to the score for the presence of a cry.
    pub gate: Option<Gate>,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
}

impl SavedModel {
    /// As [`BackboneInfo::cry_direction`](crate::BackboneInfo).
    pub fn cry_direction(&self) -> Option<Vec<f32>> {
        let is_own = self.info.gate.as_ref().is_some_and(|gate| gate.is_encoders_own);
        self.gate.as_ref().filter(|_| is_own).map(|gate| gate.weight().to_vec())
    }
}

/// Saves a model as one safetensors file, atomically. Equal content gives equal bytes.
///
/// # Errors
/// Inside [`Error::At`]: [`Error::Argument`] if labels, head, gate and backbone do not fit together,
/// [`Error::Io`] if the file cannot be written.
pub fn save_model(
    path: &Path,
    info: &ModelInfo,
    backbone: &BackboneWeights,
    head: &Head,
    gate: Option<&Gate>,
) -> Result<(), Error> {
    write_model(path, info, backbone, head, gate, |metadata| {
        let after = after_embedding(head, gate)?;
        let tensors: Vec<TensorView> = backbone.tensors().chain(after.iter().map(HostTensor::view)).collect();
        Ok(safetensors::write(metadata, &tensors))
    })
}

/// Saves a model as one ONNX file, atomically: opset 17, with the metadata in `metadata_props`. Equal content gives equal bytes.
///
/// `inputs` names the encoder's inputs, with their height and width. A model of one network has the input `input`, float32
/// `[batch, 1, height, width]`. A model of several networks has named inputs: `image`, float32 `[batch, 1, height, width]`,
/// and `patches`, float32 `[batch, n_patches, 96, 64]`, YAMNet's spectrogram cut into patches of 96 frames, one every 48
/// frames. The outputs are `logits`, float32 `[batch, classes]`, and, with a gate, `cry`, float32 `[batch, 1]`, 0 to 1.
///
/// # Errors
/// As [`save_model`]; also [`Error::Argument`] for inputs that the encoder does not take.
pub fn save_onnx(
    path: &Path,
    info: &ModelInfo,
    backbone: &BackboneWeights,
    head: &Head,
    gate: Option<&Gate>,
    inputs: &Inputs,
) -> Result<(), Error> {
    let networks = backbone.check(head.frozen_output(), inputs).map_err(|error| error.at(path))?;
    let (name, end) = (backbone.arch().to_string(), onnx::End::Logits(head, gate));
    write_model(path, info, backbone, head, gate, |metadata| onnx::write(&name, &networks, end, metadata))
}

/// Reads a file that [`save_model`] or [`save_onnx`] wrote; the head is placed on `device`.
///
/// # Errors
/// All inside [`Error::At`]: [`Error::Unsupported`] for a file that is not a Wail model or has a newer format,
/// [`Error::Malformed`] for content that does not match its checksum, [`Error::Tensor`] or [`Error::Argument`] for tensors or
/// labels that do not fit together. Also the errors of [`read_model_file`].
pub fn load_model(path: &Path, device: &Device) -> Result<SavedModel, Error> {
    parse_model(path, &read_model_file(path)?, device)
}

/// The bytes of a model file, if its size is within the limit. Never blocks, as reading a pipe would.
///
/// # Errors
/// Inside [`Error::At`]: [`Error::Io`], [`Error::Unsupported`] unless it is a regular file, [`Error::Limit`] if it is too
/// large.
pub fn read_model_file(path: &Path) -> Result<Vec<u8>, Error> {
    read_file(path).map_err(|error| error.at(path))
}

/// Like [`load_model`], from the `bytes` of a file at `path`.
///
/// # Errors
/// As [`load_model`].
pub fn parse_model(path: &Path, bytes: &[u8], device: &Device) -> Result<SavedModel, Error> {
    WeightFile::parse(path, bytes).and_then(|file| read(&file, bytes, device)).map_err(|error| error.at(path))
}

/// The model in a parsed file that consists of `bytes` and must match its checksum.
pub(super) fn read(file: &WeightFile, bytes: &[u8], device: &Device) -> Result<SavedModel, Error> {
    if format_of(file)?.is_none() {
        return Err(Error::Unsupported(format!(
            "it lacks the metadata of a {FORMAT}: it holds weights only; if they are a whole classifier of PyTorch, name its \
             classes: --labels A,B,..."
        )));
    }
    let info: ModelInfo = read_info(file, FORMAT)?;
    let weights = BackboneWeights::read(info.arch, file)?;
    let head = read_head(file, &info.head, device)?;
    let gate = info.gate.as_ref().map(|_| Gate::from_tensors(|name| file.tensor(name))).transpose()?;
    check_fit(&info, &weights, &head, gate.as_ref())?;
    let after = after_embedding(&head, gate.as_ref())?;
    let tensors = || weights.tensors().chain(after.iter().map(HostTensor::view));
    let (checked, sha256) = rayon::join(|| check_sum(file, tensors()), || sha256_hex(bytes));
    checked?;
    Ok(SavedModel { info, weights, head, gate, sha256 })
}

fn write_model(
    path: &Path,
    info: &ModelInfo,
    backbone: &BackboneWeights,
    head: &Head,
    gate: Option<&Gate>,
    to_bytes: impl FnOnce(&BTreeMap<String, String>) -> Result<Vec<u8>, Error>,
) -> Result<(), Error> {
    let write = || {
        check_fit(info, backbone, head, gate)?;
        let after = after_embedding(head, gate)?;
        let metadata = metadata(FORMAT, info, backbone.tensors().chain(after.iter().map(HostTensor::view)))?;
        Ok(write_atomic(path, &to_bytes(&metadata)?)?)
    };
    write().map_err(|error: Error| error.at(path))
}

/// The tensors of the layers after the embedding.
fn after_embedding(head: &Head, gate: Option<&Gate>) -> Result<Vec<HostTensor>, Error> {
    let mut tensors = head.tensors()?;
    if let Some(gate) = gate {
        tensors.extend(gate.tensors()?);
    }
    Ok(tensors)
}

fn check_fit(info: &ModelInfo, backbone: &BackboneWeights, head: &Head, gate: Option<&Gate>) -> Result<(), Error> {
    if info.arch != backbone.arch() {
        return Err(Error::Argument(format!(
            "the model is a {}, but its backbone is a {}",
            info.arch,
            backbone.arch()
        )));
    }
    match (&info.gate, gate) {
        (None, None) => {}
        (Some(GateInfo { threshold, .. }), _) if !(0.0..=1.0).contains(threshold) => {
            return Err(Error::Argument(format!("the gate's threshold is {threshold}; it must be 0 to 1")));
        }
        (Some(GateInfo { episodes: Some(episodes), .. }), _) if episodes.problem().is_some() => {
            return Err(Error::Argument(format!("the gate's episodes: {}", episodes.problem().unwrap_or_default())));
        }
        (Some(_), Some(gate)) if gate.n_inputs() == backbone.n_outputs() => {}
        (Some(_), Some(gate)) => {
            let (found, expected) = (gate.n_inputs(), backbone.n_outputs());
            return Err(Error::Argument(format!(
                "the gate has {found} inputs, but the embedding length is {expected}"
            )));
        }
        _ => {
            return Err(Error::Argument("a gate and its threshold belong together, and one of them is missing".into()));
        }
    }
    check_head(&info.head, backbone, info.labels.len(), head)
}
