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
const INFO: &str = "wail";
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

/// The kind of `file`, such as `wail-model`; `None` if this program did not save it.
///
/// # Errors
/// [`Error::Unsupported`] for a version that this program does not read, [`Error::Decode`] or [`Error::Malformed`] for damaged
/// metadata.
pub(crate) fn format_of(file: &WeightFile) -> Result<Option<String>, Error> {
    let Some(text) = file.metadata(INFO) else {
        return match file.metadata(SHA256) {
            Some(_) => {
                Err(Error::Malformed(format!("its metadata has a checksum but no `{INFO}`: the file is damaged")))
            }
            None => Ok(None),
        };
    };
    let Version { format, version } =
        serde_json::from_str(text).map_err(|error| Error::decode(format!("metadata `{INFO}`"), error))?;
    if version == VERSION {
        return Ok(Some(format));
    }
    Err(Error::Unsupported(format!(
        "{format} version {version}: this program reads version {VERSION}, so use a newer one"
    )))
}

/// The description saved in `file`, which must be of the kind `format`.
pub(super) fn read_info<T: DeserializeOwned>(file: &WeightFile, format: &str) -> Result<T, Error> {
    match format_of(file)? {
        Some(found) if found == format => {}
        Some(found) => return Err(Error::Unsupported(format!("it is a {found}, expected a {format}"))),
        None => {
            return Err(Error::Unsupported(format!("it lacks the metadata of a {format}: it holds weights only")));
        }
    }
    let envelope: Result<Envelope<T>, _> = serde_json::from_str(file.metadata(INFO).unwrap_or_default());
    let undecodable = |error| Error::decode(format!("metadata `{INFO}` of a {format}, version {VERSION}"), error);
    Ok(envelope.map_err(undecodable)?.info)
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
