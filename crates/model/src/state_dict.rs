//! A whole classifier in a state dict from elsewhere: an encoder and a head of linear layers.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;

use crate::arch::Arch;
use crate::error::Error;
use crate::head::{Head, HeadConfig};
use crate::host_tensor::HostTensor;
use crate::named_tensors::StateDict;
use crate::networks::NetworkArch;
use crate::saved::envelope::format_of;
use crate::tensor_names::outside_encoder;
use crate::weight_file::WeightFile;
use crate::weights::BackboneWeights;

/// Reads an encoder and a head from the `bytes` of a state dict at `path`: a `.pt`, `.pth` or `.safetensors` file with the
/// authors' names, as `torch.save(model.state_dict(), path)` writes it.
///
/// A state dict has no layers without weights, so what they are is taken from the form of the network. Before the first linear
/// layer may be ReLU and Dropout, as in this crate's [`Head`]: the pooled output of a ResNet is not negative. One linear layer,
/// or two without a place for another layer between them (`fc.2` and `fc.3`), are a head; the dropout probability is unknown and
/// becomes 0.
///
/// # Errors
/// All inside [`Error::At`]: as [`BackboneWeights::load`]; [`Error::Unsupported`] for a file with a graph or for other tensors
/// besides the encoder's, which the text lists with their shapes.
pub fn parse_state_dict(
    path: &Path,
    bytes: &[u8],
    device: &Device,
) -> Result<(BackboneWeights, HeadConfig, Head), Error> {
    let read = || {
        let file = WeightFile::parse(path, bytes)?;
        let dict = file.state_dict().ok_or_else(|| Error::Unsupported("it is not a state dict".into()))?;
        if let Some(format) = format_of(&file)? {
            return Err(Error::Unsupported(format!(
                "it is a {format}, which has labels of its own, and not a state dict"
            )));
        }
        let shapes = dict.shapes();
        let arch = architecture(&shapes)?;
        let layers = linear_layers(arch, &shapes)?;
        let weights = BackboneWeights::read(arch, &file)?;
        let (config, head) = head(dict, &layers, weights.n_outputs(), device)?;
        Ok((weights, config, head))
    };
    read().map_err(|error: Error| error.at(path))
}

/// The largest network whose convolutions are all in the file.
fn architecture(shapes: &BTreeMap<&str, &[usize]>) -> Result<Arch, Error> {
    let is_there = |network: &NetworkArch| {
        let mut convolutions = network.convolutions().into_iter();
        network.is_full_width()
            && network.has_known_layers()
            && convolutions.all(|conv| shapes.contains_key(format!("{}.weight", conv.name).as_str()))
    };
    let largest = NetworkArch::all().filter(is_there).max_by_key(|network| network.convolutions().len());
    largest.map(Arch::of).ok_or_else(|| {
        let known: Vec<String> =
            NetworkArch::all().filter(|n| n.is_full_width() && n.has_known_layers()).map(|n| n.to_string()).collect();
        unplaced(&format!("it does not hold all convolutions of {}", known.join(", ")), shapes.keys().copied(), shapes)
    })
}

/// The names of the head's linear layers in order, such as `fc.2` and `fc.3`.
fn linear_layers<'a>(arch: Arch, shapes: &BTreeMap<&'a str, &'a [usize]>) -> Result<Vec<&'a str>, Error> {
    let rest = outside_encoder(arch, shapes.keys().copied());
    let rank = |name: &str| shapes.get(name).map_or(0, |shape| shape.len());
    let mut layers: Vec<&str> =
        rest.iter().filter(|name| rank(name) == 2).filter_map(|name| name.strip_suffix(".weight")).collect();
    layers.sort_by_key(|layer| (layer.len(), *layer));
    let is_placed = |name: &str| {
        let layer = |kind| name.strip_suffix(kind).is_some_and(|layer| layers.contains(&layer));
        layer(".weight") || layer(".bias") && rank(name) == 1
    };
    let follows = |before: &str, after: &str| match (before.rsplit_once('.'), after.rsplit_once('.')) {
        (Some((parent, a)), Some((other, b))) if parent == other => {
            matches!((a.parse::<usize>(), b.parse::<usize>()), (Ok(a), Ok(b)) if a.checked_add(1) == Some(b))
        }
        _ => false,
    };
    let problem = match layers[..] {
        _ if !rest.iter().all(|name| is_placed(name)) => "its head has other layers than linear ones",
        [] => "it has no head",
        [_] => return Ok(layers),
        [first, second] if follows(first, second) => return Ok(layers),
        [_, _] => {
            "between the linear layers of its head is a place for another layer, and a state dict does not say whether that is an \
             activation"
        }
        _ => "its head has more than two linear layers",
    };
    Err(unplaced(problem, rest.into_iter(), shapes))
}

/// The head of these linear layers, for embeddings of length `n_inputs`. A single layer becomes the second of two; the first is
/// the identity.
fn head(dict: &dyn StateDict, layers: &[&str], n_inputs: usize, device: &Device) -> Result<(HeadConfig, Head), Error> {
    let mut tensors = Vec::new();
    for layer in layers {
        let weight = dict.get(&format!("{layer}.weight"))?;
        let outputs = weight.shape.first().copied().unwrap_or(0);
        let bias_name = format!("{layer}.bias");
        let bias = match dict.has(&bias_name) {
            true => dict.get(&bias_name)?,
            false => HostTensor::new(&bias_name, vec![outputs], vec![0.0; outputs])?,
        };
        tensors.push([weight, bias]);
    }
    if let Some([weight, _]) = tensors.first() {
        weight.check_shape(&[weight.shape[0], n_inputs])?;
    }
    if tensors.len() == 1 {
        let identity = (0..n_inputs * n_inputs).map(|i| if i % (n_inputs + 1) == 0 { 1.0 } else { 0.0 }).collect();
        let weight = HostTensor::new("identity", vec![n_inputs; 2], identity)?;
        tensors.insert(0, [weight, HostTensor::new("identity", vec![n_inputs], vec![0.0; n_inputs])?]);
    }
    let config = HeadConfig::mlp(tensors.first().map_or(0, |[_, bias]| bias.data.len()), 0.0);
    let mut named: BTreeMap<String, HostTensor> = BTreeMap::new();
    for (index, [weight, bias]) in tensors.into_iter().enumerate() {
        named.extend([(format!("head.{index}.weight"), weight), (format!("head.{index}.bias"), bias)]);
    }
    let get = |name: &str| named.remove(name).ok_or_else(|| Error::tensor(name, "missing"));
    let head = Head::from_tensors(&config, get, device)?;
    Ok((config, head))
}

/// An error that lists tensors with their shapes.
fn unplaced<'a>(problem: &str, names: impl Iterator<Item = &'a str>, shapes: &BTreeMap<&'a str, &'a [usize]>) -> Error {
    let listed: Vec<String> =
        names.map(|name| format!("{name} {:?}", shapes.get(name).copied().unwrap_or_default())).collect();
    let listed = if listed.is_empty() { "none".into() } else { listed.join(", ") };
    Error::Unsupported(format!("{problem}; tensors outside the encoder: {listed}"))
}
