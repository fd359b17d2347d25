//! A bucket of an object store as a store.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error, GetOptions, ObjectMeta, ObjectStore, PutMode, PutOptions, RetryConfig, UpdateVersion,
};
use tokio::runtime::Runtime;

use super::address::{Address, check_name};
use super::connector::Connector;
use super::error::StoreError;
use super::object::{Condition, Entry, MAX_OBJECT_BYTES, Object, Store, Tag};

/// How often a request that changes nothing is tried again after the first failure, and for how long.
const MAX_RETRIES: usize = 3;
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);

/// A path inside a bucket.
#[derive(Debug)]
pub struct Remote {
    address: Address,
    store: Arc<dyn ObjectStore>,
    /// Runs the requests, in the calling thread.
    runtime: Runtime,
}

impl Remote {
    /// The bucket of `address`, with the credentials of the environment.
    ///
    /// # Errors
    /// [`StoreError::Remote`] if the settings in the environment are wrong.
    pub fn open(address: &Address) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Remote { url: address.to_string(), source };
        let store = connect(address).map_err(|error| failed(error.into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Ok(Self { address: address.clone(), store, runtime: runtime.map_err(|error| failed(error.into()))? })
    }

    /// The path of an object inside the bucket.
    fn path(&self, name: &str) -> Result<Path, StoreError> {
        check_name(name)?;
        Ok(Path::from_iter(self.address.path.split('/').chain(name.split('/')).filter(|part| !part.is_empty())))
    }

    /// Wraps an error about `path`, for `map_err`.
    fn failed(&self, path: &Path) -> impl Fn(Error) -> StoreError {
        let Address { scheme, bucket, .. } = &self.address;
        let url = format!("{scheme}://{bucket}/{path}");
        move |error| StoreError::Remote { url: url.clone(), source: error.into() }
    }
}

impl Store for Remote {
    fn get(&self, name: &str) -> Result<Option<Object>, StoreError> {
        let path = self.path(name)?;
        let read = async {
            let found = self.store.get_opts(&path, GetOptions::default()).await?;
            let (n_bytes, tag) = (found.meta.size, tag(&found.meta));
            let bytes = if n_bytes > MAX_OBJECT_BYTES { Vec::new() } else { found.bytes().await?.to_vec() };
            Ok((n_bytes, Object { bytes, tag }))
        };
        match self.runtime.block_on(read) {
            Ok((n_bytes, _)) if n_bytes > MAX_OBJECT_BYTES => {
                Err(StoreError::Limit { name: name.into(), n_bytes, most: MAX_OBJECT_BYTES })
            }
            Ok((_, object)) => Ok(Some(object)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&path)(error)),
        }
    }

    fn put(&self, name: &str, bytes: &[u8], condition: &Condition) -> Result<bool, StoreError> {
        let path = self.path(name)?;
        if bytes.len() as u64 > MAX_OBJECT_BYTES {
            return Err(StoreError::Limit { name: name.into(), n_bytes: bytes.len() as u64, most: MAX_OBJECT_BYTES });
        }
        let mode = match condition.clone() {
            Condition::Absent => PutMode::Create,
            Condition::Unchanged(Tag { e_tag, version }) => PutMode::Update(UpdateVersion { e_tag, version }),
        };
        let put = self.store.put_opts(&path, bytes.to_vec().into(), PutOptions { mode, ..PutOptions::default() });
        match self.runtime.block_on(put) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. }) => Ok(false),
            Err(error) => Err(self.failed(&path)(error)),
        }
    }

    fn list(&self, below: &str) -> Result<Vec<Entry>, StoreError> {
        let root = Path::from_iter(self.address.path.split('/').filter(|part| !part.is_empty()));
        let path = if below.is_empty() { root.clone() } else { self.path(below)? };
        let found: Vec<ObjectMeta> =
            self.runtime.block_on(self.store.list(Some(&path)).try_collect()).map_err(self.failed(&path))?;
        let n_parts = root.parts().count();
        let mut entries: Vec<Entry> = (found.iter())
            .map(|meta| {
                let parts: Vec<String> = meta.location.parts().skip(n_parts).map(|part| part.as_ref().into()).collect();
                Entry { name: parts.join("/"), n_bytes: meta.size, tag: tag(meta) }
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

/// The client of a bucket.
fn connect(address: &Address) -> object_store::Result<Arc<dyn ObjectStore>> {
    let bucket = address.bucket.as_str();
    let retry = RetryConfig {
        max_retries: MAX_RETRIES,
        retry_timeout: RETRY_TIMEOUT,
        backoff: BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() },
    };
    Ok(match address.scheme {
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
            Arc::new(builder.with_retry(retry).with_http_connector(Connector).build()?)
        }
        "az" => {
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket);
            Arc::new(builder.with_retry(retry).with_http_connector(Connector).build()?)
        }
        _ => {
            let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
            Arc::new(builder.with_retry(retry).with_http_connector(Connector).build()?)
        }
    })
}

fn tag(meta: &ObjectMeta) -> Tag {
    Tag { e_tag: meta.e_tag.clone(), version: meta.version.clone() }
}
