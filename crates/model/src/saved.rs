//! The saved model: one file, safetensors or ONNX, that is enough to predict with.
//!
//! Its metadata hold `wail`, a JSON text with the format's version and [`ModelInfo`], and `sha256`, over that text and every tensor. The
//! tensors have the authors' names for the networks, `head.0` and `head.1` for the head's linear layers, and `gate` for the gate, if
//! there is one.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use durable::write_atomic;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::arch::Arch;
use crate::checksum::Checksum;
use crate::error::Error;
use crate::gate::{Gate, GateInfo};
use crate::head::{Head, HeadConfig};
use crate::host_tensor::{HostTensor, TensorView};
use crate::onnx::write as onnx;
use crate::safetensors;
use crate::trainable::Trainable;
use crate::weight_file::{WeightFile, read_file};
use crate::weights::{BackboneWeights, Inputs};

const VERSION: u32 = 1;
const MODEL: &str = "wail-model";
const CHECKPOINT: &str = "wail-checkpoint";
const BACKBONE: &str = "wail-backbone";

/// Keys of the metadata.
const INFO: &str = "wail";
const SHA256: &str = "sha256";

/// What is saved beside the numbers of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// The backbone's architecture.
    pub arch: Arch,
    /// The classes in the order of the logits.
    pub labels: Vec<String>,
    /// The head's shape.
    pub head: HeadConfig,
    /// The gate's settings; absent if the model has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateInfo>,
    /// The feature settings that the model was trained with; opaque here.
    pub features: serde_json::Value,
    /// How logits become probabilities; opaque here.
    pub calibration: serde_json::Value,
    /// Where the encoder's weights came from, for people to read.
    pub backbone_source: String,
    /// How the model came about: data, versions, seed, device; opaque here.
    pub provenance: serde_json::Value,
}

/// What is saved beside a pretrained backbone's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackboneInfo {
    /// The architecture.
    pub arch: Arch,
    /// The feature settings that it was trained with; opaque here.
    pub features: serde_json::Value,
    /// As in [`ModelInfo`].
    pub provenance: serde_json::Value,
}

/// What a checkpoint holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointInfo {
    /// The head's shape.
    pub head: HeadConfig,
    /// The layers of the backbone that were trained, too.
    pub trained: Trainable,
    /// As in [`ModelInfo`].
    pub calibration: serde_json::Value,
}

/// A model as it was saved.
#[derive(Debug)]
pub struct SavedModel {
    /// What was saved beside its numbers.
    pub info: ModelInfo,
    /// Inputs to embedding.
    pub weights: BackboneWeights,
    /// Embedding to logits.
    pub head: Head,
    /// Embedding to the score that there is a cry.
    pub gate: Option<Gate>,
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
/// `inputs` names the inputs that the encoder takes, with their height and width. A model of one network has the input `input`, float32
/// `[batch, 1, height, width]`. A model of several has an input for each: `image`, float32 `[batch, 1, height, width]`, and `patches`,
/// float32 `[batch, n_patches, 96, 64]`, YAMNet's spectrogram cut into patches of 96 frames, one every 48 frames. The outputs are
/// `logits`, float32 `[batch, classes]`, and, with a gate, `cry`, float32 `[batch, 1]`, 0 to 1.
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
    let networks = backbone.check(Trainable::None, inputs).map_err(|error| error.at(path))?;
    let (name, end) = (backbone.arch().to_string(), onnx::End::Logits(head, gate));
    write_model(path, info, backbone, head, gate, |metadata| onnx::write(&name, &networks, end, metadata))
}

/// Reads what [`save_model`] or [`save_onnx`] wrote; the head goes to `device`.
///
/// # Errors
/// Inside [`Error::At`]: not a Wail model, a newer format ([`Error::Unsupported`]), content that
/// does not have its checksum, tensors that do not fit together, labels that are not as many as the
/// logits.
pub fn load_model(path: &Path, device: &Device) -> Result<SavedModel, Error> {
    parse_model(path, &read_model_file(path)?, device)
}

/// The bytes of a model file, if its size is one that a model can have; never waits, as reading a pipe would.
///
/// # Errors
/// Inside [`Error::At`]: [`Error::Io`], [`Error::Unsupported`] unless it is a regular file, [`Error::Limit`].
pub fn read_model_file(path: &Path) -> Result<Vec<u8>, Error> {
    read_file(path).map_err(|error| error.at(path))
}

/// [`load_model`] of the `bytes` of a file called `path`.
///
/// # Errors
/// As [`load_model`].
pub fn parse_model(path: &Path, bytes: &[u8], device: &Device) -> Result<SavedModel, Error> {
    let read = || {
        let file = WeightFile::parse(path, bytes)?;
        let info: ModelInfo = read_info(&file, MODEL)?;
        let weights = BackboneWeights::read(info.arch, &file)?;
        let head = read_head(&file, &info.head, device)?;
        let gate = info.gate.as_ref().map(|_| Gate::from_tensors(|name| file.tensor(name))).transpose()?;
        check_fit(&info, &weights, &head, gate.as_ref())?;
        let after = after_embedding(&head, gate.as_ref())?;
        check_sum(&file, weights.tensors().chain(after.iter().map(HostTensor::view)))?;
        Ok(SavedModel { info, weights, head, gate })
    };
    read().map_err(|error: Error| error.at(path))
}

/// Saves a pretrained backbone as a safetensors file that [`BackboneWeights::load`] reads, atomically. Equal content gives
/// equal bytes.
///
/// # Errors
/// Inside [`Error::At`]: [`Error::Io`] if the file cannot be written.
pub fn save_backbone(path: &Path, info: &BackboneInfo, backbone: &BackboneWeights) -> Result<(), Error> {
    let write = || {
        let tensors: Vec<TensorView> = backbone.tensors().collect();
        let metadata = metadata(BACKBONE, info, tensors.iter().cloned())?;
        Ok(write_atomic(path, &safetensors::write(&metadata, &tensors))?)
    };
    write().map_err(|error: Error| error.at(path))
}

/// Reads what [`BackboneWeights::load`] reads, and what was saved beside it if this program saved the file, a model or a backbone; `None`
/// for weights from elsewhere.
///
/// # Errors
/// As [`BackboneWeights::load`], and inside [`Error::At`] for a newer format ([`Error::Unsupported`]).
pub fn load_backbone(path: &Path, arch: Arch) -> Result<(BackboneWeights, Option<BackboneInfo>), Error> {
    let read = || {
        let bytes = read_file(path)?;
        let file = WeightFile::parse(path, &bytes)?;
        let of_model = |ModelInfo { arch, features, provenance, .. }| BackboneInfo { arch, features, provenance };
        let info = file.metadata(INFO).map(|_| {
            let of_backbone = read_info(&file, BACKBONE);
            of_backbone.or_else(|_| read_info(&file, MODEL).map(of_model))
        });
        Ok((BackboneWeights::read(arch, &file)?, info.transpose()?))
    };
    read().map_err(|error: Error| error.at(path))
}

/// Saves what a trial trained, the head and the layers of the backbone that `info` names, as a safetensors file.
///
/// # Errors
/// As [`save_model`].
pub fn save_checkpoint(
    path: &Path,
    info: &CheckpointInfo,
    backbone: &BackboneWeights,
    head: &Head,
) -> Result<(), Error> {
    let write = || {
        check_head(&info.head, backbone.n_outputs(), head.n_classes(), head)?;
        let head = head.tensors()?;
        let trained = backbone.trainable_tensors(info.trained);
        let tensors: Vec<TensorView> = trained.chain(head.iter().map(HostTensor::view)).collect();
        let metadata = metadata(CHECKPOINT, info, tensors.iter().cloned())?;
        Ok(write_atomic(path, &safetensors::write(&metadata, &tensors))?)
    };
    write().map_err(|error: Error| error.at(path))
}

/// Reads what [`save_checkpoint`] wrote: the head, and `backbone` with the trained layers in place of its own.
///
/// # Errors
/// As [`load_model`].
pub fn load_checkpoint(
    path: &Path,
    backbone: BackboneWeights,
    device: &Device,
) -> Result<(CheckpointInfo, BackboneWeights, Head), Error> {
    let read = || {
        let bytes = read_file(path)?;
        let file = WeightFile::parse(path, &bytes)?;
        let info: CheckpointInfo = read_info(&file, CHECKPOINT)?;
        let backbone = backbone.with_tensors(info.trained, |name| file.tensor(name))?;
        let head = read_head(&file, &info.head, device)?;
        check_head(&info.head, backbone.n_outputs(), head.n_classes(), &head)?;
        let trained = backbone.trainable_tensors(info.trained);
        check_sum(&file, trained.chain(head.tensors()?.iter().map(HostTensor::view)))?;
        Ok((info, backbone, head))
    };
    read().map_err(|error: Error| error.at(path))
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    format: String,
    version: u32,
    info: T,
}

/// The part that every version of the format has.
#[derive(Deserialize)]
struct Version {
    format: String,
    version: u32,
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
        let metadata = metadata(MODEL, info, backbone.tensors().chain(after.iter().map(HostTensor::view)))?;
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

fn metadata<'a, T: Serialize>(
    format: &str,
    info: &T,
    tensors: impl IntoIterator<Item = TensorView<'a>>,
) -> Result<BTreeMap<String, String>, Error> {
    let envelope = Envelope { format: format.into(), version: VERSION, info };
    let text = serde_json::to_string(&envelope)
        .map_err(|error| Error::Argument(format!("cannot be saved as JSON: {error}")))?;
    let sha256 = sha256(&text, tensors);
    Ok(BTreeMap::from([(INFO.into(), text), (SHA256.into(), sha256)]))
}

fn sha256<'a>(text: &str, tensors: impl IntoIterator<Item = TensorView<'a>>) -> String {
    let mut checksum = Checksum::new(text);
    for tensor in tensors {
        checksum.add(&tensor);
    }
    checksum.finish()
}

fn read_info<T: DeserializeOwned>(file: &WeightFile, format: &str) -> Result<T, Error> {
    let malformed = |error: serde_json::Error| Error::Malformed(format!("metadata `{INFO}`: {error}"));
    let text = file
        .metadata(INFO)
        .ok_or_else(|| Error::Unsupported(format!("it lacks the metadata of a {format}: it holds weights only")))?;
    let version: Version = serde_json::from_str(text).map_err(malformed)?;
    if version.format != format {
        return Err(Error::Unsupported(format!("it is a {}, expected a {format}", version.format)));
    }
    if version.version != VERSION {
        let found = version.version;
        return Err(Error::Unsupported(format!(
            "{format} version {found}: this program reads version {VERSION}, so use a newer one"
        )));
    }
    let envelope: Envelope<T> = serde_json::from_str(text).map_err(malformed)?;
    Ok(envelope.info)
}

fn read_head(file: &WeightFile, config: &HeadConfig, device: &Device) -> Result<Head, Error> {
    check_config(config)?;
    Head::from_tensors(config, |name| file.tensor(name), device)
}

/// An error unless text and numbers are those that were saved.
fn check_sum<'a>(file: &WeightFile, tensors: impl IntoIterator<Item = TensorView<'a>>) -> Result<(), Error> {
    let found = sha256(file.metadata(INFO).unwrap_or_default(), tensors);
    if file.metadata(SHA256) == Some(&found) {
        return Ok(());
    }
    Err(Error::Malformed(format!(
        "its content has SHA-256 {found}, not the one it was saved with: the file is damaged"
    )))
}

fn check_fit(info: &ModelInfo, backbone: &BackboneWeights, head: &Head, gate: Option<&Gate>) -> Result<(), Error> {
    if info.arch != backbone.arch() {
        return Err(Error::Argument(format!("the model is a {}, its backbone a {}", info.arch, backbone.arch())));
    }
    match (&info.gate, gate) {
        (None, None) => {}
        (Some(GateInfo { threshold }), _) if !(0.0..=1.0).contains(threshold) => {
            return Err(Error::Argument(format!("the gate's threshold is {threshold}; it is 0 to 1")));
        }
        (Some(_), Some(gate)) if gate.n_inputs() == backbone.n_outputs() => {}
        (Some(_), Some(gate)) => {
            let (found, expected) = (gate.n_inputs(), backbone.n_outputs());
            return Err(Error::Argument(format!("the gate has {found} inputs, the embedding has {expected}")));
        }
        _ => {
            return Err(Error::Argument("a gate and its threshold belong together, and one of them is missing".into()));
        }
    }
    check_head(&info.head, backbone.n_outputs(), info.labels.len(), head)
}

fn check_config(config: &HeadConfig) -> Result<(), Error> {
    let problems = config.validate();
    if problems.is_empty() { Ok(()) } else { Err(Error::Argument(format!("head: {}", problems.join("; ")))) }
}

fn check_head(config: &HeadConfig, n_inputs: usize, n_classes: usize, head: &Head) -> Result<(), Error> {
    check_config(config)?;
    let sizes = [
        ("inputs, the embedding has", head.n_inputs(), n_inputs),
        ("inner units, its settings say", head.n_inner(), config.inner),
        ("logits, the labels are", head.n_classes(), n_classes),
    ];
    match sizes.into_iter().find(|(_, found, expected)| found != expected) {
        Some((what, found, expected)) => Err(Error::Argument(format!("the head has {found} {what} {expected}"))),
        None => Ok(()),
    }
}
