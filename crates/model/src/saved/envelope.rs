//! The metadata of a saved file: kind, version, a description of the content, and a checksum.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::checksum::Checksum;
use crate::error::Error;
use crate::host_tensor::TensorView;
use crate::weight_file::WeightFile;

const VERSION: u32 = 1;

/// Metadata keys.
pub(super) const INFO: &str = "wail";
const SHA256: &str = "sha256";

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    format: String,
    version: u32,
    info: T,
}

/// The fields that every version of the format has.
#[derive(Deserialize)]
struct Version {
    format: String,
    version: u32,
}

/// Metadata for a file of the kind `format` with `tensors`.
pub(super) fn metadata<'a, T: Serialize>(
    format: &str,
    info: &T,
    tensors: impl IntoIterator<Item = TensorView<'a>>,
) -> Result<BTreeMap<String, String>, Error> {
    let envelope = Envelope { format: format.into(), version: VERSION, info };
    let text = serde_json::to_string(&envelope)
        .map_err(|error| Error::Argument(format!("cannot be saved as JSON: {error}")))?;
    let sha256 = sha256(&text, tensors);
    Ok(BTreeMap::from([(INFO.into(), text), (SHA256.into(), sha256)]))
}

fn sha256<'a>(text: &str, tensors: impl IntoIterator<Item = TensorView<'a>>) -> String {
    let mut checksum = Checksum::new(text);
    for tensor in tensors {
        checksum.add(&tensor);
    }
    checksum.finish()
}

/// The description saved in `file`, which must be of the kind `format`.
pub(super) fn read_info<T: DeserializeOwned>(file: &WeightFile, format: &str) -> Result<T, Error> {
    let malformed = |error: serde_json::Error| Error::Malformed(format!("metadata `{INFO}`: {error}"));
    let text = file
        .metadata(INFO)
        .ok_or_else(|| Error::Unsupported(format!("it lacks the metadata of a {format}: it holds weights only")))?;
    let version: Version = serde_json::from_str(text).map_err(malformed)?;
    if version.format != format {
        return Err(Error::Unsupported(format!("it is a {}, expected a {format}", version.format)));
    }
    if version.version != VERSION {
        let found = version.version;
        return Err(Error::Unsupported(format!(
            "{format} version {found}: this program reads version {VERSION}, so use a newer one"
        )));
    }
    let envelope: Envelope<T> = serde_json::from_str(text).map_err(malformed)?;
    Ok(envelope.info)
}

/// Fails unless text and tensors match their checksum.
pub(super) fn check_sum<'a>(file: &WeightFile, tensors: impl IntoIterator<Item = TensorView<'a>>) -> Result<(), Error> {
    let found = sha256(file.metadata(INFO).unwrap_or_default(), tensors);
    if file.metadata(SHA256) == Some(&found) {
        return Ok(());
    }
    Err(Error::Malformed(format!(
        "its content has SHA-256 {found}, not the one it was saved with: the file is damaged"
    )))
}
