//! A sweep that several processes share: shards, and `wail merge`, which joins them to the bytes of a run on one machine.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use crate::run_files::{self, THREE_FOLDS, assert_same, contents, fresh_narrow, only_entry, signal, stderr, stdout};
use experiment::journal::{Journal, Outcome, Record};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

/// Six folds and the saved model, with two trials each.
fn repeated() -> String {
    format!("{THREE_FOLDS}repeats = 2\n")
}

/// Number of units of [`repeated`].
const UNITS: usize = 14;

/// Length of the embedding of the narrow backbone, and number of classes of the synthetic corpus.
const FEATURES: u64 = 24;
const CLASSES: u64 = 8;

const RATE: &str = "lr0.001-inner8-dropout0.5";

type Files = Vec<(PathBuf, Vec<u8>)>;

fn command(folder: &Path, out: &str, arguments: &[&str]) -> Command {
    run_files::command(folder, &[&["--config", "tiny.toml", "--device", "cpu", "--out", out], arguments].concat())
}

/// Runs the sweep, or a shard of it, to the end.
fn run(folder: &Path, out: &str, arguments: &[&str]) -> String {
    stdout(&command(folder, out, arguments).output().unwrap())
}

fn shard(folder: &Path, out: &str, shard: &str) -> String {
    run(folder, out, &["--shard", shard])
}

/// The folder of the only run in `out`.
fn run_in(folder: &Path, out: &str) -> PathBuf {
    only_entry(&folder.join(out))
}

fn merge(folder: &Path, out: &str) -> Output {
    run_files::wail(folder, &["merge", run_in(folder, out).to_str().unwrap(), "--device", "cpu"])
}

/// Merges what must not be merged; returns the error. No file changes.
fn refused(folder: &Path, out: &str, code: i32) -> String {
    let before = contents(&folder.join(out));
    let output = merge(folder, out);
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    assert_same(&contents(&folder.join(out)), &before, "a merge that is refused");
    let error = stderr(&output);
    error[error.find("error: ").unwrap()..].to_owned()
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// A folder with the config and filled caches, and the files of a run on one machine, in the folder `alone`.
static ALONE: LazyLock<(TempDir, Files)> = LazyLock::new(|| {
    let folder = fresh_narrow(&repeated(), 3);
    run(folder.path(), "alone", &[]);
    let files = contents(&folder.path().join("alone"));
    (folder, files)
});

#[test]
fn merged_shards_have_the_bytes_of_a_run_on_one_machine_whatever_their_number_and_order() {
    let (folder, expected) = &*ALONE;
    let folder = folder.path();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for count in [1, 2, 3, 5, UNITS + 3] {
        let out = format!("merged-{count}");
        let mut order: Vec<usize> = (1..=count).collect();
        order.shuffle(&mut rng);
        for index in order {
            let output = shard(folder, &out, &format!("{index}/{count}"));
            assert_contains(&output, &[&format!("shard      {index} of {count}: "), "0 of them failed", "wail merge "]);
        }
        assert_eq!(run_in(folder, &out).join("shards").read_dir().unwrap().count(), count);
        let printed = stdout(&merge(folder, &out));
        assert_contains(&printed, &["best       lr0.0", "test       macro-F1", "report.html"]);
        assert_same(&contents(&folder.join(&out)), expected, &format!("merged from {count} shards"));
        assert_eq!(stdout(&merge(folder, &out)), printed, "merged again");
        assert_same(&contents(&folder.join(&out)), expected, &format!("merged from {count} shards, twice"));
        let log = std::fs::read_to_string(run_in(folder, &out).join("runtime.jsonl")).unwrap();
        assert_contains(&log, &[&format!("\"merged shard 1 of {count}\""), "\"cpu\":\""]);
    }
}

#[test]
fn shards_that_share_no_folder_meet_in_a_store() {
    let (folder, expected) = &*ALONE;
    let folder = folder.path();
    let store = format!("file://{}/store/runs/cry", folder.display());
    for index in 1..=2 {
        let out = format!("machine-{index}");
        shard(folder, &out, &format!("{index}/2"));
        let run = run_in(folder, &out);
        let pushed = ["push", run.to_str().unwrap(), &store, "--run", "--alias", &format!("shard-{index}")];
        stdout(&run_files::wail(folder, &pushed));
        let not_a_run = run_files::wail(folder, &["push", "data", &store, "--run"]);
        assert_eq!(not_a_run.status.code(), Some(3), "{}", stderr(&not_a_run));
    }
    let name = run_in(folder, "machine-1").file_name().unwrap().to_owned();
    let together = folder.join("together").join(name);
    for index in 1..=2 {
        let alias = format!("{store}/shard-{index}");
        stdout(&run_files::wail(folder, &["pull", &alias, "--output", together.to_str().unwrap()]));
    }
    stdout(&merge(folder, "together"));
    assert_same(&contents(&folder.join("together")), expected, "merged from a store");
}

#[test]
fn a_merge_names_the_shards_that_are_missing_or_damaged() {
    let (folder, expected) = &*ALONE;
    let (folder, out) = (folder.path(), "missing");
    shard(folder, out, "3/3");
    shard(folder, out, "1/3");
    let error = refused(folder, out, 75);
    assert_contains(
        &error,
        &["of 14 trials are missing", "\n  shard 2 of 3: ", " trials (folds/", RATE, ", ...)", "then merge"],
    );
    assert!(!error.contains("shard 1 of 3") && !error.contains("shard 3 of 3"), "{error}");
    shard(folder, out, "2/3");

    let checkpoint = run_in(folder, out).join(format!("shards/3-of-3/trials/{RATE}/checkpoint.safetensors"));
    let whole = std::fs::read(&checkpoint).unwrap();
    std::fs::write(&checkpoint, &whole[..whole.len() / 2]).unwrap();
    assert_contains(
        &refused(folder, out, 75),
        &["1 of 14 trials is missing:", &format!("shard 3 of 3: 1 trial ({RATE})")],
    );
    let again = command(folder, out, &["--shard", "3/3"]).output().unwrap();
    assert_contains(&stderr(&again), &[&format!("{RATE} is trained again")]);
    assert!(std::fs::read(&checkpoint).unwrap() == whole);
    let nothing = command(folder, out, &["--shard", "3/3"]).output().unwrap();
    assert_contains(&stderr(&nothing), &["3-of-3: nothing is left to do"]);
    // What an interrupted merge left of a shard that it had joined.
    std::fs::create_dir(run_in(folder, out).join("shards/.2-of-4")).unwrap();
    stdout(&merge(folder, out));
    assert_same(&contents(&folder.join(out)), expected, "after a shard was missing");
    assert!(!run_in(folder, out).join("shards").exists());

    std::fs::remove_file(run_in(folder, out).join("report.json")).unwrap();
    assert_contains(&refused(folder, out, 3), &["there are no shards to merge in it, and no finished run"]);
}

#[test]
fn a_merge_may_find_corpus_and_caches_elsewhere_but_changes_nothing_that_decides() {
    let (folder, _) = &*ALONE;
    let (folder, out) = (folder.path(), "moved");
    shard(folder, out, "1/1");
    let run = run_in(folder, out);
    let merge_with = |arguments: &[&str]| {
        run_files::wail(folder, &[&["merge", run.to_str().unwrap(), "--device", "cpu"], arguments].concat())
    };
    let decides = merge_with(&["--set", "train.batch_size=3"]);
    assert_eq!(decides.status.code(), Some(3), "{}", stderr(&decides));
    assert_contains(&stderr(&decides), &["shard 1 of 1: train.batch_size: "]);
    stdout(&merge_with(&["--set", "data.cache=\"another\""]));
    assert!(folder.join("another").is_dir() && run.join("report.json").is_file());
}

#[test]
fn a_merge_does_not_pass_over_what_it_cannot_read() {
    let (folder, _) = &*ALONE;
    let (folder, out) = (folder.path(), "unreadable");
    shard(folder, out, "1/1");
    let run = run_in(folder, out);
    for name in ["config.toml", "identity.json"] {
        let file = run.join("shards/1-of-1").join(name);
        let text = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert_contains(&refused(folder, out, 1), &[&format!("1-of-1/{name}: ")]);
        std::fs::remove_dir(&file).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    std::fs::remove_dir_all(run.join("shards")).unwrap();
    std::fs::write(run.join("shards"), "a file").unwrap();
    assert_contains(&refused(folder, out, 1), &["/shards: "]);
}

#[test]
fn shards_of_another_identity_or_search_are_refused_and_what_differs_is_named() {
    let (folder, expected) = &*ALONE;
    let (folder, out) = (folder.path(), "foreign");
    shard(folder, out, "1/2");
    let foreign = |out: &str, arguments: &[&str]| {
        run(folder, out, &[&["--shard", "2/2"], arguments].concat());
        let of_other = run_in(folder, out).join("shards/2-of-2");
        let here = run_in(folder, "foreign").join("shards/2-of-2");
        if here.exists() {
            std::fs::remove_dir_all(&here).unwrap();
        }
        std::fs::rename(of_other, here).unwrap();
    };
    foreign("seed", &["--seed", "7"]);
    assert_contains(&refused(folder, out, 2), &["shard 2 of 2: seed: 7 instead of"]);
    foreign("engine", &["--engine", "burn"]);
    assert_contains(&refused(folder, out, 3), &["shard 2 of 2: engine: burn on cpu instead of "]);
    foreign("search", &["--set", "sweep.inner=[16]"]);
    assert_contains(&refused(folder, out, 2), &["shard 2 of 2: sweep.inner: [16] instead of [8]"]);
    foreign("epochs", &["--set", "train.epochs=2"]);
    assert_contains(&refused(folder, out, 2), &["shard 2 of 2: train.epochs: 2 instead of 3"]);
    foreign("other", &["--set", "data.cache=\"elsewhere\""]);
    let journal = run_in(folder, out).join("shards/2-of-2/journal");
    let whole = std::fs::read(&journal).unwrap();
    let mut other = whole.clone();
    other[20] ^= 1;
    std::fs::write(&journal, other).unwrap();
    assert_contains(&refused(folder, out, 3), &["2-of-2/journal: it belongs to another run"]);
    std::fs::write(&journal, whole).unwrap();
    // Where the cache lies decides nothing.
    stdout(&merge(folder, out));
    assert_same(&contents(&folder.join(out)), expected, "after shards were refused");

    shard(folder, "renamed", "1/1");
    std::fs::rename(run_in(folder, "renamed"), folder.join("renamed/tiny-0")).unwrap();
    assert_contains(&refused(folder, "renamed", 3), &["the folder was renamed; it must be called tiny-"]);
    std::fs::create_dir(folder.join("renamed/tiny-0/shards/first")).unwrap();
    assert_contains(&refused(folder, "renamed", 3), &["shards/first: this is not the folder of a shard"]);
}

#[test]
fn a_unit_that_two_shards_did_must_agree_bit_for_bit() {
    let (folder, expected) = &*ALONE;
    let (folder, out) = (folder.path(), "twice");
    for one in ["1/1", "1/2"] {
        shard(folder, out, one);
    }
    let shards = run_in(folder, out).join("shards");
    let identity = run_files::identity(&shards.join("1-of-2"));
    let records = Journal::read(&shards.join("1-of-2"), &identity).unwrap();
    let write = |records: &[Record]| {
        Journal::open(&shards.join("1-of-2"), &identity).unwrap().0.finish(records).unwrap();
    };
    let mut changed = records.clone();
    let result = changed.iter_mut().find_map(|record| match record {
        Record::Trial { outcome: Outcome::Trained(result), .. } => Some(result),
        _ => None,
    });
    result.unwrap().epochs[0].val_loss += 1e-15;
    write(&changed);
    for (name, cpu) in [("1-of-1", "Abacus"), ("1-of-2", "Babbage 2")] {
        let line = format!("{{\"event\":\"prepared\",\"cpu\":\"{cpu}\"}}\n");
        std::fs::write(shards.join(name).join("runtime.jsonl"), line).unwrap();
    }
    let disagreement =
        ["folds/", "has different results in shard 1 of 1 (on Abacus) and in shard 1 of 2 (on Babbage 2)"];
    assert_contains(&refused(folder, out, 3), &disagreement);
    write(&records);
    // The same for its files.
    let epochs = shards.join("1-of-2").join(first_entry(&shards.join("1-of-2/folds"))).join("trials").join(RATE);
    let table = epochs.join("epochs.csv");
    let whole = std::fs::read_to_string(&table).unwrap();
    std::fs::write(&table, whole.replace('1', "2")).unwrap();
    assert_contains(&refused(folder, out, 3), &disagreement);
    std::fs::write(&table, whole).unwrap();
    stdout(&merge(folder, out));
    assert_same(&contents(&folder.join(out)), expected, "after a disagreement");
}

/// The first entry of `folder` by name.
fn first_entry(folder: &Path) -> PathBuf {
    let mut entries: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.swap_remove(0)
}

fn started(folder: &Path, out: &str, arguments: &[&str]) -> Child {
    run_files::started(command(folder, out, arguments).stdout(Stdio::null()), "engine ")
}

#[test]
fn shards_run_at_the_same_time_are_killed_and_resume() {
    let folder = fresh_narrow(&repeated(), 1500);
    let folder = folder.path();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut children: Vec<Child> = ["1/2", "2/2"].map(|one| started(folder, "shared", &["--shard", one])).into();
    // However fast the machine is, both are at work while the second process starts.
    children.iter().for_each(|child| signal(child, "-STOP"));
    let second = command(folder, "shared", &["--shard", "1/2"]).output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{}", stderr(&second));
    assert_contains(&stderr(&second), &[&format!("process {} is at work in this folder", children[0].id())]);
    for (child, name) in children.iter_mut().zip(["-TERM", "-KILL"]) {
        signal(child, "-CONT");
        std::thread::sleep(std::time::Duration::from_millis(rng.random_range(0..100)));
        signal(child, name);
        assert_eq!(child.wait().unwrap().code(), (name == "-TERM").then_some(75), "{name}");
    }
    let error = refused(folder, "shared", 75);
    assert_contains(&error, &["trials are missing", "shard 1 of 2: ", "shard 2 of 2: "]);
    for mut child in ["1/2", "2/2"].map(|one| started(folder, "shared", &["--shard", one])) {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    stdout(&merge(folder, "shared"));
    run(folder, "alone", &[]);
    assert_same(&contents(&folder.join("shared")), &contents(&folder.join("alone")), "after kills");
}

#[test]
fn failed_trials_and_a_larger_grid_are_merged_as_in_a_run_on_one_machine() {
    let (folder, _) = &*ALONE;
    let folder = folder.path();
    // Each step multiplies the weights by 1 - rate * decay = -9.
    let exploding = |rates: &'static str| {
        ["--set", rates, "--set", "train.weight_decay=1.0", "--set", "train.batch_size=1", "--set", "train.epochs=8"]
    };
    let rates = ["sweep.learning_rate=[1e-3]", "sweep.learning_rate=[1e-3, 10.0]"];
    for (number, rates) in rates.into_iter().enumerate() {
        let alone = run(folder, "exploding-alone", &exploding(rates));
        for one in ["2/2", "1/2"] {
            let printed = run(folder, "exploding", &[&["--shard", one][..], &exploding(rates)].concat());
            let failed = if number == 1 { ["3 of them failed", "4 of them failed"] } else { ["0 of them failed"; 2] };
            assert!(failed.iter().any(|failed| printed.contains(failed)), "{printed}");
            if (number, one) == (1, "2/2") {
                let error = refused(folder, "exploding", 75);
                assert_contains(
                    &error,
                    &["shard 1 of 2: ", "\nfailed:\n  lr10-inner8-dropout0.5\n  folds/", "\nRun these"],
                );
            }
        }
        let merged = stdout(&merge(folder, "exploding"));
        assert_eq!(merged.contains("failed     7 trials"), number == 1, "{merged}");
        assert_eq!(merged.replace("exploding/", "exploding-alone/").lines().next(), alone.lines().next());
        let [found, expected] = ["exploding", "exploding-alone"].map(|out| contents(&folder.join(out)));
        assert_same(&found, &expected, rates);
    }
}

#[test]
fn an_unfinished_shard_that_is_not_needed_is_left() {
    let (folder, expected) = &*ALONE;
    let (folder, out) = (folder.path(), "left");
    shard(folder, out, "1/1");
    let mut child = started(folder, out, &["--shard", "1/3"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let left = run_in(folder, out).join("shards/1-of-3");
    // As if it had been killed before it finished.
    let identity = run_files::identity(&left);
    drop(Journal::open(&left, &identity).unwrap().0.append(&Record::Begin { epochs: 3 }));
    let output = merge(folder, out);
    stdout(&output);
    assert_contains(&stderr(&output), &["shards/1-of-3: this shard is not finished, but nothing is missing"]);
    std::fs::remove_dir_all(run_in(folder, out).join("shards")).unwrap();
    assert_same(&contents(&folder.join(out)), expected, "beside an unfinished shard");
}

#[test]
fn the_plan_lists_every_trial_and_deals_them_in_order() {
    let (folder, _) = &*ALONE;
    let folder = folder.path();
    let plan = |arguments: &[&str]| {
        let always = ["plan", "--config", "tiny.toml", "--device", "cpu"];
        stdout(&run_files::wail(folder, &[&always, arguments].concat()))
    };
    let table = plan(&[]);
    assert_eq!(table.lines().count(), 1 + UNITS, "{table}");
    assert_contains(&table, &["shard  search", "folds/", "model", RATE, " %"]);
    let json: serde_json::Value = serde_json::from_str(&plan(&["--shards", "5", "--format", "json"])).unwrap();
    assert_eq!(json["run"].as_str().unwrap(), run_in(folder, "alone").file_name().unwrap());
    let units = json["units"].as_array().unwrap();
    let dealt: Vec<u64> = units.iter().map(|unit| unit["shard"].as_u64().unwrap()).collect();
    assert!(dealt.is_sorted() && (1..=5).all(|shard| dealt.contains(&shard)), "{dealt:?}");
    let head = 8 * (FEATURES + 1) + CLASSES * (8 + 1);
    let cost = |unit: &serde_json::Value| unit["cost"].as_u64().unwrap();
    for unit in units {
        // 40 recordings, of which a search with three folds leaves out one or two; 3 epochs.
        assert!(cost(unit).is_multiple_of(3 * head) && (10..40).contains(&(cost(unit) / (3 * head))), "{unit}");
    }
    let trained = plan(&["--set", "backbone.train=\"layer4\"", "--format", "json"]);
    let trained: serde_json::Value = serde_json::from_str(&trained).unwrap();
    let (of_trained, of_head) = (cost(&trained["units"][0]), cost(&units[0]));
    assert_eq!((of_trained - of_head) % (of_head / head), 0);
    assert!(of_trained > 2 * of_head);
    assert_eq!((units[0]["id"].as_str(), units[UNITS - 1]["search"].as_str()), (Some(RATE), Some("")));
    assert_eq!(plan(&["--shards", "5", "--format", "json"]), plan(&["--shards", "5", "--format", "json"]));
}

#[test]
fn prepared_caches_leave_no_recording_to_embed() {
    let folder = fresh_narrow(&repeated(), 1);
    let folder = folder.path();
    let cached = || {
        let mut files = contents(&folder.join("data/cache"));
        files.retain(|(path, _)| !path.starts_with("files")); // grows once the recordings are older than a tick of the clock
        files
    };
    let prepare = |shard: &str| {
        let arguments = ["prepare", "--config", "tiny.toml", "--device", "cpu", "--set", "gate.enabled=false"];
        stdout(&run_files::wail(folder, &[&arguments[..], &["--shard", shard]].concat()))
    };
    assert_contains(&prepare("1/2"), &["prepared   20 recordings in data/cache"]);
    let half = cached().len();
    assert_contains(&prepare("2/2"), &["prepared   20 recordings in data/cache"]);
    let whole = cached();
    assert!(whole.len() > half);
    run(folder, "experiments", &["--set", "gate.enabled=false"]);
    assert_same(&cached(), &whole, "after a run");
}

#[test]
fn the_shard_of_a_job_is_found_and_wrong_use_is_refused() {
    let (folder, _) = &*ALONE;
    let folder = folder.path();
    let mut auto = command(folder, "auto", &["--shard", "auto"]);
    auto.env("SLURM_ARRAY_TASK_ID", "7").env("SLURM_ARRAY_TASK_MIN", "4").env("SLURM_ARRAY_TASK_COUNT", "5");
    assert_contains(&stdout(&auto.output().unwrap()), &["shard      4 of 5: "]);
    let mut auto = command(folder, "auto", &["--shard", "auto", "--shards", "5"]);
    auto.env("JOB_COMPLETION_INDEX", "0");
    assert_contains(&stdout(&auto.output().unwrap()), &["shard      1 of 5: "]);
    for (arguments, expected) in [
        (&["--shard", "auto"][..], "--shard I/N"),
        (&["--shard", "3/2"], "I from 1 to N"),
        (&["--shards", "2"], "--shard"),
    ] {
        let output = command(folder, "auto", arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert_contains(&stderr(&output), &[expected]);
    }
    let nothing = run_files::wail(folder, &["merge", "no-such-run"]);
    assert_eq!(nothing.status.code(), Some(3), "{}", stderr(&nothing));
}
