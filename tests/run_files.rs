//! Runs the real `wail` binary and reads the files of its runs, for the tests that include this file.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use experiment::Identity;
use serde_json::Value;
use tempfile::TempDir;

/// Weights of a ResNet18 with few channels, which loads quickly.
pub const NARROW_BACKBONE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/goldens/legacy_folded.onnx");

/// The only entry of a folder.
pub fn only_entry(folder: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(folder).unwrap();
    let entry = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none(), "more than one entry in {}", folder.display());
    entry
}

/// Every file below `folder` except `runtime.jsonl`, with its bytes, sorted by path.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "runtime.jsonl" {
                files.push((path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// Writes `files` below `folder`.
pub fn copy(files: &[(PathBuf, Vec<u8>)], folder: &Path) {
    for (path, bytes) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Fails unless the files are the same; the message names the first difference and `when`.
pub fn assert_same(found: &[(PathBuf, Vec<u8>)], expected: &[(PathBuf, Vec<u8>)], when: &str) {
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{when}");
    for ((path, found), (_, expected)) in found.iter().zip(expected) {
        assert!(found == expected, "{} {when}", path.display());
    }
}

/// The identity in the journal of the folder `run`.
pub fn identity(run: &Path) -> Identity {
    Identity::from_bytes(std::fs::read(run.join("journal")).unwrap()[16..48].try_into().unwrap())
}

/// The command `wail` in `folder`.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wail"));
    command.current_dir(folder).args(arguments);
    command
}

/// Runs `wail` in `folder`.
pub fn wail(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// Starts `command` and waits until it prints a line on standard error that starts with `line`.
pub fn started(command: &mut Command, line: &str) -> Child {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|found| found.starts_with(line)));
    // Keeps reading, so that the pipe does not fill up.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// Sends the signal `name`, such as `-TERM`.
pub fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Standard output of a successful command.
pub fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error of a command.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The answer with the highest cry score among those of `infer --format jsonl`; it must be a cry.
pub fn clearest_cry(answers: &str) -> Value {
    let answers = answers.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let clearest = answers.max_by(|a, b| a["cry_score"].as_f64().unwrap().total_cmp(&b["cry_score"].as_f64().unwrap()));
    let clearest = clearest.unwrap();
    assert_eq!(clearest["not_a_cry"], false, "{clearest}");
    clearest
}

/// Start of a configuration for [`fresh_narrow`]: three folds and the saved model, with two trials each.
pub const THREE_FOLDS: &str = r#"
name = "tiny"
[data]
roots = []
synthetic_recordings = 40
[data.split]
kind = "cross_validation"
folds = 3
"#;

/// A new folder that contains `config` as `tiny.toml`.
pub fn fresh(config: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("tiny.toml"), config).unwrap();
    folder
}

/// A new folder that contains [`NARROW_BACKBONE`] as `backbone.onnx` and a config as `tiny.toml`: `start`, then two trials of
/// `epochs` epochs that take about a second.
pub fn fresh_narrow(start: &str, epochs: usize) -> TempDir {
    let search = format!(
        r#"
[features]
image_size = 32
[backbone]
weights = "backbone.onnx"
[train]
epochs = {epochs}
augmented_views = 1
[sweep]
learning_rate = [1e-3, 1e-2]
inner = [8]
dropout = [0.5]
[gate]
sounds_per_kind = 2
"#
    );
    let folder = fresh(&(start.to_owned() + &search));
    std::fs::copy(NARROW_BACKBONE, folder.path().join("backbone.onnx")).unwrap();
    folder
}
