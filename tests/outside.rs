//! `wail` outside the repository: everything that it needs is built into the program.
#![allow(clippy::unwrap_used)]

#[path = "run_files.rs"]
mod run_files;

use std::path::Path;

use run_files::{command, stderr, stdout, wail};
use tempfile::TempDir;

#[test]
fn built_in_configs_are_listed_printed_and_run_by_name() {
    let folder = TempDir::new().unwrap();
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let list = stdout(&wail(folder.path(), &["config", "list"]));
    for entry in std::fs::read_dir(&configs).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(list.contains(&name), "{name} is missing in {list}");
        let shown = stdout(&wail(folder.path(), &["config", "show", &name]));
        assert_eq!(shown, std::fs::read_to_string(configs.join(&name)).unwrap(), "{name}");
    }
    let unknown = wail(folder.path(), &["config", "show", "nothing"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", stderr(&unknown));
    assert!(stderr(&unknown).contains("wail config list"), "{}", stderr(&unknown));

    let invalid = wail(folder.path(), &["--config", "quick.toml", "--set", "train.epochs=0"]);
    assert!(stderr(&invalid).contains("quick.toml (built in)"), "{}", stderr(&invalid));
    assert!(stderr(&invalid).contains("train.epochs: must be 1 to 10000"), "{}", stderr(&invalid));
}

#[test]
fn wail_home_moves_caches_and_weights_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let run = |arguments: &[&str]| command(&work, arguments).env("WAIL_HOME", &home).output().unwrap();
    stdout(&run(&["--config", "quick.toml", "--set", "train.epochs=1", "--set", "gate.enabled=false"]));
    assert!(home.join("data/cache").is_dir());
    assert!(work.join("experiments").is_dir() && work.join("data/synthetic").is_dir());
    assert!(!work.join("data/cache").exists());

    let bytes = std::fs::read(run_files::NARROW_BACKBONE).unwrap();
    std::fs::create_dir(home.join("models")).unwrap();
    std::fs::write(home.join("models/resnet18_Opset16.onnx"), bytes).unwrap();
    let state = |output: &str| output.lines().find(|line| line.starts_with("resnet18 ")).unwrap().to_owned();
    let inside = state(&stdout(&run(&["weights", "list"])));
    assert!(inside.contains("DAMAGED"), "{inside}");
    let outside = stdout(&wail(&work, &["weights", "list"]));
    assert!(state(&outside).contains("46748516 bytes") && state(&outside).contains("missing"), "{outside}");
    for entry in weights::Register::embedded().unwrap().weights {
        assert!(outside.contains(&entry.url) && outside.contains(&format!("{} bytes", entry.bytes)), "{outside}");
    }
    let folder = work.canonicalize().unwrap().join("models");
    assert!(outside.contains(&format!("Folder: {}\n", folder.display())), "{outside}");
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let folder = TempDir::new().unwrap();
    let script = stdout(&wail(folder.path(), &["completions", "bash"]));
    let page = stdout(&wail(folder.path(), &["man"]));
    stdout(&wail(folder.path(), &["man", "--out", "man"]));
    for name in ["infer", "pretrain", "report", "export", "audit", "features", "embed", "weights", "synth", "config"] {
        assert!(script.contains(name), "{name}");
        assert!(page.contains(name), "{name}");
        assert!(folder.path().join(format!("man/wail-{name}.1")).is_file(), "{name}");
    }
    assert!(script.contains("--retry-failed") && folder.path().join("man/wail.1").is_file());
}
