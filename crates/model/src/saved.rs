//! The saved model: one safetensors file that is enough to predict with.
//!
//! Its metadata hold `wail`, a JSON text with the format's version and [`ModelInfo`], and `sha256`,
//! over that text and every tensor. Its tensors have torchvision's names for the backbone and
//! `head.0`, `head.1` for the head's linear layers.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::arch::Arch;
use crate::atomic::write_atomic;
use crate::backbone::{Backbone, host_vec};
use crate::checksum::Checksum;
use crate::head::{Head, HeadConfig};
use crate::host_tensor::HostTensor;
use crate::safetensors::{self, SafeTensors};
use crate::weights::{BackboneWeights, read_file};
use crate::{Error, torch_names};

const VERSION: u32 = 1;
const MODEL: &str = "wail-model";
const HEAD: &str = "wail-head";

/// What is saved beside the numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// The backbone's architecture.
    pub arch: Arch,
    /// The classes in the order of the logits.
    pub labels: Vec<String>,
    /// The head's shape.
    pub head: HeadConfig,
    /// The feature settings that the model was trained with; opaque here.
    pub features: serde_json::Value,
    /// Where the backbone's weights came from, for people to read.
    pub backbone_source: String,
}

/// A model as it was saved, ready to predict.
#[derive(Debug)]
pub struct SavedModel {
    /// What was saved beside the numbers.
    pub info: ModelInfo,
    /// Image to embedding.
    pub backbone: Backbone,
    /// Embedding to logits.
    pub head: Head,
}

impl SavedModel {
    /// Probabilities `[n, classes]` row-major of `images` (`[n, size, size]` row-major, in 0..1).
    ///
    /// # Errors
    /// As [`Backbone::embed`].
    pub fn probabilities(&self, images: &[f32], size: usize) -> Result<Vec<f32>, Error> {
        let embeddings = self.backbone.embed(images, size)?;
        let n_inputs = self.head.n_inputs();
        let data = TensorData::new(embeddings, [images.len() / (size * size), n_inputs]);
        let logits = self.head.forward(Tensor::<2>::from_data(data, &self.backbone.device()));
        host_vec(softmax(logits, 1))
    }
}

/// Saves a model as one safetensors file, atomically. Equal content gives equal bytes.
///
/// # Errors
/// Inside [`Error::At`]: [`Error::Argument`] if labels, head and backbone do not fit together,
/// [`Error::Io`] if the file cannot be written.
pub fn save_model(path: &Path, info: &ModelInfo, backbone: &BackboneWeights, head: &Head) -> Result<(), Error> {
    let write = || {
        check_fit(info, backbone, head)?;
        write_file(path, MODEL, info, backbone.tensors().chain(head.tensors()?).collect())
    };
    write().map_err(|error: Error| error.at(path))
}

/// Reads what [`save_model`] wrote.
///
/// # Errors
/// Inside [`Error::At`]: not a Wail model, a newer format ([`Error::Unsupported`]), content that
/// does not have its checksum, tensors that do not fit together, labels that are not as many as the
/// logits.
pub fn load_model(path: &Path, device: &Device) -> Result<SavedModel, Error> {
    let read = || {
        let bytes = read_file(path)?;
        let file = SafeTensors::parse(&bytes)?;
        let info: ModelInfo = read_info(&file, MODEL)?;
        let weights = BackboneWeights::from_raw(info.arch, torch_names::read(&file, info.arch)?)?;
        check_config(&info.head)?;
        let head = Head::from_tensors(&info.head, |name| file.get(name), device)?;
        check_fit(&info, &weights, &head)?;
        Ok(SavedModel { backbone: weights.to_backbone(device), head, info })
    };
    read().map_err(|error: Error| error.at(path))
}

/// Saves a head alone: the checkpoint of a trial, in the same format.
///
/// # Errors
/// As [`save_model`]; `n_inputs` and `n_classes` are the embedding's length and the number of
/// labels, which `head` must have.
pub fn save_head(
    path: &Path,
    config: &HeadConfig,
    n_inputs: usize,
    n_classes: usize,
    head: &Head,
) -> Result<(), Error> {
    let write = || {
        check_head(config, n_inputs, n_classes, head)?;
        write_file(path, HEAD, config, head.tensors()?)
    };
    write().map_err(|error: Error| error.at(path))
}

/// Reads what [`save_head`] wrote.
///
/// # Errors
/// As [`load_model`].
pub fn load_head(path: &Path, device: &Device) -> Result<(HeadConfig, Head), Error> {
    let read = || {
        let bytes = read_file(path)?;
        let file = SafeTensors::parse(&bytes)?;
        let config: HeadConfig = read_info(&file, HEAD)?;
        check_config(&config)?;
        let head = Head::from_tensors(&config, |name| file.get(name), device)?;
        Ok((config, head))
    };
    read().map_err(|error: Error| error.at(path))
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    format: String,
    version: u32,
    info: T,
}

/// What every version of the format has.
#[derive(Deserialize)]
struct Version {
    format: String,
    version: u32,
}

fn write_file<T: Serialize>(path: &Path, format: &str, info: &T, mut tensors: Vec<HostTensor>) -> Result<(), Error> {
    let envelope = Envelope { format: format.into(), version: VERSION, info };
    let text = serde_json::to_string(&envelope)
        .map_err(|error| Error::Argument(format!("cannot be saved as JSON: {error}")))?;
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut checksum = Checksum::new(&text);
    for tensor in &tensors {
        checksum.add(&tensor.name, &tensor.shape, &tensor.to_bytes());
    }
    let metadata = BTreeMap::from([("wail".into(), text), ("sha256".into(), checksum.finish())]);
    Ok(write_atomic(path, &safetensors::write(&metadata, &tensors))?)
}

fn read_info<T: DeserializeOwned>(file: &SafeTensors, format: &str) -> Result<T, Error> {
    let malformed = |error: serde_json::Error| Error::Malformed(format!("metadata `wail`: {error}"));
    let text = file.metadata("wail").ok_or_else(|| {
        Error::Unsupported(format!("a safetensors file without the metadata of a {format}: it holds weights only"))
    })?;
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
    let mut checksum = Checksum::new(text);
    for name in file.names() {
        let (shape, bytes) = file.raw(name)?;
        checksum.add(name, shape, bytes);
    }
    let found = checksum.finish();
    if file.metadata("sha256") != Some(&found) {
        return Err(Error::Malformed(format!(
            "its content has SHA-256 {found}, not the one it was saved with: the file is damaged"
        )));
    }
    let envelope: Envelope<T> = serde_json::from_str(text).map_err(malformed)?;
    Ok(envelope.info)
}

fn check_fit(info: &ModelInfo, backbone: &BackboneWeights, head: &Head) -> Result<(), Error> {
    if info.arch != backbone.arch() {
        return Err(Error::Argument(format!("the model is a {}, its backbone a {}", info.arch, backbone.arch())));
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
