//! A backbone from tensors with its authors' names.

use crate::Error;
use crate::arch::{Arch, ConvSpec};
use crate::fold::{BatchNorm, RawBackbone, RawConv};
use crate::pooling;
use crate::safetensors::SafeTensors;

/// torch's default, and torchvision's. A state dict does not hold it.
const EPSILON: f64 = 1e-5;
/// `batchnorm_epsilon` of YAMNet's `params.py`.
const YAMNET_EPSILON: f64 = 1e-4;

/// Tensors that belong to a classifier, ours or torchvision's, and not to the backbone.
const CLASSIFIERS: [&str; 3] = ["fc.", "head.", "gate."];

/// Finds each convolution with its batch norm or, where that is folded already, its bias.
pub(crate) fn read(file: &SafeTensors, arch: Arch) -> Result<RawBackbone, Error> {
    check_names(file, arch)?;
    let layers = arch.layers().try_map(|spec| {
        let weight = file.get(&format!("{}.weight", spec.name))?;
        let bias_name = format!("{}.bias", spec.name);
        let bias = has(file, &bias_name).then(|| file.get(&bias_name)).transpose()?;
        let is_folded = bias.is_some() && !has(file, &format!("{}.weight", spec.norm));
        let norm = if is_folded {
            None
        } else {
            let get = |kind: &str| file.get(&format!("{}.{kind}", spec.norm));
            Some(BatchNorm {
                gamma: get("weight")?,
                beta: get("bias")?,
                mean: get("running_mean")?,
                variance: get("running_var")?,
                epsilon: if arch == Arch::Yamnet { YAMNET_EPSILON } else { EPSILON },
            })
        };
        Ok::<_, Error>(RawConv { spec, weight, bias, norm })
    })?;
    let pooling = match has(file, pooling::WEIGHT) {
        true => Some([file.get(pooling::WEIGHT)?, file.get(pooling::BIAS)?]),
        false => None,
    };
    Ok(RawBackbone { layers, classifier: None, pooling })
}

fn has(file: &SafeTensors, name: &str) -> bool {
    file.names().any(|other| other == name)
}

/// A tensor that no convolution of `arch` asks for means another architecture, which would
/// otherwise load as half of itself.
fn check_names(file: &SafeTensors, arch: Arch) -> Result<(), Error> {
    let layers = arch.layers();
    let belongs = |name: &str| {
        let of = |layer: &str, kinds: &[&str]| {
            name.strip_prefix(layer).and_then(|kind| kind.strip_prefix('.')).is_some_and(|kind| kinds.contains(&kind))
        };
        CLASSIFIERS.iter().any(|classifier| name.starts_with(classifier))
            || arch.has_yamnet() && [pooling::WEIGHT, pooling::BIAS].contains(&name)
            || layers.iter().any(|ConvSpec { name, norm, .. }| {
                of(name, &["weight", "bias"])
                    || of(norm, &["weight", "bias", "running_mean", "running_var", "num_batches_tracked"])
            })
    };
    match file.names().find(|name| !belongs(name)) {
        Some(name) => Err(Error::tensor(name, format!("{arch} has no such tensor: is the file another architecture?"))),
        None => Ok(()),
    }
}
