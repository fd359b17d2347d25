//! Finding the model file that a path or name stands for.

use std::path::{Path, PathBuf};

use crate::Error;

/// File names of a model in the folder of a run or an exported model; the one that loads fastest comes first.
pub const MODEL_FILES: [&str; 2] = ["model.safetensors", "model.onnx"];

/// Name that stands for the model of the newest run.
pub const NEWEST: &str = "newest";

/// The model file that `path` stands for: a file stands for itself, a folder for the model in it, and [`NEWEST`] for the model of the
/// run in `experiments` that finished last.
///
/// # Errors
/// [`Error::NoModel`] if the path does not exist, the folder has no model, or there is no run.
pub fn model_file(path: &Path, experiments: &Path) -> Result<PathBuf, Error> {
    if path == Path::new(NEWEST) {
        return newest_run(experiments);
    }
    if path.is_dir() {
        let [first, second] = MODEL_FILES;
        return file_in(path).ok_or_else(|| no_model(path, &format!("there is no {first} or {second} in this folder")));
    }
    if path.exists() { Ok(path.into()) } else { Err(no_model(path, "there is no such file or folder")) }
}

fn no_model(path: &Path, problem: &str) -> Error {
    let hint = "name a model file, or the folder of an exported model or a finished run";
    Error::NoModel(format!("{}: {problem}; {hint}", path.display()))
}

fn newest_run(experiments: &Path) -> Result<PathBuf, Error> {
    let models = folders(experiments).into_iter().map(|folder| folder.join(MODEL_FILES[0]));
    let newest = models.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).max();
    newest.map(|(_, path)| path).ok_or_else(|| {
        Error::NoModel(format!(
            "there is no trained model in {}; train one with `wail --config sweep.toml`, or name one with --model",
            experiments.display()
        ))
    })
}

fn file_in(folder: &Path) -> Option<PathBuf> {
    MODEL_FILES.map(|name| folder.join(name)).into_iter().find(|file| file.is_file())
}

/// Folders in `parent`, sorted by name.
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
    fn a_file_a_folder_and_the_newest_run_are_found() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        let experiments = root.path().join("experiments");
        let find = |path: &Path| model_file(path, &experiments);
        assert!(find(Path::new(NEWEST)).unwrap_err().to_string().contains("wail --config sweep.toml"));
        assert!(find(root.path()).is_err());
        let onnx = put("models/a/model.onnx");
        assert_eq!((find(&onnx).unwrap(), find(&root.path().join("models/a")).unwrap()), (onnx.clone(), onnx));
        put("experiments/other/backbone.safetensors");
        let run = put("experiments/run/model.safetensors");
        assert_eq!(find(Path::new(NEWEST)).unwrap(), run);
        // Its name comes first in the alphabet, but it is newer.
        let newer = put("experiments/another run/model.safetensors");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        std::fs::File::options().write(true).open(&newer).unwrap().set_modified(later).unwrap();
        assert_eq!(find(Path::new(NEWEST)).unwrap(), newer);

        let faster = put("models/a/model.safetensors");
        assert_eq!(find(&root.path().join("models/a")).unwrap(), faster, "before the ONNX file");
        std::fs::create_dir_all(root.path().join("models/b/model.onnx")).unwrap();
        for missing in ["models/b", "models/c"] {
            let message = find(&root.path().join(missing)).unwrap_err().to_string();
            assert!(message.contains(missing) && message.contains("name a model file"), "{message}");
        }
    }
}
