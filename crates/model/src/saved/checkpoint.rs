//! Checkpoints: the trained parts of a model.

use std::path::Path;

use burn::tensor::Device;
use durable::write_atomic;
use serde::{Deserialize, Serialize};

use super::envelope::{check_sum, metadata, read_info};
use super::fit::{check_head, read_head};
use crate::error::Error;
use crate::head::{Head, HeadConfig};
use crate::host_tensor::{HostTensor, TensorView};
use crate::safetensors;
use crate::trainable::Trainable;
use crate::weight_file::{WeightFile, read_file};
use crate::weights::BackboneWeights;

const FORMAT: &str = "wail-checkpoint";

/// Metadata saved with a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointInfo {
    /// Hyperparameters of the head.
    pub head: HeadConfig,
    /// The layers of the encoder that were trained together with the head.
    pub trained: Trainable,
    /// Calibration, as in [`ModelInfo`](crate::ModelInfo).
    pub calibration: serde_json::Value,
}

/// Saves the result of a trial, the head and the backbone layers that `info` names, as a safetensors file.
///
/// # Errors
/// As [`save_model`](crate::save_model).
pub fn save_checkpoint(
    path: &Path,
    info: &CheckpointInfo,
    backbone: &BackboneWeights,
    head: &Head,
) -> Result<(), Error> {
    let write = || {
        check_head(&info.head, backbone, head.n_classes(), head)?;
        let head = head.tensors()?;
        let trained = backbone.trainable_tensors(info.trained);
        let tensors: Vec<TensorView> = trained.chain(head.iter().map(HostTensor::view)).collect();
        let metadata = metadata(FORMAT, info, tensors.iter().cloned())?;
        Ok(write_atomic(path, &safetensors::write(&metadata, &tensors))?)
    };
    write().map_err(|error: Error| error.at(path))
}

/// Reads a file that [`save_checkpoint`] wrote: the head, and `backbone` with its trained layers replaced.
///
/// # Errors
/// As [`load_model`](crate::load_model).
pub fn load_checkpoint(
    path: &Path,
    backbone: BackboneWeights,
    device: &Device,
) -> Result<(CheckpointInfo, BackboneWeights, Head), Error> {
    let read = || {
        let bytes = read_file(path)?;
        let file = WeightFile::parse(path, &bytes)?;
        let info: CheckpointInfo = read_info(&file, FORMAT)?;
        let backbone = backbone.with_tensors(info.trained, |name| file.tensor(name))?;
        let head = read_head(&file, &info.head, device)?;
        check_head(&info.head, &backbone, head.n_classes(), &head)?;
        let trained = backbone.trainable_tensors(info.trained);
        check_sum(&file, trained.chain(head.tensors()?.iter().map(HostTensor::view)))?;
        Ok((info, backbone, head))
    };
    read().map_err(|error: Error| error.at(path))
}
