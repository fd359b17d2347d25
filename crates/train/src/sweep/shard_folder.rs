//! The folders of shards inside a run's folder, as `wail merge` finds them.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use experiment::folder::{self, SHARDS_FOLDER};
use experiment::journal::{Journal, JournalState};
use experiment::{Identity, RunFolder};

use super::inputs::Inputs;
use super::shard::{IDENTITY_FILE, Shard};
use crate::Error;
use crate::config::{Config, Settings, differences};
use crate::identity::IdentityParts;

/// The folder of a shard that began.
pub(super) struct ShardFolder {
    pub shard: Shard,
    pub folder: RunFolder,
    /// What it was run with.
    pub config: Config,
    /// What its identity hashes.
    parts: IdentityParts,
}

/// The folders of the shards of `run`, by their number.
///
/// # Errors
/// [`Error::Io`] if one cannot be read, [`Error::Data`] if one is not a shard's.
pub(super) fn find(run: &RunFolder) -> Result<Vec<ShardFolder>, Error> {
    let mut found = Vec::new();
    for path in paths(run)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(shard) = Shard::of_folder(&name) else {
            return Err(Error::Data(format!("{}: this is not the folder of a shard; remove it", path.display())));
        };
        found.extend(ShardFolder::read(run, shard)?);
    }
    found.sort_by_key(|found| found.shard);
    Ok(found)
}

/// The paths of the folders of shards in `run`, without those that are being removed.
pub(super) fn paths(run: &RunFolder) -> Result<Vec<PathBuf>, Error> {
    let folder = run.path.join(SHARDS_FOLDER);
    let entries: io::Result<Vec<PathBuf>> = match folder.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries.and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()),
    };
    let mut paths = entries.map_err(Error::io(&folder))?;
    paths.retain(|path| !path.file_name().unwrap_or_default().as_encoded_bytes().starts_with(b"."));
    paths.sort();
    Ok(paths)
}

impl ShardFolder {
    /// The folder of `shard`; `None` if it did not get as far as its first trial.
    fn read(run: &RunFolder, shard: Shard) -> Result<Option<Self>, Error> {
        let folder = run.inside(&shard.folder());
        let [config, identity] = ["config.toml", IDENTITY_FILE].map(|name| folder.path.join(name));
        let (Some(text), Some(parts)) = (read(&config)?, read(&identity)?) else { return Ok(None) };
        let config = Config::parse(&config.display().to_string(), &text, &[])?;
        let damaged =
            |error: serde_json::Error| experiment::Error::Damaged { path: identity, problem: error.to_string() };
        let parts = serde_json::from_str(&parts).map_err(damaged)?;
        Ok(Some(Self { shard, folder, config, parts }))
    }

    /// How its configuration differs from `expected`, without the paths of `[data]`.
    pub fn config_differences(&self, expected: &Config) -> Result<Vec<String>, Error> {
        let table = |config: &Config| {
            let config = Config { data: config.data.without_paths(), ..config.clone() };
            toml::Table::try_from(config).map_err(Error::encode("the configuration"))
        };
        Ok(differences::between(&table(&self.config)?, &table(expected)?))
    }

    /// How its inputs differ from those found now.
    pub fn input_differences(&self, inputs: &Inputs) -> Vec<String> {
        self.parts.differences(&inputs.parts)
    }

    /// What its journal says.
    pub fn state(&self, identity: &Identity) -> Result<JournalState, Error> {
        Ok(JournalState::replay(Journal::read(&self.folder.path, identity)?))
    }

    /// Removes it. If that is interrupted, the rest has a hidden name and [`remove_rest`] removes it.
    pub fn remove(&self) -> Result<(), Error> {
        let path = &self.folder.path;
        let hidden = path.with_file_name(format!(".{}", path.file_name().unwrap_or_default().to_string_lossy()));
        folder::remove(&hidden)?;
        std::fs::rename(path, &hidden).map_err(Error::io(path))?;
        Ok(folder::remove(&hidden)?)
    }
}

/// Removes what interrupted removals left in `run`, and the folder of shards if it is empty.
pub(super) fn remove_rest(run: &RunFolder) -> Result<(), Error> {
    let folder = run.path.join(SHARDS_FOLDER);
    let Ok(entries) = folder.read_dir() else { return Ok(()) };
    for entry in entries {
        let entry = entry.map_err(Error::io(&folder))?;
        let name = entry.file_name();
        let hidden = name.to_str().and_then(|name| name.strip_prefix('.'));
        if hidden.and_then(Shard::of_folder).is_some() {
            folder::remove(&entry.path())?;
        }
    }
    match std::fs::remove_dir(&folder) {
        Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => Err(Error::io(&folder)(error)),
        _ => Ok(()),
    }
}

/// The text of the file at `path`; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        text => text.map(Some).map_err(Error::io(path)),
    }
}
