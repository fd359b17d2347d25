//! Where caches and downloaded weights are kept.

use std::path::{Path, PathBuf};

/// `path` inside the folder that the environment variable `WAIL_HOME` names, or inside the working folder if it is not set.
/// An absolute path is returned unchanged.
pub fn inside(path: &Path) -> PathBuf {
    std::env::var_os("WAIL_HOME").map_or_else(|| path.into(), |home| Path::new(&home).join(path))
}
