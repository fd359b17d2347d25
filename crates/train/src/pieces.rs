//! A result of many files that shards make in pieces: the pieces in order are the result, byte by byte.
//!
//! The pieces of `X.npy` are `X.npy.shards/I-of-N`, each with what decides its bytes in `I-of-N.json`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use experiment::{Environment, folder};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::identity::IdentityParts;
use crate::sweep::Shard;
use crate::terminal::stderr;

/// Pieces start at multiples of this many files, so that batches consist of the same files in every division.
const FILES_TOGETHER: usize = 16;

/// Files of which a process makes a result or a piece of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Indices of its files.
    pub files: Range<usize>,
    /// Whether it makes the start of the result.
    pub is_first: bool,
    /// Whether it makes the end of the result.
    pub is_last: bool,
}

impl Share {
    /// The share of `shard` in `n_files` files; all of them without a shard.
    pub fn of(shard: Option<Shard>, n_files: usize) -> Self {
        let Some(shard) = shard else { return Self { files: 0..n_files, is_first: true, is_last: true } };
        let n_blocks = n_files.div_ceil(FILES_TOGETHER);
        let start = |index: usize| ((index * n_blocks).div_ceil(shard.count()) * FILES_TOGETHER).min(n_files);
        Self {
            files: start(shard.index() - 1)..start(shard.index()),
            is_first: shard.index() == 1,
            is_last: shard.index() == shard.count(),
        }
    }
}

/// What a finished piece is.
#[derive(Debug, Serialize, Deserialize)]
struct Piece {
    /// What decides the bytes of the result.
    made_with: IdentityParts,
    sha256: String,
}

/// A result that is written as a whole or in pieces.
#[derive(Debug)]
pub struct Target<'a> {
    /// The result's path.
    out: &'a Path,
    shard: Option<Shard>,
    made_with: IdentityParts,
}

impl<'a> Target<'a> {
    /// The result at `out` of a command that is called with `files`; `settings` are what else decides it, each with its name.
    pub fn new(out: &'a Path, shard: Option<Shard>, files: &[PathBuf], settings: Vec<(&str, String)>) -> Self {
        let names: Vec<String> = files.iter().map(|file| format!("{}\n", file.display())).collect();
        let files = format!("{} with SHA-256 {}", files.len(), durable::sha256_hex(names.concat().as_bytes()));
        let general = [
            ("files", files),
            ("program", env!("CARGO_PKG_VERSION").into()),
            ("target", Environment::current().target),
        ];
        Self { out, shard, made_with: IdentityParts::new(settings.into_iter().chain(general)) }
    }

    /// Whether the piece is there already; if so, says it on standard error.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`] if it cannot be read.
    pub fn is_made(&self) -> Result<bool, Error> {
        let Some(shard) = self.shard else { return Ok(false) };
        let folder = shards_folder(self.out);
        let is_made = read(&folder, shard)?.is_some_and(|piece| piece.made_with == self.made_with);
        if is_made {
            stderr::line(format_args!("{}: nothing is left to do", folder.join(shard.folder_name()).display()));
        }
        Ok(is_made)
    }

    /// Writes the result, or its piece.
    ///
    /// # Errors
    /// [`Error::Run`] if it cannot be written.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let Some(shard) = self.shard else { return Ok(folder::write(self.out, bytes)?) };
        let folder = shards_folder(self.out);
        let piece = Piece { made_with: self.made_with.clone(), sha256: durable::sha256_hex(bytes) };
        let text = serde_json::to_vec(&piece).map_err(Error::encode("a piece's description"))?;
        folder::write(&folder.join(shard.folder_name()), bytes)?;
        Ok(folder::write(&description(&folder, shard), &text)?)
    }
}

/// The pieces of one result, all of them.
#[derive(Debug)]
pub struct Pieces {
    folder: PathBuf,
    made_with: IdentityParts,
    /// In order.
    paths: Vec<PathBuf>,
}

impl Pieces {
    /// The pieces of the result at `out`; `None` if no shard has begun with it.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if a piece is missing, [`Error::Data`] if pieces do not belong together or are damaged, [`Error::Io`] if
    /// one cannot be read.
    pub fn read(out: &Path) -> Result<Option<Self>, Error> {
        let folder = shards_folder(out);
        if !folder.is_dir() {
            return Ok(None);
        }
        let pieces = read_all(&folder)?;
        let Some((first, piece)) = pieces.first_key_value() else {
            return Err(Error::Incomplete(format!("{}: no shard has finished", folder.display())));
        };
        check(&folder, *first, &pieces)?;
        let path = |shard: &Shard| folder.join(shard.folder_name());
        for (path, piece) in pieces.iter().map(|(shard, piece)| (path(shard), piece)) {
            let (sha256, _) = File::open(&path).and_then(durable::sha256_hex_of).map_err(Error::io(&path))?;
            if sha256 != piece.sha256 {
                let problem = "it is damaged; remove it and run its shard again";
                return Err(Error::Data(format!("{}: {problem}", path.display())));
            }
        }
        Ok(Some(Self { made_with: piece.made_with.clone(), paths: pieces.keys().map(path).collect(), folder }))
    }

    /// What decides the result under `name`; `None` if nothing of that name does.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.made_with.text(name)
    }

    /// The bytes of each piece.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be read.
    pub fn contents(&self) -> impl Iterator<Item = Result<Vec<u8>, Error>> {
        self.paths.iter().map(|path| std::fs::read(path).map_err(Error::io(path)))
    }

    /// Writes the pieces, one after the other, to `out`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn join(&self, out: &Path) -> Result<(), Error> {
        let mut paths = self.paths.iter();
        let join = |file: &mut File| paths.try_for_each(|path| io::copy(&mut File::open(path)?, file).map(drop));
        durable::write_atomic_with(out, join).map_err(Error::io(out))
    }

    /// Removes them.
    ///
    /// # Errors
    /// [`Error::Run`] if one cannot be removed.
    pub fn remove(self) -> Result<(), Error> {
        Ok(folder::remove(&self.folder)?)
    }
}

/// Fails unless all pieces are there and belong to one result.
fn check(folder: &Path, first: Shard, pieces: &BTreeMap<Shard, Piece>) -> Result<(), Error> {
    let mut problems = Vec::new();
    for (shard, piece) in pieces {
        if shard.count() != first.count() {
            problems.push(format!("shard {shard}: of another division than shard {first}"));
        }
        let expected = &pieces[&first].made_with;
        problems.extend(piece.made_with.differences(expected).iter().map(|line| format!("shard {shard}: {line}")));
    }
    if !problems.is_empty() {
        let again = "remove the folder and run the shards again";
        return Err(Error::Data(format!("{}: {again}:\n  {}", folder.display(), problems.join("\n  "))));
    }
    let is_missing = |index: &usize| !pieces.keys().any(|shard| shard.index() == *index);
    let missing: Vec<String> =
        (1..=first.count()).filter(is_missing).map(|index| format!("{index}/{}", first.count())).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Incomplete(format!("{}: not finished: --shard {}", folder.display(), missing.join(", "))))
}

/// The finished pieces in `folder`, by their shard.
fn read_all(folder: &Path) -> Result<BTreeMap<Shard, Piece>, Error> {
    let mut pieces = BTreeMap::new();
    for entry in folder.read_dir().map_err(Error::io(folder))? {
        let name = entry.map_err(Error::io(folder))?.file_name();
        let shard = name.to_str().and_then(|name| name.strip_suffix(".json")).and_then(Shard::of_folder);
        if let Some(shard) = shard
            && let Some(piece) = read(folder, shard)?
        {
            pieces.insert(shard, piece);
        }
    }
    Ok(pieces)
}

/// What the piece of `shard` is; `None` if it is not finished.
fn read(folder: &Path, shard: Shard) -> Result<Option<Piece>, Error> {
    let path = description(folder, shard);
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Error::io(&path))?,
    };
    let damaged =
        |error| Error::Data(format!("{}: it is damaged; remove it and run its shard again: {error}", path.display()));
    serde_json::from_slice(&text).map(Some).map_err(damaged)
}

/// Path of a finished piece's description.
fn description(folder: &Path, shard: Shard) -> PathBuf {
    folder.join(format!("{}.json", shard.folder_name()))
}

/// The folder of the pieces of the result at `out`.
fn shards_folder(out: &Path) -> PathBuf {
    let mut name = OsString::from(out);
    name.push(".shards");
    name.into()
}
