//! Pretrained encoders in their own files.

use std::path::Path;

use durable::write_atomic;
use serde::{Deserialize, Serialize};

use super::envelope::{INFO, metadata, read_info};
use super::model::{self, ModelInfo};
use crate::arch::Arch;
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

/// Reads a file as [`BackboneWeights::load`] does, together with its metadata if this program saved it as a model or a
/// backbone. The metadata is `None` for weights from elsewhere.
///
/// # Errors
/// As [`BackboneWeights::load`], and inside [`Error::At`] for a newer format ([`Error::Unsupported`]).
pub fn load_backbone(path: &Path, arch: Arch) -> Result<(BackboneWeights, Option<BackboneInfo>), Error> {
    let read = || {
        let bytes = read_file(path)?;
        let file = WeightFile::parse(path, &bytes)?;
        let of_model = |ModelInfo { arch, features, provenance, .. }| BackboneInfo { arch, features, provenance };
        let info = file.metadata(INFO).map(|_| {
            let of_backbone = read_info(&file, FORMAT);
            of_backbone.or_else(|_| read_info(&file, model::FORMAT).map(of_model))
        });
        Ok((BackboneWeights::read(arch, &file)?, info.transpose()?))
    };
    read().map_err(|error: Error| error.at(path))
}
