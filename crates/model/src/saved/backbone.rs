//! Pretrained encoders in their own files.

use std::path::Path;

use durable::write_atomic;
use serde::{Deserialize, Serialize};

use super::envelope::{check_sum, format_of, metadata, read_info};
use super::model::{self, ModelInfo, SavedModel};
use crate::arch::Arch;
use crate::device::cpu;
use crate::error::Error;
use crate::host_tensor::TensorView;
use crate::safetensors;
use crate::weight_file::{WeightFile, read_file};
use crate::weights::BackboneWeights;

const FORMAT: &str = "wail-backbone";

/// Metadata saved with a pretrained backbone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackboneInfo {
    /// The architecture.
    pub arch: Arch,
    /// The feature settings that it was trained with; opaque to this crate.
    pub features: serde_json::Value,
    /// Provenance, as in [`ModelInfo`].
    pub provenance: serde_json::Value,
    /// Weights `[n_outputs]` of an embedding: the higher their sum, the more the sound is like a cry. Absent unless the backbone learnt
    /// that, as by distilling YAMNet's score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cry_direction: Option<Vec<f32>>,
}

/// Saves a pretrained backbone as a safetensors file that [`BackboneWeights::load`] reads, atomically. Equal content gives
/// equal bytes.
///
/// # Errors
/// Inside [`Error::At`]: [`Error::Io`] if the file cannot be written.
pub fn save_backbone(path: &Path, info: &BackboneInfo, backbone: &BackboneWeights) -> Result<(), Error> {
    let write = || {
        let tensors: Vec<TensorView> = backbone.tensors().collect();
        let metadata = metadata(FORMAT, info, tensors.iter().cloned())?;
        Ok(write_atomic(path, &safetensors::write(&metadata, &tensors))?)
    };
    write().map_err(|error: Error| error.at(path))
}

impl BackboneWeights {
    /// Reads weights from one of these files. A known extension determines the format; otherwise the content does.
    ///
    /// - ONNX: any of the usual exports of a ResNet, whose classifier is ignored, or YAMNet; in `float32`, `float64`, `float16` or
    ///   `bfloat16`.
    /// - TFLite: YAMNet, with `float32`, `float16` or `int8` weights.
    /// - safetensors, or a state dict or checkpoint of PyTorch, with the authors' names: a network with batch norm, one with
    ///   folded biases, or a model or backbone that this crate saved. Prefixes such as `module.` are ignored.
    ///
    /// # Errors
    /// All inside [`Error::At`]: [`Error::Io`] if the file cannot be read, [`Error::Malformed`] or [`Error::Decode`], also for a
    /// file that this crate saved and that does not match its checksum, [`Error::Limit`] above 1 GiB, [`Error::Unsupported`],
    /// [`Error::Node`] or [`Error::Tensor`] for another architecture, [`Error::Unsupported`] for a newer format of this crate,
    /// [`Error::Tensor`] for a tensor that is missing, misshapen, of another type or not finite, and [`Error::ExternalData`].
    pub fn load(path: &Path, arch: Arch) -> Result<Self, Error> {
        load_backbone(path, arch).map(|(weights, _)| weights)
    }
}

/// Reads a file as [`BackboneWeights::load`] does, together with its metadata if this program saved it as a model or a
/// backbone. The metadata is `None` for weights from elsewhere.
///
/// # Errors
/// As [`BackboneWeights::load`].
pub fn load_backbone(path: &Path, arch: Arch) -> Result<(BackboneWeights, Option<BackboneInfo>), Error> {
    let read = || {
        let bytes = read_file(path)?;
        let file = WeightFile::parse(path, &bytes)?;
        let Some((weights, info)) = read_saved(&file, &bytes)? else {
            return Ok((BackboneWeights::read(arch, &file)?, None));
        };
        // The same weights under another name: an architecture at full width takes any width.
        let weights = if weights.arch() == arch { weights } else { BackboneWeights::read(arch, &file)? };
        Ok((weights, Some(info)))
    };
    read().map_err(|error: Error| error.at(path))
}

/// The weights in a file that this crate saved, which must match their checksum; `None` for other files. `file` consists of `bytes`.
fn read_saved(file: &WeightFile, bytes: &[u8]) -> Result<Option<(BackboneWeights, BackboneInfo)>, Error> {
    match format_of(file)?.as_deref() {
        None => Ok(None),
        Some(model::FORMAT) => {
            let saved = model::read(file, bytes, &cpu())?;
            let cry_direction = saved.cry_direction();
            let SavedModel { info: ModelInfo { arch, features, provenance, .. }, weights, .. } = saved;
            Ok(Some((weights, BackboneInfo { arch, features, provenance, cry_direction })))
        }
        Some(_) => {
            let info: BackboneInfo = read_info(file, FORMAT)?;
            let weights = BackboneWeights::read(info.arch, file)?;
            check_sum(file, weights.tensors())?;
            Ok(Some((weights, info)))
        }
    }
}
