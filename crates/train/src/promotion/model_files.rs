//! The files of a model that are published.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use experiment::Report;
use experiment::folder::{self, MODEL_FILE, ONNX_FILE};
use predict::CARD_FILE;
use registry::Files;
use report::card::HubMetadata;
use tempfile::TempDir;

use super::trained_on::{TRAINED_ON_FILE, TrainedOn};
use crate::Error;
use crate::export::{RECORD_FILE, export_as};

/// The report of a run.
const REPORT_FILE: &str = "report.json";
/// The recordings of a run, which no other folder has.
pub(super) const MANIFEST_FILE: &str = "manifest.csv";

/// The files of a model that are published.
pub struct ModelFiles {
    /// The files.
    pub files: Files,
    /// Holds the export of a run until the files are published.
    _exported: Option<TempDir>,
}

impl ModelFiles {
    /// The files of `model`: a finished run, which is exported; the folder of an exported model; or a model file.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no model, and as [`export_as`].
    pub fn find(model: &Path) -> Result<Self, Error> {
        if model.join(MANIFEST_FILE).is_file() {
            return Self::of_run(model);
        }
        let paths = if model.is_dir() { in_folder(model) } else { file(model)? };
        if !paths.contains_key(MODEL_FILE) && !paths.contains_key(ONNX_FILE) {
            return Err(Error::Data(format!("{}: there is no {MODEL_FILE} or {ONNX_FILE} in it", model.display())));
        }
        Ok(Self { files: Files::new(paths)?, _exported: None })
    }

    fn of_run(run: &Path) -> Result<Self, Error> {
        let exported = tempfile::tempdir().map_err(Error::io(&std::env::temp_dir()))?;
        let folder = exported.path();
        // The same run is the same version, so its card names no temporary folder.
        export_as(run, None, None, folder, &Path::new("models").join(Report::read(run)?.run), &HubMetadata::default())?;
        let trained_on = folder.join(TRAINED_ON_FILE);
        folder::write(&trained_on, TrainedOn::of_run(run)?.to_csv().as_bytes())?;
        let mut paths = in_folder(folder);
        paths.insert(REPORT_FILE.into(), run.join(REPORT_FILE));
        Ok(Self { files: Files::new(paths)?, _exported: Some(exported) })
    }
}

/// The files of an exported model that are in `folder`.
fn in_folder(folder: &Path) -> BTreeMap<String, PathBuf> {
    let names = [MODEL_FILE, ONNX_FILE, RECORD_FILE, CARD_FILE, TRAINED_ON_FILE, REPORT_FILE];
    let paths = names.map(|name| (name.to_owned(), folder.join(name)));
    paths.into_iter().filter(|(_, path)| path.is_file()).collect()
}

/// A model file alone, under the name that its format has in a folder.
fn file(path: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let name = [MODEL_FILE, ONNX_FILE].into_iter().find(|name| Path::new(name).extension() == path.extension());
    match name {
        Some(name) if path.is_file() => Ok(BTreeMap::from([(name.to_owned(), path.to_owned())])),
        Some(_) => Err(Error::Data(format!("{}: there is no such file or folder", path.display()))),
        None => Err(Error::Data(format!(
            "{}: not a model ({}); name a run, the folder of an exported model, or an .onnx or .safetensors file",
            path.display(),
            extension.unwrap_or("no such folder")
        ))),
    }
}
