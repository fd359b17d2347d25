//! Named bytes in a folder or an object store, with conditional writes in place of a lock.

mod address;
#[cfg(feature = "cloud")]
mod connector;
mod error;
mod folder;
mod object;
mod open;
#[cfg(feature = "cloud")]
mod remote;

pub use address::{Address, is_store_url};
pub use error::StoreError;
pub use object::{Condition, Entry, Object, Store, Tag};
pub use open::open_store;
