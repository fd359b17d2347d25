//! The tensors that an architecture has.

use crate::arch::Arch;
use crate::conv::ConvSpec;
use crate::error::Error;
use crate::networks::NetworkArch;

/// Prefixes of tensors that belong to a classifier, ours or torchvision's, and not to the encoder.
const CLASSIFIERS: [&str; 4] = ["fc.", "classifier.", "head.", "gate."];

/// Fails if the file has a tensor that no network of `arch` uses. The file then holds another architecture, which would
/// otherwise load in part.
pub(crate) fn check_names<'a>(arch: Arch, names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let is_classifier = |name: &str| CLASSIFIERS.iter().any(|classifier| name.starts_with(classifier));
    match outside_encoder(arch, names).into_iter().find(|name| !is_classifier(name)) {
        Some(name) => {
            Err(Error::tensor(name, format!("{arch} has no such tensor: does the file hold another architecture?")))
        }
        None => Ok(()),
    }
}

/// The names that are not those of a tensor of `arch`.
pub(crate) fn outside_encoder<'a>(arch: Arch, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let convolutions: Vec<ConvSpec> = arch.networks().flat_map(NetworkArch::convolutions).collect();
    let others: Vec<&str> = arch.networks().flat_map(NetworkArch::other_names).copied().collect();
    let of = |name: &str, layer: &str, kinds: &[&str]| {
        name.strip_prefix(layer).and_then(|kind| kind.strip_prefix('.')).is_some_and(|kind| kinds.contains(&kind))
    };
    let belongs = |name: &str| {
        others.contains(&name)
            || convolutions.iter().any(|conv| {
                of(name, &conv.name, &["weight", "bias"])
                    || of(name, &conv.norm, &["weight", "bias", "running_mean", "running_var", "num_batches_tracked"])
            })
    };
    names.filter(|name| !belongs(name)).collect()
}
