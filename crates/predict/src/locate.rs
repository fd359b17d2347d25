//! Where the model to use lies.

use std::path::{Path, PathBuf};

use crate::Error;

/// Names of a model's file in a run's or an exported folder, the quickest to load first.
const MODEL_FILES: [&str; 2] = ["model.safetensors", "model.onnx"];

/// The name that stands for the model of the newest run.
pub const NEWEST: &str = "newest";

/// The model file that `path` means: itself, the one in that folder, or for [`NEWEST`] that of the run below `experiments` that was
/// finished last.
///
/// # Errors
/// [`Error::NoModel`] if the folder holds none, or there is no run; it says how to make one.
pub fn model_file(path: &Path, experiments: &Path) -> Result<PathBuf, Error> {
    if path == Path::new(NEWEST) {
        return newest_run(experiments);
    }
    if !path.is_dir() {
        return Ok(path.into());
    }
    file_in(path).ok_or_else(|| Error::NoModel(format!("{}: there is no model in this folder", path.display())))
}

fn newest_run(experiments: &Path) -> Result<PathBuf, Error> {
    let models = folders(experiments).into_iter().map(|folder| folder.join(MODEL_FILES[0]));
    let newest = models.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).max();
    newest.map(|(_, path)| path).ok_or_else(|| {
        Error::NoModel(format!(
            "there is no trained model in {}; train one with: train --config sweep.toml, or name one with --model",
            experiments.display()
        ))
    })
}

fn file_in(folder: &Path) -> Option<PathBuf> {
    MODEL_FILES.map(|name| folder.join(name)).into_iter().find(|file| file.is_file())
}

/// The folders in `parent`, sorted.
fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_where_it_may_lie() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        let experiments = root.path().join("experiments");
        let find = |path: &Path| model_file(path, &experiments);
        assert!(find(Path::new(NEWEST)).unwrap_err().to_string().contains("train --config"));
        assert!(find(root.path()).is_err());
        let onnx = put("models/a/model.onnx");
        assert_eq!((find(&onnx).unwrap(), find(&root.path().join("models/a")).unwrap()), (onnx.clone(), onnx));
        put("experiments/other/backbone.safetensors");
        let run = put("experiments/run/model.safetensors");
        assert_eq!(find(Path::new(NEWEST)).unwrap(), run);
    }
}
