//! Runs that are killed, stopped, repeated, extended, or locked by another process, and commands whose reader leaves.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "run_files.rs"]
mod run_files;

use std::io::PipeWriter;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use experiment::journal::{Journal, Record};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use run_files::{THREE_FOLDS, assert_same, fresh_narrow, only_entry, signal};
use tempfile::TempDir;

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = run_files::command(folder, &["--config", "tiny.toml", "--device", "cpu"]);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn wail(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn finish(folder: &Path, arguments: &[&str]) -> String {
    let output = wail(folder, arguments);
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

fn fresh() -> TempDir {
    fresh_narrow(THREE_FOLDS, 3)
}

/// The folder of the only run.
fn run_in(folder: &Path) -> PathBuf {
    only_entry(&folder.join("experiments"))
}

/// Every file of the only run except `runtime.jsonl`, with its bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    run_in(folder);
    run_files::contents(&folder.join("experiments"))
}

/// An uninterrupted run.
static UNDISTURBED: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = fresh();
    finish(folder.path(), &[]);
    folder
});

/// Starts a run and waits until it prints its engine; it then holds the journal.
fn started(folder: &Path, arguments: &[&str]) -> Child {
    run_files::started(&mut command(folder, arguments), "engine ")
}

/// `WAIL_KILLS` sets the number of kills; 200 take some minutes.
#[test]
fn a_run_that_is_killed_many_times_ends_like_an_uninterrupted_one() {
    let kills: usize = std::env::var("WAIL_KILLS").map_or(12, |n| n.parse().unwrap());
    let expected = contents(UNDISTURBED.path());
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut folder = fresh();
    finish(folder.path(), &[]);
    let mut whole = Duration::from_millis(400);
    for n in 0..kills {
        if n % 6 == 0 {
            // A cold start every six kills, so that each part of a run is interrupted.
            folder = fresh();
            let begun = std::time::Instant::now();
            let copy = fresh();
            finish(copy.path(), &[]);
            whole = begun.elapsed();
        }
        let mut child = command(folder.path(), &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(rng.random_range(0.0..0.9)));
        child.kill().unwrap();
        child.wait().unwrap();
        if n % 6 == 5 || n + 1 == kills {
            finish(folder.path(), &[]);
            assert_same(&contents(folder.path()), &expected, &format!("after kill {n}"));
        }
    }
}

#[test]
fn a_signal_ends_a_run_with_75_and_the_same_command_resumes_it() {
    for (trained, signals) in [("none", &["-TERM", "-USR1", "-HUP"][..]), ("layer4", &["-TERM"])] {
        let epochs = if trained == "none" { 600 } else { 60 };
        let long = ["--set", &format!("train.epochs={epochs}"), "--set", &format!("backbone.train={trained:?}")]
            .map(str::to_owned);
        let long = long.each_ref().map(String::as_str);
        let folder = fresh();
        for name in signals {
            let mut child = started(folder.path(), &long);
            signal(&child, name);
            assert_eq!(child.wait().unwrap().code(), Some(75), "{name}");
        }
        finish(folder.path(), &long);
        let other = fresh();
        finish(other.path(), &long);
        assert!(contents(folder.path()) == contents(other.path()), "backbone.train = {trained}");
    }
}

#[test]
fn a_second_process_is_refused_and_a_killed_one_leaves_no_lock() {
    let folder = fresh();
    let long = ["--set", "train.epochs=10000"];
    let mut holder = started(folder.path(), &long);
    let output = wail(folder.path(), &long);
    assert_eq!(output.status.code(), Some(75), "{}", text(&output));
    assert!(text(&output).contains(&format!("process {} is at work in this folder", holder.id())), "{}", text(&output));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let mut next = started(folder.path(), &long);
    signal(&next, "-INT");
    assert_eq!(next.wait().unwrap().code(), Some(75));
}

#[test]
fn finished_trials_are_skipped_and_a_larger_grid_trains_only_new_ones() {
    let folder = fresh();
    finish(folder.path(), &["--set", "sweep.learning_rate=[1e-3]"]);
    let made = |id: &str| {
        let checkpoint = run_in(folder.path()).join("trials").join(id).join("checkpoint.safetensors");
        std::fs::metadata(checkpoint).unwrap().modified().unwrap()
    };
    let before = made("lr0.001-inner8-dropout0.5");
    let again = finish(folder.path(), &["--set", "sweep.learning_rate=[1e-3]"]);
    assert!(again.contains("nothing is left to do") && again.contains("test       macro-F1"), "{again}");
    let longer = finish(folder.path(), &[]);
    assert!(!longer.contains("nothing is left to do"), "{longer}");
    assert_eq!(made("lr0.001-inner8-dropout0.5"), before, "the old trial is not trained again");
    assert!(contents(folder.path()) == contents(UNDISTURBED.path()), "the same as with the larger grid from the start");
}

#[test]
fn more_epochs_end_like_the_same_number_from_the_start() {
    let folder = fresh();
    finish(folder.path(), &["--set", "train.epochs=2"]);
    let longer = finish(folder.path(), &[]);
    assert!(longer.contains("epochs     3 instead of 2: every trial is trained again"), "{longer}");
    assert!(contents(folder.path()) == contents(UNDISTURBED.path()));
    // A run with more epochs was started and killed, so the earlier one no longer counts as finished.
    let mut child = started(folder.path(), &["--set", "train.epochs=10000"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let again = finish(folder.path(), &[]);
    assert!(!again.contains("nothing is left to do"), "{again}");
    assert!(contents(folder.path()) == contents(UNDISTURBED.path()));
}

/// Each size is too small for a different file: a small one, a checkpoint, the model.
#[test]
fn a_full_or_read_only_disk_is_reported_and_damages_nothing() {
    let in_own_mounts = |folder: &Path, script: &str| -> Output {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--map-root-user", "sh", "-ec", script, env!("CARGO_BIN_EXE_wail")]);
        unshare.current_dir(folder).output().unwrap()
    };
    let folder = fresh();
    std::fs::create_dir(folder.path().join("experiments")).unwrap();
    let mount = "mount -t tmpfs -o size=20k none experiments";
    if !in_own_mounts(folder.path(), mount).status.success() {
        eprintln!("SKIPPED: this system does not let a test mount a small disk");
        return;
    }
    let script = format!(
        r#"
        wail() {{ "$0" --config tiny.toml --device cpu "$@"; }}
        {mount}
        for size in 20k 100k 600k; do
            mount -o remount,size=$size experiments
            code=0; wail 2>error || code=$?
            test $code = 1
            grep 'experiments/tiny-.*No space left on device' error
        done
        mount -o remount,size=64m experiments
        wail
        cp -r experiments before
        mount -o remount,ro experiments
        code=0; wail --set train.epochs=4 2>error || code=$?
        test $code = 1
        grep 'experiments/tiny-.*Read-only file system' error
        wail 2>error # is finished: nothing is written
        diff -r before experiments
        "#
    );
    let output = in_own_mounts(folder.path(), &script);
    assert!(output.status.success(), "{}", text(&output));
    assert_same(&run_files::contents(&folder.path().join("before")), &contents(UNDISTURBED.path()), "on a full disk");
}

#[test]
fn a_failed_trial_is_reported_the_others_continue_and_it_is_retried_on_request() {
    let folder = fresh();
    // Each step multiplies the weights by 1 - rate * decay = -9.
    let exploding = [
        "--set",
        "sweep.learning_rate=[1e-3, 10.0]",
        "--set",
        "train.weight_decay=1.0",
        "--set",
        "train.batch_size=1",
        "--set",
        "train.epochs=8",
    ];
    let first = finish(folder.path(), &exploding);
    assert!(first.contains("FAILED     trial lr10-inner8-dropout0.5: the loss is not finite"), "{first}");
    assert!(first.contains("best       lr0.001-inner8-dropout0.5"), "{first}");
    assert!(first.contains("failed     4 trials"), "in each of three folds and in the search for the model: {first}");
    let report = std::fs::read_to_string(run_in(folder.path()).join("report.html")).unwrap();
    assert!(report.contains("Failed trials"));
    let before = contents(folder.path());
    assert!(finish(folder.path(), &exploding).contains("nothing is left to do"));
    let retried = finish(folder.path(), &[&exploding[..], &["--retry-failed"]].concat());
    assert!(retried.contains("FAILED     trial lr10"), "{retried}");
    assert!(contents(folder.path()) == before, "it fails in the same way");
    let all = ["--set", "sweep.learning_rate=[10.0]", "--set", "name=all"];
    let all = wail(folder.path(), &[&exploding[..], &all].concat());
    assert_eq!(all.status.code(), Some(1));
    assert!(text(&all).contains("every trial failed"), "{}", text(&all));
}

/// Only divergence is recorded as the outcome of a trial. Training `layer4` takes longer than the 10 s between resume points.
#[test]
fn an_io_error_within_a_trial_ends_the_run_and_is_not_recorded() {
    let folder = fresh();
    // A file in place of the folder of resume points.
    std::fs::create_dir_all(folder.path().join("data/cache")).unwrap();
    std::fs::write(folder.path().join("data/cache/training"), "").unwrap();
    let output = wail(folder.path(), &["--set", "train.epochs=10000", "--set", "backbone.train=layer4"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("data/cache/training/"), "{}", text(&output));
    let identity = run_files::identity(&run_in(folder.path()));
    assert_eq!(Journal::read(&run_in(folder.path()), &identity).unwrap(), [Record::Begin { epochs: 10000 }]);
}

/// A pipe whose reader is gone.
fn closed_pipe() -> PipeWriter {
    std::io::pipe().unwrap().1
}

#[test]
fn a_command_whose_reader_left_ends_quietly() {
    let folder = fresh();
    let sound = concat!(env!("CARGO_MANIFEST_DIR"), "/../features/tests/fixtures/pcm_s16le.wav");
    let commands: [&[&str]; 13] = [
        &["--help"],
        &["--version"],
        &["config", "list"],
        &["config", "keys"],
        &["config", "show", "sweep.toml"],
        &["completions", "bash"],
        &["man"],
        &["weights", "list"],
        &["weights", "verify"],
        &["synth", "--out", "corpus", "--recordings", "40"],
        &["audit", "corpus"],
        &["infer", sound],
        &["infer", sound, "--window", "2", "--format", "csv"],
    ];
    for arguments in commands {
        let output = run_files::command(folder.path(), arguments).stdout(closed_pipe()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output));
        assert!(!text(&output).contains("standard output"), "{arguments:?}: {}", text(&output));
        let output = run_files::command(folder.path(), arguments).stderr(closed_pipe()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}, without a reader of its messages");
    }
    let output = run_files::command(folder.path(), &["infer", "nothing.wav"]).stderr(closed_pipe()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "an error keeps its code");
    let output = command(folder.path(), &[]).stdout(closed_pipe()).stderr(closed_pipe()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_same(&contents(folder.path()), &contents(UNDISTURBED.path()), "without a reader");
}
