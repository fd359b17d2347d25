//! The caches of a run: what they spare, how they survive kills, damage and two writers, and how other programs read them.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::run_files::{self, assert_same, contents, fresh_narrow, only_entry, stderr, stdout};
use durable::{hex, sha256_hex};
use safetensors::SafeTensors;

const SMALL: &str = r#"
name = "small"
[data]
roots = ["recordings"]
"#;

const N_RECORDINGS: usize = 40;

/// A folder with a config and recordings that were written a while ago.
fn with_recordings() -> tempfile::TempDir {
    let folder = fresh_narrow(SMALL, 2);
    stdout(&run_files::wail(folder.path(), &["synth", "--out", "recordings", "--recordings", "40"]));
    std::thread::sleep(Duration::from_millis(200));
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    run_files::command(folder, &[arguments, &["--config", "tiny.toml", "--device", "cpu"]].concat())
}

/// Runs the sweep, or another command with its settings, to the end; returns what it printed on standard error.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder, arguments).output().unwrap();
    stdout(&output);
    stderr(&output)
}

/// The segments below a folder of tables.
fn segments(tables: &Path) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "safetensors");
    contents(tables).into_iter().map(|(path, _)| tables.join(path)).filter(is_segment).collect()
}

/// Replaces every recording by other bytes, and makes the list of known files say that nothing changed.
fn replace_recordings_unnoticed(folder: &Path) {
    let list = only_entry(&folder.join("data/cache/files"));
    let text = std::fs::read_to_string(&list).unwrap();
    let (head, records) = text.split_once('\0').unwrap();
    let forged = |record: &str| {
        let fields: Vec<&str> = record.splitn(6, ' ').collect();
        let path = folder.join("recordings").join(fields[5]);
        std::fs::write(&path, "these bytes are no sound").unwrap();
        let now = std::fs::metadata(&path).unwrap();
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        let times = [ns(now.mtime(), now.mtime_nsec()), ns(now.ctime(), now.ctime_nsec())];
        format!("{} {} {} {} {} {}\0", fields[0], now.len(), now.ino(), times[0], times[1], fields[5])
    };
    let records: Vec<String> = records.split_terminator('\0').map(forged).collect();
    assert_eq!(records.len(), N_RECORDINGS);
    let (format, _) = head.split_once(' ').unwrap();
    let records = records.concat();
    std::fs::write(&list, format!("{format} {}\0{records}", sha256_hex(records.as_bytes()))).unwrap();
}

#[test]
fn a_warm_start_decodes_no_recording() {
    let folder = with_recordings();
    let folder = folder.path();
    let first = run(folder, &["--shard", "1/1", "--out", "first"]);
    assert!(first.contains("decoded    40 of 40 recordings"), "{first}");
    let whole = run(folder, &["--out", "whole"]);
    assert!(whole.contains("decoded    0 of 40 recordings"), "{whole}");
    replace_recordings_unnoticed(folder);
    run(folder, &["--shard", "1/1", "--out", "second"]);
    assert_same(&contents(&folder.join("second")), &contents(&folder.join("first")), "without a sound");
    let again = run(folder, &["--out", "whole"]);
    assert!(again.contains("nothing is left to do"), "{again}");
}

/// As a program in another language would: with a library for safetensors, and the manifest.
#[test]
fn other_programs_find_the_embedding_of_each_recording() {
    let folder = with_recordings();
    let folder = folder.path();
    run(folder, &["--set", "gate.enabled=false"]);
    let mut manifest = csv::Reader::from_path(only_entry(&folder.join("experiments")).join("manifest.csv")).unwrap();
    let digests: BTreeSet<String> = manifest.records().map(|row| row.unwrap()[3].to_owned()).collect();
    let mut found = BTreeSet::new();
    for path in segments(&folder.join("data/cache/embeddings")) {
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let kind = &header.metadata().as_ref().unwrap()["wail"];
        assert!(kind.starts_with("networks ") && kind.contains("features "), "{kind}");
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let keys = tensors.tensor("keys").unwrap();
        let values = tensors.tensor("values").unwrap();
        assert_eq!(values.shape()[0], keys.shape()[0]);
        assert!(values.shape()[1] > 0 && keys.shape()[1] == 32);
        found.extend(keys.data().chunks(32).map(hex));
    }
    assert_eq!(found, digests);
}

#[test]
fn two_processes_that_prepare_at_once_fill_the_same_tables() {
    let alone = with_recordings();
    run(alone.path(), &["--out", "run"]);
    let folder = with_recordings();
    let folder = folder.path();
    let children = ["1/2", "2/2", "1/1"].map(|shard| {
        command(folder, &["prepare", "--shard", shard]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    });
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let before = segments(&folder.join("data/cache/fingerprints"));
    let printed = run(folder, &["--out", "run"]);
    assert!(printed.contains("decoded    0 of 40 recordings"), "{printed}");
    assert_eq!(segments(&folder.join("data/cache/fingerprints")), before);
    assert_same(&contents(&folder.join("run")), &contents(&alone.path().join("run")), "whoever wrote the caches");
}

#[test]
fn a_killed_preparation_is_resumed() {
    let alone = with_recordings();
    run(alone.path(), &["--out", "run"]);
    let folder = with_recordings();
    let folder = folder.path();
    let mut codes = BTreeSet::new();
    for kill in 0..12 {
        let mut prepare = command(folder, &["prepare"]);
        let mut child = prepare.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(25 * kill));
        run_files::signal(&child, if kill % 2 == 0 { "-KILL" } else { "-TERM" });
        codes.insert(child.wait().unwrap().code());
    }
    assert!(codes.contains(&None), "{codes:?}");
    run(folder, &["--out", "run"]);
    assert_same(&contents(&folder.join("run")), &contents(&alone.path().join("run")), "after kills");
}
