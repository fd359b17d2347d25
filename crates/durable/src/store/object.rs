//! What a store holds, and what can be done with it.

use std::fmt;

use crate::StoreError;

/// Largest object that is read or written, bytes.
pub(crate) const MAX_OBJECT_BYTES: u64 = 1 << 30;

/// Named bytes. A name is relative, with `/` between its parts. An object appears whole or not at all.
pub trait Store: Send + Sync + fmt::Debug {
    /// Reads an object; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read, or has more than 1 GiB.
    fn get(&self, name: &str) -> Result<Option<Object>, StoreError>;

    /// Writes an object if `condition` holds, and returns whether it did. Of several writers with the same condition, one writes.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written. If a connection broke, the object may have been written all the same.
    fn put(&self, name: &str, bytes: &[u8], condition: &Condition) -> Result<bool, StoreError>;

    /// All objects whose name begins with the parts of `below`, sorted by name; hidden files of a folder are left out.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed.
    fn list(&self, below: &str) -> Result<Vec<Entry>, StoreError>;
}

/// An object that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Identifies this content of the object.
    pub tag: Tag,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its length.
    pub n_bytes: u64,
    /// Identifies its content.
    pub tag: Tag,
}

/// Identifies one content of an object: an object store's ETag or version, the SHA-256 in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub(crate) e_tag: Option<String>,
    pub(crate) version: Option<String>,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [e_tag, version] = [&self.e_tag, &self.version].map(|part| part.as_deref().unwrap_or_default());
        write!(f, "{e_tag} {version}")
    }
}

/// When an object is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// If there is none of this name.
    Absent,
    /// If its content is still the one with this tag.
    Unchanged(Tag),
}
