//! Ends a small sweep at every step of every write, and a second time while it recovers: the same command then ends as if
//! nothing had been. Needs the feature `faults`:
//!
//! ```sh
//! cargo test --release --workspace --features train/faults --test faults
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const SMALL: &str = r#"
name = "small"
[data]
roots = []
synthetic_recordings = 40
[features]
image_size = 32
[backbone]
weights = "random"
[train]
epochs = 2
augmented_views = 1
[sweep]
learning_rate = [1e-3, 1e-2]
inner = [8]
dropout = [0.5]
"#;

/// Runs the sweep in `folder`; with `abort_at`, until that step. The caches are those of `caches`.
fn train(folder: &Path, caches: &Path, abort_at: Option<usize>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    let set =
        [format!("data.cache={:?}", caches.join("cache")), format!("data.synthetic={:?}", caches.join("synthetic"))];
    command.current_dir(folder).args(["--config", "small.toml", "--device", "cpu", "--set", &set[0], "--set", &set[1]]);
    // One thread, so that the n-th step is always the same.
    command.env("RAYON_NUM_THREADS", "1").env_remove("WAIL_ABORT_AT");
    abort_at.map(|n| command.env("WAIL_ABORT_AT", n.to_string()));
    command.output().unwrap()
}

fn fresh() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    folder
}

/// Every file of the runs in `folder` but `runtime.jsonl`, with its bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.join("experiments")];
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

#[test]
fn a_sweep_may_end_at_any_step_of_any_write() {
    let caches = TempDir::new().unwrap();
    let undisturbed = fresh();
    let output = train(undisturbed.path(), caches.path(), None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = contents(undisturbed.path());

    let mut steps = 0;
    loop {
        let folder = fresh();
        let output = train(folder.path(), caches.path(), Some(steps + 1));
        if output.status.success() {
            assert!(contents(folder.path()) == expected);
            break;
        }
        steps += 1;
        assert_eq!(output.status.code(), None, "step {steps}: {}", String::from_utf8_lossy(&output.stderr));
        // Every third time it ends once more, soon after it went on.
        if steps % 3 == 0 {
            let again = train(folder.path(), caches.path(), Some(1 + steps % 17));
            assert_eq!(again.status.code(), None, "step {steps}, again");
        }
        let output = train(folder.path(), caches.path(), None);
        assert!(output.status.success(), "after step {steps}: {}", String::from_utf8_lossy(&output.stderr));
        let found = contents(folder.path());
        let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "after step {steps}");
        for ((path, found), (_, expected)) in found.iter().zip(&expected) {
            assert!(found == expected, "{} after step {steps}", path.display());
        }
    }
    eprintln!("ended at each of {steps} steps");
    assert!(steps > 80, "every file takes five steps, a record of the journal three: {steps}");
}
