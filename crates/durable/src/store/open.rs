//! From an address to its store.

use std::path::{Path, PathBuf};

use super::address::Address;
use super::error::StoreError;
use super::folder::Folder;
use super::object::Store;

/// The store at `address`. Nothing is read or created yet.
///
/// Credentials and endpoints come from the environment, as with the tools of each provider: `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`; `GOOGLE_APPLICATION_CREDENTIALS`;
/// `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`.
///
/// # Errors
/// [`StoreError::NotBuilt`] for an object store without the feature `cloud`, [`StoreError::Remote`] if its settings are wrong.
pub fn open_store(address: &Address) -> Result<Box<dyn Store>, StoreError> {
    if address.scheme == "file" {
        return Ok(Box::new(Folder::new(PathBuf::from("/").join(Path::new(&address.path)))));
    }
    open_remote(address)
}

#[cfg(feature = "cloud")]
fn open_remote(address: &Address) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(super::remote::Remote::open(address)?))
}

#[cfg(not(feature = "cloud"))]
fn open_remote(address: &Address) -> Result<Box<dyn Store>, StoreError> {
    Err(StoreError::NotBuilt { url: address.to_string() })
}

#[cfg(all(test, not(feature = "cloud")))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn without_object_stores_the_error_says_how_to_get_them() {
        let message = open_store(&Address::parse("s3://bucket/a").unwrap()).unwrap_err().to_string();
        assert!(message.contains("cargo install --locked --path crates/train --features cloud"), "{message}");
    }
}
