//! Where the model to use lies.

use std::path::{Path, PathBuf};

use crate::Error;

/// Names of a model's file in a run's or an exported folder, the quickest to load first.
const MODEL_FILES: [&str; 2] = ["model.safetensors", "model.onnx"];

/// The model file that `path` means: itself, or the one in that folder.
///
/// # Errors
/// [`Error::NoModel`] if the folder holds none.
pub fn model_file(path: &Path) -> Result<PathBuf, Error> {
    if !path.is_dir() {
        return Ok(path.into());
    }
    file_in(path).ok_or_else(|| Error::NoModel(format!("{}: there is no model in this folder", path.display())))
}

/// The model of the run below `experiments` that was finished last.
///
/// # Errors
/// [`Error::NoModel`] if there is none; it says how to train one.
pub fn newest_run(experiments: &Path) -> Result<PathBuf, Error> {
    let models = folders(experiments).into_iter().map(|folder| folder.join(MODEL_FILES[0]));
    let newest = models.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).max();
    newest.map(|(_, path)| path).ok_or_else(|| {
        Error::NoModel(format!(
            "there is no trained model in {}; train one with: train --config sweep.toml, or name one with --model",
            experiments.display()
        ))
    })
}

/// The one model that lies in a folder of its own below `models`; `None` without any.
///
/// # Errors
/// [`Error::NoModel`] if there are several: it names them.
pub fn kept_model(models: &Path) -> Result<Option<PathBuf>, Error> {
    let mut found: Vec<PathBuf> = folders(models).iter().filter_map(|folder| file_in(folder)).collect();
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::NoModel(format!("there are several models; name one with --model: {}", names.join(", "))));
    }
    Ok(found.pop())
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
        let models = root.path().join("models");
        assert!(newest_run(&root.path().join("experiments")).unwrap_err().to_string().contains("train --config"));
        assert_eq!(kept_model(&models).unwrap(), None);
        assert!(model_file(root.path()).is_err());

        let onnx = put("models/a/model.onnx");
        assert_eq!(kept_model(&models).unwrap(), Some(onnx.clone()));
        assert_eq!((model_file(&onnx).unwrap(), model_file(&models.join("a")).unwrap()), (onnx.clone(), onnx));
        put("models/b/model.safetensors");
        let several = kept_model(&models).unwrap_err().to_string();
        assert!(several.contains("a/model.onnx") && several.contains("b/model.safetensors"), "{several}");

        let run = put("experiments/run/model.safetensors");
        assert_eq!(newest_run(&root.path().join("experiments")).unwrap(), run);
    }
}
