//! Passwords and secrets are kept in files, not in the configuration.

use std::path::Path;

/// The text of the file, without the line break at its end. Errors are text for people.
pub(crate) fn read_secret(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() { Err(format!("{} is empty", file.display())) } else { Ok(secret.to_owned()) }
}
