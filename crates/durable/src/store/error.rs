//! Why a store cannot be used.

use std::io;
use std::path::PathBuf;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address names no store.
    #[error(
        "{url}: {problem}; give one such as s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH or file:///PATH"
    )]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The program was built without object stores.
    #[error(
        "{url}: this program was built without object stores; install it with them: cargo install --locked --path \
         crates/train --features cloud (for wail-serve: --path crates/serve)"
    )]
    NotBuilt {
        /// The address.
        url: String,
    },
    /// A name that could lead out of the store.
    #[error("{name:?}: not the name of an object")]
    Name {
        /// The name.
        name: String,
    },
    /// An object that is larger than what is read or written.
    #[error("{name}: {n_bytes} bytes, at most {most} are read or written")]
    Limit {
        /// The object.
        name: String,
        /// Its length.
        n_bytes: u64,
        /// The limit, bytes.
        most: u64,
    },
    /// A file of a folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The object store cannot be reached or refuses the request.
    #[error("{url}: {source}")]
    Remote {
        /// The object.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
