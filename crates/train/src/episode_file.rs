//! Files that say how a model finds episodes, as `wail evaluate --fit` prints them.

use std::path::Path;

use model::EpisodeSettings;

use crate::Error;

/// The settings `own` with the keys of the TOML file at `path` in place of their own.
///
/// # Errors
/// [`Error::ConfigFile`] if the file cannot be read, is not valid TOML, or has a key that is none of [`EpisodeSettings`];
/// [`Error::Config`] for values that make no sense.
pub(crate) fn read(path: &Path, own: EpisodeSettings) -> Result<EpisodeSettings, Error> {
    let of_file = |source| Error::ConfigFile { what: path.display().to_string(), source };
    let text = std::fs::read_to_string(path).map_err(|error| of_file(error.into()))?;
    let keys: toml::Table = toml::from_str(&text).map_err(|error| of_file(error.into()))?;
    let settings = own.with_keys(&keys).map_err(|error| of_file(error.into()))?;
    let problem = |problem| Error::Config(format!("{}: {problem}", path.display()));
    settings.problem().map_or(Ok(settings), |found| Err(problem(found)))
}
