//! Folders of generated sounds: a folder appears whole or not at all, and a marker file in it holds its settings.

use std::io::{self, ErrorKind};
use std::path::Path;

use durable::write_atomic;
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;

/// File that marks a synthetic corpus and holds its settings.
pub(crate) const CORPUS_MARKER: &str = "synthetic.json";

/// File that marks a folder of sounds that are not cries and holds its settings.
pub(crate) const SOUNDS_MARKER: &str = "sounds.json";

/// File that marks a folder of nights and holds its settings.
pub(crate) const NIGHTS_MARKER: &str = "nights.json";

/// Content of the marker file.
#[derive(PartialEq, Serialize, Deserialize)]
struct Marker<T> {
    format_version: u32,
    config: T,
}

/// Writes `files` into `dir` by calling `write` with the path of each. The file `marker` holds the version and the
/// settings; a folder with the same ones is left unchanged. Two processes may write the same folder at once.
///
/// # Errors
/// [`Error::Occupied`] if `dir` holds anything else, [`Error::Write`] if it cannot be written.
pub(crate) fn write_folder<T, F>(
    dir: &Path,
    marker: &str,
    format_version: u32,
    config: &T,
    files: &[F],
    write: impl Fn(&Path, &F) -> Result<(), Error> + Sync,
) -> Result<(), Error>
where
    T: Copy + PartialEq + Serialize + DeserializeOwned,
    F: Named + Sync,
{
    fill_folder(dir, marker, format_version, config, |unfinished| {
        files.par_iter().try_for_each(|file| {
            let path = unfinished.join(file.path());
            let folder = path.parent().unwrap_or(unfinished);
            std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
            write(&path, file)
        })
    })
}

/// As [`write_folder`], but `fill` is called once, with the folder in which to write everything.
///
/// # Errors
/// Those of [`write_folder`] and of `fill`.
pub(crate) fn fill_folder<T: Copy + PartialEq + Serialize + DeserializeOwned>(
    dir: &Path,
    marker: &str,
    format_version: u32,
    config: &T,
    fill: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let wanted = Marker { format_version, config: *config };
    if holds(dir, marker, &wanted)? {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(Error::write(parent))?;
    let work = tempfile::Builder::new().prefix(".synthetic-").tempdir_in(parent).map_err(Error::write(parent))?;
    let unfinished = work.path().join("sounds");
    std::fs::create_dir(&unfinished).map_err(Error::write(&unfinished))?;
    fill(&unfinished)?;
    let text = serde_json::to_string(&wanted).map_err(|e| Error::write(dir)(e.into()))?;
    write_atomic(&unfinished.join(marker), text.as_bytes()).map_err(Error::write(dir))?;
    match std::fs::rename(&unfinished, dir) {
        // Another process was faster.
        Err(_) if holds(dir, marker, &wanted)? => Ok(()),
        done => done.map_err(Error::write(dir)),
    }
}

/// A file to be generated.
pub(crate) trait Named {
    /// Path relative to the folder.
    fn path(&self) -> String;
}

/// Writes mono samples, clipped to ±1, as a 16-bit WAV file, as they come: none is kept.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn write_wav(path: &Path, sample_rate_hz: u32, samples: impl IntoIterator<Item = f64>) -> Result<(), Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: sample_rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let write = || {
        let mut writer = hound::WavWriter::create(path, spec)?;
        for sample in samples {
            writer.write_sample((sample.clamp(-1.0, 1.0) * f64::from(i16::MAX)).round() as i16)?;
        }
        writer.finalize()
    };
    write().map_err(|error| match error {
        hound::Error::IoError(source) => Error::write(path)(source),
        other => Error::write(path)(io::Error::other(other)),
    })
}

/// Whether `dir` already holds the wanted files.
///
/// # Errors
/// [`Error::Occupied`] if it holds anything else.
fn holds<T: PartialEq + DeserializeOwned>(dir: &Path, marker: &str, wanted: &Marker<T>) -> Result<bool, Error> {
    let empty = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) if e.kind() == ErrorKind::NotFound => true,
        Err(e) => return Err(Error::write(dir)(e)),
    };
    if empty {
        return Ok(false);
    }
    let text = std::fs::read(dir.join(marker)).unwrap_or_default();
    let found = match serde_json::from_slice::<Marker<T>>(&text) {
        Ok(found) if found == *wanted => return Ok(true),
        Ok(_) => "sounds generated with other settings; remove it or choose another folder",
        Err(_) => "something else; choose a new or empty folder",
    };
    Err(Error::Occupied { path: dir.into(), found })
}
