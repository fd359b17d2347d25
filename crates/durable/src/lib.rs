//! Files that appear whole or not at all, locks, and small file operations that the other crates share.
//!
//! - [`write_atomic`] and [`write_atomic_with`] replace a file in one step; [`append`] adds to an open file and waits for the disk.
//! - [`LockedFile`] is held by one process at a time, also on file systems without locks.
//! - [`open_regular_file`] refuses pipes, devices and folders instead of waiting for them.
//! - [`Store`] holds named bytes in a folder or, with the cargo feature `cloud`, an object store; [`open_store`] finds it by its
//!   [`Address`].
//! - [`hex`], [`from_hex`], [`sha256_hex`] and [`sha256_hex_of`] identify contents.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("scores.json");
//! durable::write_atomic(&path, b"{}")?;
//!
//! let (digest, n_bytes) = durable::sha256_hex_of(durable::open_regular_file(&path)?)?;
//! assert_eq!(digest, durable::sha256_hex(b"{}"));
//! assert_eq!(n_bytes, 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Fault injection
//! With the cargo feature `faults`, the environment variable `WAIL_ABORT_AT=n` aborts the process before the n-th step
//! of a write (create, write, sync, rename, sync of the folder, append), and `WAIL_FAIL_AT=n` makes that step fail with
//! an I/O error. `WAIL_NO_LOCKS` makes every file system one without locks. End-to-end tests use this to stop a run at
//! every step.

mod digest;
mod fault;
mod lease;
mod lock;
mod regular_file;
mod store;
mod write;

pub use digest::{from_hex, hex, sha256_hex, sha256_hex_of};
pub use lock::{LockError, LockedFile};
pub use regular_file::open_regular_file;
pub use store::{Address, Condition, Entry, Object, Store, StoreError, Tag, is_store_url, open_store};
pub use write::{append, write_atomic, write_atomic_with};
