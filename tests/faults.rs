//! A small sweep that is aborted, or gets an I/O error, at every step of every write, or runs on a file system without locks. The
//! same command then gives the same result as an undisturbed run. Needs the feature `faults`:
//!
//! ```sh
//! cargo test --release --workspace --features train/faults --test faults
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "run_files.rs"]
mod run_files;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use experiment::journal::{Journal, Outcome, Record};
use run_files::{assert_same, contents, copy, fresh_narrow, identity, only_entry, signal, started};
use tempfile::TempDir;

const SMALL: &str = r#"
name = "small"
[data]
roots = []
synthetic_recordings = 40
"#;

/// A grid with one trial fewer.
const SHORTER: [&str; 2] = ["--set", "sweep.learning_rate=[1e-3]"];

/// Runs the sweep in `folder` with the caches in `caches`; `fault` is the variable and the step at which it is injected.
fn wail(folder: &Path, caches: &Path, arguments: &[&str], fault: Option<(&str, usize)>) -> Output {
    command(folder, caches, arguments, fault).output().unwrap()
}

fn command(folder: &Path, caches: &Path, arguments: &[&str], fault: Option<(&str, usize)>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wail"));
    let set =
        [format!("data.cache={:?}", caches.join("cache")), format!("data.synthetic={:?}", caches.join("synthetic"))];
    command.current_dir(folder).args(["--config", "tiny.toml", "--device", "cpu", "--set", &set[0], "--set", &set[1]]);
    command.args(arguments);
    // One thread, so that the n-th step is deterministic.
    command.env("RAYON_NUM_THREADS", "1");
    fault.map(|(name, n)| command.env(name, n.to_string()));
    command
}

fn finish(folder: &Path, caches: &Path, arguments: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let output = wail(folder, caches, arguments, None);
    assert!(output.status.success(), "{}", text(&output));
    contents(&folder.join("experiments"))
}

/// The files of an undisturbed run; fills `caches`.
fn undisturbed(caches: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = finish(fresh().path(), caches, &[]);
    // Recordings that were just written are read again, and noted, by the second run.
    finish(fresh().path(), caches, &[]);
    files
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn fresh() -> TempDir {
    fresh_narrow(SMALL, 2)
}

#[test]
fn a_sweep_may_be_aborted_at_any_step_of_any_write() {
    let caches = TempDir::new().unwrap();
    let expected = undisturbed(caches.path());
    for step in 1.. {
        let folder = fresh();
        let output = wail(folder.path(), caches.path(), &[], Some(("WAIL_ABORT_AT", step)));
        if output.status.success() {
            assert_same(&contents(&folder.path().join("experiments")), &expected, "undisturbed");
            assert!(step > 80, "every file takes five steps, a record of the journal three: {step}");
            break;
        }
        assert_eq!(output.status.code(), None, "step {step}: {}", text(&output));
        // Every third time, the run is aborted again soon after it resumed.
        if step % 3 == 0 {
            let again = wail(folder.path(), caches.path(), &[], Some(("WAIL_ABORT_AT", 1 + step % 17)));
            let is_finished = text(&again).contains("nothing is left to do");
            assert!(again.status.code().is_none() || is_finished, "step {step}, again: {}", text(&again));
        }
        assert_same(&finish(folder.path(), caches.path(), &[]), &expected, &format!("after step {step}"));
    }
}

#[test]
fn a_preparation_may_be_aborted_or_fail_at_any_step_of_any_write() {
    let caches = TempDir::new().unwrap();
    undisturbed(caches.path());
    let synthetic = format!("data.synthetic={:?}", caches.path().join("synthetic"));
    let run = |folder: &Path, command: &[&str], fault: Option<(&str, usize)>| {
        let settings = ["--config", "tiny.toml", "--device", "cpu", "--set", &synthetic];
        let mut command = run_files::command(folder, &[command, &settings].concat());
        command.env("RAYON_NUM_THREADS", "1");
        fault.map(|(name, n)| command.env(name, n.to_string()));
        command.output().unwrap()
    };
    let finish = |folder: &Path| {
        let output = run(folder, &[], None);
        assert!(output.status.success(), "{}", text(&output));
        contents(&folder.join("experiments"))
    };
    let expected = finish(fresh().path());
    for step in 1.. {
        let fault = if step % 2 == 0 { "WAIL_ABORT_AT" } else { "WAIL_FAIL_AT" };
        let folder = fresh();
        let output = run(folder.path(), &["prepare"], Some((fault, step)));
        if output.status.success() {
            assert!(step > 15, "every segment takes five steps: {step}");
            break;
        }
        let error = text(&output);
        let is_named = error.contains("data/cache/") && error.contains("Input/output error");
        assert_eq!(output.status.code(), (fault == "WAIL_FAIL_AT").then_some(1), "step {step}: {error}");
        assert!(fault == "WAIL_ABORT_AT" || is_named, "step {step}: {error}");
        assert_same(&finish(folder.path()), &expected, &format!("after step {step}"));
    }
}

/// Every third step: a file takes five, so each kind of step is among them.
#[test]
fn a_merge_may_be_aborted_at_any_step_of_any_write() {
    let caches = TempDir::new().unwrap();
    let expected = undisturbed(caches.path());
    let folder = fresh();
    finish(folder.path(), caches.path(), &["--shard", "1/2"]);
    let shards = finish(folder.path(), caches.path(), &["--shard", "2/2"]);
    let merge = |folder: &Path, fault: Option<(&str, usize)>| {
        let run = only_entry(&folder.join("experiments"));
        let mut command = run_files::command(folder, &["merge", run.to_str().unwrap(), "--device", "cpu"]);
        command.env("RAYON_NUM_THREADS", "1");
        fault.map(|(name, n)| command.env(name, n.to_string()));
        command.output().unwrap()
    };
    for step in (1..).step_by(3) {
        let folder = fresh();
        copy(&shards, &folder.path().join("experiments"));
        let output = merge(folder.path(), Some(("WAIL_ABORT_AT", step)));
        let is_finished = output.status.success();
        assert!(is_finished || output.status.code().is_none(), "step {step}: {}", text(&output));
        let output = merge(folder.path(), None);
        assert!(output.status.success(), "after step {step}: {}", text(&output));
        assert_same(&contents(&folder.path().join("experiments")), &expected, &format!("after step {step}"));
        if is_finished {
            assert!(step > 80, "every file takes five steps, a record of the journal three: {step}");
            break;
        }
    }
}

#[test]
fn an_io_error_at_any_step_is_reported_and_damages_nothing() {
    let caches = TempDir::new().unwrap();
    let expected = undisturbed(caches.path());
    let shorter = fresh();
    let before = finish(shorter.path(), caches.path(), &SHORTER);
    for step in 1.. {
        let folder = fresh();
        copy(&before, &folder.path().join("experiments"));
        let output = wail(folder.path(), caches.path(), &[], Some(("WAIL_FAIL_AT", step)));
        let after = contents(&folder.path().join("experiments"));
        if output.status.success() {
            assert_same(&after, &expected, "undisturbed");
            assert!(step > 80, "every file takes five steps, a record of the journal three: {step}");
            break;
        }
        assert_eq!(output.status.code(), Some(1), "step {step}: {}", text(&output));
        let error = text(&output).lines().find(|line| line.starts_with("error")).unwrap_or_default().to_owned();
        assert!(error.contains("experiments/small-") && error.contains("Input/output error"), "step {step}: {error}");
        // Only divergence is recorded as the outcome of a trial.
        let run = only_entry(&folder.path().join("experiments"));
        let records = Journal::read(&run, &identity(&run)).unwrap();
        let failed = |record: &Record| matches!(record, Record::Trial { outcome: Outcome::Failed(_), .. });
        assert!(!records.iter().any(failed), "step {step}: {records:?}");
        // What was written stays intact: each file except the journal is the old one or the new one.
        for (path, bytes) in before.iter().filter(|(path, _)| !path.ends_with("journal")) {
            // Some mistakes of the smaller search are not mistakes of the larger one.
            let versions = [&after, &expected].map(|files| files.iter().find(|(name, _)| name == path).map(|(_, b)| b));
            assert!(versions[0] == Some(bytes) || versions[0] == versions[1], "step {step}: {}", path.display());
        }
        assert_same(&finish(folder.path(), caches.path(), &[]), &expected, &format!("after step {step}"));
    }
}

#[test]
fn without_locks_a_lease_keeps_a_second_process_out_and_that_of_a_killed_one_is_taken_over() {
    const NO_LOCKS: Option<(&str, usize)> = Some(("WAIL_NO_LOCKS", 1));
    /// After this time without one, a lease is renewed as soon as its holder runs.
    const RENEWAL: Duration = Duration::from_secs(5);
    let caches = TempDir::new().unwrap();
    let expected = undisturbed(caches.path());
    let folder = fresh();
    let mut holder = command(folder.path(), caches.path(), &["--set", "train.epochs=10000"], NO_LOCKS);
    let mut holder = started(holder.stdout(Stdio::null()), "engine ");
    let lease = only_entry(&folder.path().join("experiments")).join("journal.lease");
    assert!(lease.is_file());
    // The holder does not run while the second process starts, so that it cannot finish before that one is refused.
    signal(&holder, "-STOP");
    let mut second = command(folder.path(), caches.path(), &["--set", "train.epochs=10000"], NO_LOCKS);
    let second = second.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(RENEWAL);
    signal(&holder, "-CONT");
    let second = second.wait_with_output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{}", text(&second));
    assert!(text(&second).contains(&format!("process {} on ", holder.id())), "{}", text(&second));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(lease.is_file());
    let next = wail(folder.path(), caches.path(), &[], NO_LOCKS);
    assert!(next.status.success(), "{}", text(&next));
    assert_same(&contents(&folder.path().join("experiments")), &expected, "with a lease");
}
