//! A folder of sounds that a program makes: it appears whole or not at all, and tells with which settings it was made.

use std::path::Path;

use durable::write_atomic;
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::signal::RATE;

#[derive(PartialEq, Serialize, Deserialize)]
struct Marker<T> {
    format_version: u32,
    config: T,
}

/// Writes `files` into `dir` with `write`, which gets the path of each. The file `marker`
/// tells version and settings: a folder that has the same ones is left as it is. Two processes may ask for the same folder.
///
/// # Errors
/// [`Error::Synthetic`] if `dir` holds anything else, [`Error::Io`] if it cannot be written.
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
    let wanted = Marker { format_version, config: *config };
    if holds(dir, marker, &wanted)? {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
    let work = tempfile::Builder::new().prefix(".synthetic-").tempdir_in(parent).map_err(Error::io(parent))?;
    let unfinished = work.path().join("sounds");
    files.par_iter().try_for_each(|file| {
        let path = unfinished.join(file.path());
        let folder = path.parent().unwrap_or(&unfinished);
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        write(&path, file)
    })?;
    let text = serde_json::to_string(&wanted).map_err(|e| Error::Synthetic(e.to_string()))?;
    write_atomic(&unfinished.join(marker), text.as_bytes()).map_err(Error::io(dir))?;
    match std::fs::rename(&unfinished, dir) {
        // Another process was faster.
        Err(_) if holds(dir, marker, &wanted)? => Ok(()),
        done => done.map_err(Error::io(dir)),
    }
}

/// A file that is to be made.
pub(crate) trait Named {
    /// Its path below the folder.
    fn path(&self) -> String;
}

/// Writes mono samples at [`RATE`], cut to ±1, as 16-bit WAV.
pub(crate) fn write_wav(path: &Path, samples: impl IntoIterator<Item = f64>) -> Result<(), Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
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
    write().map_err(|e: hound::Error| Error::Synthetic(format!("{}: {e}", path.display())))
}

/// Whether the folder is there already; an error if something else is.
fn holds<T: PartialEq + DeserializeOwned>(dir: &Path, marker: &str, wanted: &Marker<T>) -> Result<bool, Error> {
    let empty = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => true,
        Err(e) => return Err(Error::io(dir)(e)),
    };
    if empty {
        return Ok(false);
    }
    let text = std::fs::read(dir.join(marker)).unwrap_or_default();
    match serde_json::from_slice::<Marker<T>>(&text) {
        Ok(found) if found == *wanted => Ok(true),
        Ok(_) => Err(Error::Synthetic(format!(
            "{} holds one made with other settings; remove it or choose another folder",
            dir.display()
        ))),
        Err(_) => {
            Err(Error::Synthetic(format!("{} holds something else; choose a new or empty folder", dir.display())))
        }
    }
}
