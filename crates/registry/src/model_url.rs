//! The address of a published model: a registry and the name of a version in it.

use durable::{Address, is_store_url};

use crate::{Error, Version};

/// The address of a published model, such as `s3://bucket/models/cry/production`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelUrl {
    /// The registry, such as `s3://bucket/models/cry`.
    pub registry: String,
    /// Which of its versions.
    pub named: Named,
}

/// How a version is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By itself.
    Version(Version),
    /// By an alias.
    Alias(String),
}

impl ModelUrl {
    /// Parses `text`; `None` if it is no address of a store, but a path.
    ///
    /// # Errors
    /// [`Error::Url`] if the address ends in no version and in no alias.
    pub fn parse(text: &str) -> Option<Result<Self, Error>> {
        is_store_url(text).then(|| Self::parse_url(text))
    }

    fn parse_url(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let problem = "it must end in an alias or a version, such as s3://BUCKET/models/NAME/production";
        let (registry, last) = address.split_last().ok_or(Error::Url { url: url.into(), problem })?;
        let named = match Version::parse(last) {
            Some(version) => Named::Version(version),
            None => Named::Alias(alias_name(url, last)?),
        };
        Ok(Self { registry: registry.to_string(), named })
    }
}

/// Checks the name of an alias.
pub(crate) fn alias_name(url: &str, name: &str) -> Result<String, Error> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.chars().all(is_plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(name.into());
    }
    Err(Error::Url { url: url.into(), problem: "the name of an alias has letters, digits, `-`, `_` and `.` only" })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_in_an_alias_or_a_version() {
        let parse = |text: &str| ModelUrl::parse(text).unwrap();
        let alias = parse("s3://bucket/models/cry/production").unwrap();
        assert_eq!(alias.registry, "s3://bucket/models/cry");
        assert_eq!(alias.named, Named::Alias("production".into()));
        let version = "ab".repeat(32);
        let named = parse(&format!("file:///models/cry/{version}")).unwrap().named;
        assert_eq!(named, Named::Version(Version::parse(&version).unwrap()));
        assert!(ModelUrl::parse("models/cry").is_none());
        for wrong in ["s3://bucket", "ftp://bucket/production", "s3://bucket/models/pro duction", "s3://bucket/.x"] {
            assert!(parse(wrong).unwrap_err().is_wrong_use(), "{wrong}");
        }
    }
}
