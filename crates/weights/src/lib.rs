//! The known weight files: register, download and verification.
//!
//! - [`Register`] lists the files, [`fetch`] downloads one, [`verify()`] compares it with its SHA-256.
//!
//! ```
//! use weights::{Register, State, verify};
//!
//! let register = Register::embedded()?;
//! let entry = register.find("resnet18").expect("the register lists it");
//! let models = std::env::temp_dir().join("no-such-folder");
//! assert_eq!(verify(entry, &models)?, State::Missing);
//! # Ok::<(), weights::Error>(())
//! ```

mod download;
mod error;
#[cfg(test)]
mod loopback_tests;
mod register;
mod verify;

pub use download::{FetchLimits, fetch};
pub use error::Error;
pub use register::{Register, WeightFile};
pub use verify::{State, verify};
