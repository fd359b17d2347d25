//! Prefixes that modules around a network give the names of its tensors.

use std::collections::BTreeMap;

use crate::error::Error;

/// Modules that hold the network of a file and are not part of it: those of `DataParallel` and `torch.compile`, and the usual
/// names of a network inside a larger module.
const WRAPPERS: [&str; 9] =
    ["module", "_orig_mod", "model", "net", "network", "backbone", "encoder", "resnet", "feature_extractor"];

/// The tensors of a file by their names without the prefixes of wrappers: `module.layer1.0.conv1.weight` becomes
/// `layer1.0.conv1.weight`.
///
/// # Errors
/// [`Error::Tensor`] if two tensors get the same name.
pub(crate) fn without_wrappers<T>(tensors: BTreeMap<String, T>) -> Result<BTreeMap<String, T>, Error> {
    let mut renamed = BTreeMap::new();
    for (name, tensor) in tensors {
        let mut inner = name.as_str();
        while let Some((first, rest)) = inner.split_once('.')
            && WRAPPERS.contains(&first)
        {
            inner = rest;
        }
        if renamed.insert(inner.to_owned(), tensor).is_some() {
            return Err(Error::tensor(
                &name,
                format!("the file has another `{inner}`: does it hold several networks?"),
            ));
        }
    }
    Ok(renamed)
}
