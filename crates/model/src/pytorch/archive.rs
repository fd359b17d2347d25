//! A file of `torch.save`: a pickle, and the storages that its tensors lie in.

use std::collections::BTreeMap;

use super::pickle::Pickle;
use super::{legacy, zip};
use crate::error::Error;

/// The name of the pickle, inside the archive's only folder.
const PICKLE: &str = "/data.pkl";

/// The storages of a file: untyped bytes, by key.
pub(super) struct Archive<'a> {
    storages: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Archive<'a> {
    /// Reads the pickle and finds the storages.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, Pickle<'a>), Error> {
        if legacy::looks_like(bytes) {
            let (storages, pickle) = legacy::parse(bytes)?;
            return Ok((Self { storages }, pickle));
        }
        if !zip::looks_like(bytes) {
            return Err(Error::Malformed("not a PyTorch file: torch.save did not write it".into()));
        }
        let entries = zip::entries(bytes)?;
        let pickles = entries.iter().filter_map(|(name, content)| Some((name.strip_suffix(PICKLE)?, *content)));
        let (folder, content) = match pickles.collect::<Vec<_>>()[..] {
            [only] => only,
            _ => {
                return Err(Error::Unsupported(format!(
                    "a zip archive without one FOLDER{PICKLE}: torch.save did not write it"
                )));
            }
        };
        if entries.keys().any(|name| name.strip_prefix(folder).is_some_and(|name| name.starts_with("/code/"))) {
            let problem = "a TorchScript program; save its weights instead: torch.save(model.state_dict(), PATH)";
            return Err(Error::Unsupported(problem.into()));
        }
        if entries.get(format!("{folder}/byteorder").as_str()).is_some_and(|order| *order != b"little") {
            return Err(Error::Unsupported("its numbers are big-endian; save it on another machine".into()));
        }
        let key = |name: &'a str| name.strip_prefix(folder)?.strip_prefix("/data/");
        let storages = entries.iter().filter_map(|(name, content)| Some((key(name)?, *content))).collect();
        let (pickle, _) = Pickle::parse(content)?;
        Ok((Self { storages }, pickle))
    }

    /// The bytes of a storage.
    pub fn storage(&self, key: &str) -> Option<&'a [u8]> {
        self.storages.get(key).copied()
    }
}
