//! A name that moves from version to version, such as `production`.

use durable::Tag;
use serde::{Deserialize, Serialize};

use crate::Version;

/// Where an alias points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The version that it names.
    pub version: Version,
    /// The version that it named before, if it did.
    pub previous: Option<Version>,
    /// Identifies this state of the alias: see [`crate::Registry::move_alias`].
    pub tag: Tag,
}

/// The content of an alias.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasFile {
    pub format_version: u32,
    pub version: Version,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Version>,
}
