//! The tensors that an architecture has.

use crate::arch::Arch;
use crate::conv::ConvSpec;
use crate::error::Error;
use crate::networks::NetworkArch;

/// Prefixes of tensors that belong to a classifier, ours or torchvision's, and not to the encoder.
const CLASSIFIERS: [&str; 3] = ["fc.", "head.", "gate."];

/// Fails if the file has a tensor that no network of `arch` uses. The file then holds another architecture, which would
/// otherwise load in part.
pub(crate) fn check_names<'a>(arch: Arch, mut names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let convolutions: Vec<ConvSpec> = arch.networks().flat_map(NetworkArch::convolutions).collect();
    let others: Vec<&str> = arch.networks().flat_map(NetworkArch::other_names).copied().collect();
    let belongs = |name: &str| {
        let of = |layer: &str, kinds: &[&str]| {
            name.strip_prefix(layer).and_then(|kind| kind.strip_prefix('.')).is_some_and(|kind| kinds.contains(&kind))
        };
        CLASSIFIERS.iter().any(|classifier| name.starts_with(classifier))
            || others.contains(&name)
            || convolutions.iter().any(|ConvSpec { name, norm, .. }| {
                of(name, &["weight", "bias"])
                    || of(norm, &["weight", "bias", "running_mean", "running_var", "num_batches_tracked"])
            })
    };
    match names.find(|name| !belongs(name)) {
        Some(name) => {
            Err(Error::tensor(name, format!("{arch} has no such tensor: does the file hold another architecture?")))
        }
        None => Ok(()),
    }
}
