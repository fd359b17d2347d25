//! What runs leave in a folder, for the tests that compare it.

use std::path::{Path, PathBuf};

/// Weights of a ResNet18 with few channels, which loads in no time.
#[allow(dead_code, reason = "not every test that includes this file needs it")]
pub const NARROW_BACKBONE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/goldens/legacy_folded.onnx");

/// The one entry of a folder.
#[allow(dead_code, reason = "not every test that includes this file needs it")]
pub fn only_entry(folder: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(folder).unwrap();
    let entry = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none(), "more than one entry in {}", folder.display());
    entry
}

/// Every file below `folder` but `runtime.jsonl`, with its bytes, by path.
#[allow(dead_code, reason = "not every test that includes this file needs it")]
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
#[allow(dead_code, reason = "not every test that includes this file needs it")]
pub fn copy(files: &[(PathBuf, Vec<u8>)], folder: &Path) {
    for (path, bytes) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Fails unless the files are the same; says which is not, `when`.
#[allow(dead_code, reason = "not every test that includes this file needs it")]
pub fn assert_same(found: &[(PathBuf, Vec<u8>)], expected: &[(PathBuf, Vec<u8>)], when: &str) {
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{when}");
    for ((path, found), (_, expected)) in found.iter().zip(expected) {
        assert!(found == expected, "{} {when}", path.display());
    }
}
