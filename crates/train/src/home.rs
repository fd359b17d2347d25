//! Where caches and downloaded weights are kept.

use std::path::{Path, PathBuf};

/// `path` inside the folder that the environment variable `WAIL_HOME` names, or inside the working folder without it.
/// An absolute path stays as it is.
pub fn inside(path: &Path) -> PathBuf {
    std::env::var_os("WAIL_HOME").map_or_else(|| path.into(), |home| Path::new(&home).join(path))
}
