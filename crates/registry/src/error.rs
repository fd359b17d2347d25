//! Why a model is not available, or cannot be published.

use std::io;
use std::path::PathBuf;

use durable::StoreError;

/// Why a model is not available, or cannot be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address names no model.
    #[error("{url}: {problem}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no such version or alias.
    #[error("{url}: there is no {what}; wail push MODEL {registry} [--alias NAME] publishes a model")]
    Missing {
        /// The address.
        url: String,
        /// What was looked for, in words.
        what: String,
        /// Address of the registry.
        registry: String,
    },
    /// An object is not what its version says.
    #[error("{url}: {problem}; it was changed or damaged, so it is not used")]
    Damaged {
        /// The object.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Somebody else moved the alias in the meantime.
    #[error(
        "{url}: somebody else moved it in the meantime, so it was left as it is; run the command again to compare anew"
    )]
    Moved {
        /// The alias.
        url: String,
    },
    /// A file of the model cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// Whether the command line, not the store, is wrong.
    pub fn is_wrong_use(&self) -> bool {
        matches!(
            self,
            Self::Url { .. }
                | Self::Store(StoreError::Address { .. } | StoreError::NotBuilt { .. } | StoreError::Name { .. })
        )
    }
}
