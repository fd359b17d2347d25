//! Why the monitor does not start.

use std::io;
use std::path::PathBuf;

/// Why the monitor does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The configuration is not valid TOML, or has unknown keys or values of the wrong type.
    #[error("{}: {}", path.display(), source.to_string().trim_end())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line and column.
        source: Box<toml::de::Error>,
    },
    /// Values of the configuration are not valid.
    #[error("{}: {}", path.display(), problems.join("; "))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, each with its key.
        problems: Vec<String>,
    },
    /// The model cannot find episodes with the settings in `[episodes]`.
    #[error("[episodes] does not fit the model: {0}")]
    Episodes(#[source] predict::Error),
    /// Another process uses the folder.
    #[error("another wail-serve{} uses the folder {}; stop it, or name another `folder`", holder.as_ref().map_or(String::new(), |holder| format!(" ({holder})")), folder.display())]
    InUse {
        /// The folder of the monitor.
        folder: PathBuf,
        /// Who holds it, if that is known.
        holder: Option<String>,
    },
    /// The broker or a webhook can no longer be opened.
    #[error("{}", .0.join("; "))]
    Outputs(Vec<String>),
    /// The folder cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    Folder {
        /// The folder or the file in it.
        path: PathBuf,
        /// Why it cannot be used.
        source: io::Error,
    },
    /// The operating system refuses a thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}
