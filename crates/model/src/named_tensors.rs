//! Tensors by their authors' names, independent of the file format.

use std::collections::BTreeMap;

use crate::conv::ConvSpec;
use crate::error::Error;
use crate::fold::{BatchNorm, RawConv};
use crate::host_tensor::HostTensor;
use crate::onnx::graph::Graph;
use crate::pytorch::PytorchFile;
use crate::safetensors::SafeTensors;

/// A file's tensors by name.
pub(crate) trait NamedTensors {
    fn has(&self, name: &str) -> bool;
    fn get(&self, name: &str) -> Result<HostTensor, Error>;
}

/// A file that holds tensors and no graph.
pub(crate) trait StateDict: NamedTensors {
    /// The shape of each tensor.
    fn shapes(&self) -> BTreeMap<&str, &[usize]>;
}

impl NamedTensors for SafeTensors<'_> {
    fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    fn get(&self, name: &str) -> Result<HostTensor, Error> {
        self.tensor(name)
    }
}

impl StateDict for SafeTensors<'_> {
    fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        self.names().filter_map(|name| Some((name, self.shape(name)?))).collect()
    }
}

impl NamedTensors for PytorchFile<'_> {
    fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    fn get(&self, name: &str) -> Result<HostTensor, Error> {
        self.tensor(name)
    }
}

impl StateDict for PytorchFile<'_> {
    fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        self.names().filter_map(|name| Some((name, self.shape(name)?))).collect()
    }
}

impl NamedTensors for Graph<'_> {
    fn has(&self, name: &str) -> bool {
        self.initializers.contains_key(name)
    }

    fn get(&self, name: &str) -> Result<HostTensor, Error> {
        self.tensor(name)
    }
}

/// A convolution with its batch norm, or with its bias if batch norm is already folded in. State dicts do not hold batch
/// norm's `epsilon`.
pub(crate) fn raw_conv(tensors: &dyn NamedTensors, spec: ConvSpec, epsilon: f64) -> Result<RawConv, Error> {
    let weight = tensors.get(&format!("{}.weight", spec.name))?;
    let bias_name = format!("{}.bias", spec.name);
    let bias = tensors.has(&bias_name).then(|| tensors.get(&bias_name)).transpose()?;
    let is_folded = bias.is_some() && !tensors.has(&format!("{}.weight", spec.norm));
    let norm = if is_folded {
        None
    } else {
        let get = |kind: &str| tensors.get(&format!("{}.{kind}", spec.norm));
        Some(BatchNorm {
            gamma: get("weight")?,
            beta: get("bias")?,
            mean: get("running_mean")?,
            variance: get("running_var")?,
            epsilon,
        })
    };
    Ok(RawConv { spec, weight, bias, norm })
}
