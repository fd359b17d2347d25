//! Ends a small sweep at every step of every write, and a second time while it recovers: the same command then ends as if
//! nothing had been. Needs the feature `faults`:
//!
//! ```sh
//! cargo test --release --workspace --features train/faults --test faults
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "run_files.rs"]
mod run_files;

use std::path::Path;
use std::process::{Command, Output};

use run_files::{assert_same, contents};
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

#[test]
fn a_sweep_may_end_at_any_step_of_any_write() {
    let caches = TempDir::new().unwrap();
    let undisturbed = fresh();
    let output = train(undisturbed.path(), caches.path(), None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = contents(&undisturbed.path().join("experiments"));

    let mut steps = 0;
    loop {
        let folder = fresh();
        let output = train(folder.path(), caches.path(), Some(steps + 1));
        if output.status.success() {
            assert_same(&contents(&folder.path().join("experiments")), &expected, "undisturbed");
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
        assert_same(&contents(&folder.path().join("experiments")), &expected, &format!("after step {steps}"));
    }
    eprintln!("ended at each of {steps} steps");
    assert!(steps > 80, "every file takes five steps, a record of the journal three: {steps}");
}
