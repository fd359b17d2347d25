//! Checks that a head fits its settings and the layers around it.

use burn::tensor::Device;

use crate::error::Error;
use crate::head::{Head, HeadConfig};
use crate::weight_file::WeightFile;
use crate::weights::BackboneWeights;

/// Reads the head of `file`.
pub(super) fn read_head(file: &WeightFile, config: &HeadConfig, device: &Device) -> Result<Head, Error> {
    check_config(config)?;
    Head::from_tensors(config, |name| file.tensor(name), device)
}

fn check_config(config: &HeadConfig) -> Result<(), Error> {
    let problems = config.validate();
    if problems.is_empty() { Ok(()) } else { Err(Error::Argument(format!("head: {}", problems.join("; ")))) }
}

/// Fails unless the head fits `backbone`, has this number of classes, and the kind and the sizes that its settings name.
pub(super) fn check_head(
    config: &HeadConfig,
    backbone: &BackboneWeights,
    n_classes: usize,
    head: &Head,
) -> Result<(), Error> {
    check_config(config)?;
    let inputs = if config.kind().takes_frames() {
        "inputs, but the length of a frame is"
    } else {
        "inputs, but the embedding length is"
    };
    let sizes = [
        (inputs, head.n_inputs(), backbone.n_head_inputs(config.kind())?),
        ("logits, but the number of labels is", head.n_classes(), n_classes),
    ];
    let wrong_size = || sizes.into_iter().find(|(_, found, expected)| found != expected);
    let in_words = |(what, found, expected)| format!("{found} {what} {expected}");
    match head.misfit(config).or_else(|| wrong_size().map(in_words)) {
        Some(problem) => Err(Error::Argument(format!("the head has {problem}"))),
        None => Ok(()),
    }
}
