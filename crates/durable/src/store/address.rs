//! Addresses of stores: `s3://bucket/path`, `gs://`, `az://`, `file:///path`.

use std::fmt;

use crate::StoreError;

/// The schemes that are known.
const SCHEMES: [&str; 4] = ["s3", "gs", "az", "file"];

/// A parsed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `s3`, `gs`, `az` or `file`.
    pub(crate) scheme: &'static str,
    /// The bucket or container; empty for a folder.
    pub(crate) bucket: String,
    /// The path inside it, without slashes at its ends; may be empty.
    pub(crate) path: String,
}

/// Whether `text` is an address of a store and not a path: whether it begins with a scheme and `://`.
pub fn is_store_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

impl Address {
    /// Parses an address.
    ///
    /// # Errors
    /// [`StoreError::Address`] if the scheme is not known, there is no bucket, or a part of the path is empty, `.` or `..`.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let wrong = |problem| StoreError::Address { url: url.into(), problem };
        let (scheme, rest) = url.split_once("://").ok_or(wrong("not the address of a store"))?;
        let scheme = SCHEMES.into_iter().find(|known| *known == scheme).ok_or(wrong("not a known kind of store"))?;
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if (scheme == "file") != bucket.is_empty() {
            return Err(wrong(if scheme == "file" { "a folder needs an absolute path" } else { "there is no bucket" }));
        }
        let path = path.trim_end_matches('/');
        if !path.is_empty() && !path.split('/').all(is_part) {
            return Err(wrong("a part of the path is empty, `.` or `..`"));
        }
        Ok(Self { scheme, bucket: bucket.into(), path: path.into() })
    }

    /// The address without the last part of its path, and that part; `None` if the path is empty.
    pub fn split_last(&self) -> Option<(Self, &str)> {
        let (path, last) = match self.path.rsplit_once('/') {
            Some((path, last)) => (path, last),
            None => ("", self.path.as_str()),
        };
        (!last.is_empty()).then(|| (Self { path: path.into(), ..self.clone() }, last))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { scheme, bucket, path } = self;
        write!(f, "{scheme}://{bucket}/{path}")
    }
}

/// Fails unless `name` is a relative name whose parts are neither empty nor `.` or `..`.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    if name.split('/').all(is_part) { Ok(()) } else { Err(StoreError::Name { name: name.into() }) }
}

fn is_part(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0'])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_known_scheme_a_bucket_and_a_plain_path() {
        for (url, expected) in [
            ("s3://bucket/models/cry/", "s3://bucket/models/cry"),
            ("gs://bucket", "gs://bucket/"),
            ("az://container/a", "az://container/a"),
            ("file:///tmp/models", "file:///tmp/models"),
        ] {
            assert_eq!(Address::parse(url).unwrap().to_string(), expected);
        }
        for (url, problem) in [
            ("models/cry", "not the address of a store"),
            ("ftp://host/a", "not a known kind of store"),
            ("s3:///a", "there is no bucket"),
            ("file://a/b", "a folder needs an absolute path"),
            ("s3://bucket/a//b", "a part of the path is empty"),
            ("s3://bucket/../b", "a part of the path is empty"),
        ] {
            let message = Address::parse(url).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{url}: {problem}")), "{message}");
        }
        assert!(is_store_url("s3://a") && is_store_url("ftp://a") && !is_store_url("models/a") && !is_store_url("://"));
    }

    #[test]
    fn the_last_part_of_a_path_is_split_off() {
        let split = |url: &str| {
            let address = Address::parse(url).unwrap();
            address.split_last().map(|(rest, last)| (rest.to_string(), last.to_owned()))
        };
        assert_eq!(split("s3://b/models/cry"), Some(("s3://b/models".into(), "cry".into())));
        assert_eq!(split("s3://b/cry"), Some(("s3://b/".into(), "cry".into())));
        assert_eq!(split("s3://b"), None);
    }

    #[test]
    fn names_cannot_lead_out_of_a_store() {
        assert!(check_name("versions/a/model.onnx").is_ok());
        for name in ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a/", "a\\..\\b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
