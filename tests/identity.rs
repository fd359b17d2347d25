//! What a run depends on: whatever changes its results gets a folder of its own, and nothing that was found is lost.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::run_files::{self, assert_same, fresh_narrow, only_entry, signal, started, stderr, stdout};
use tempfile::TempDir;

const TINY: &str = r#"
name = "tiny"
[data]
roots = ["corpus"]
[data.split]
kind = "csv"
dir = "splits"
"#;

fn wail(folder: &Path, arguments: &[&str]) -> Output {
    run_files::wail(folder, &[&["--config", "tiny.toml", "--device", "cpu"], arguments].concat())
}

/// Runs to the end; returns what is printed.
fn finish(folder: &Path, arguments: &[&str]) -> String {
    let output = wail(folder, arguments);
    stdout(&output) + &stderr(&output)
}

/// A folder with a corpus of 40 synthetic cries, as `synth` writes it, and a split of it.
fn fresh() -> TempDir {
    let folder = fresh_narrow(TINY, 2);
    let path = folder.path();
    stdout(&run_files::wail(path, &["synth", "--out", "corpus", "--recordings", "40"]));
    let mut parts = [const { String::new() }; 3];
    for (label, class) in sorted(&path.join("corpus")).iter().filter(|path| path.is_dir()).enumerate() {
        for (n, file) in sorted(class).iter().enumerate() {
            let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
            parts[[0, 0, 0, 1, 2][n % 5]] += &format!("{},{},{label}\n", name(class), name(file));
        }
    }
    std::fs::create_dir(path.join("splits")).unwrap();
    for (name, rows) in ["train", "val", "test"].iter().zip(parts) {
        std::fs::write(path.join(format!("splits/{name}.csv")), "class,path,label\n".to_owned() + &rows).unwrap();
    }
    folder
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn runs(folder: &Path) -> Vec<PathBuf> {
    sorted(&folder.join("experiments"))
}

fn run_in(folder: &Path) -> PathBuf {
    only_entry(&folder.join("experiments"))
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    run_files::contents(&folder.join("experiments"))
}

#[test]
fn an_edited_split_file_makes_another_run() {
    let folder = fresh();
    finish(folder.path(), &[]);
    let first = contents(folder.path());
    let [train, val] = ["train", "val"].map(|name| folder.path().join(format!("splits/{name}.csv")));
    // Two recordings of one class change places.
    let [old_train, old_val] = [&train, &val].map(|path| std::fs::read_to_string(path).unwrap());
    let (from_train, from_val) = (old_train.lines().nth(1).unwrap(), old_val.lines().nth(1).unwrap());
    std::fs::write(&train, old_train.replace(from_train, from_val)).unwrap();
    std::fs::write(&val, old_val.replace(from_val, from_train)).unwrap();
    let output = finish(folder.path(), &[]);
    assert!(!output.contains("nothing is left to do"), "{output}");
    assert_eq!(runs(folder.path()).len(), 2);
    let split = |run: &Path| std::fs::read_to_string(run.join("split/val.csv")).unwrap();
    assert_ne!(split(&runs(folder.path())[0]), split(&runs(folder.path())[1]));
    // Each split has its own run, which is found again.
    std::fs::write(&train, old_train).unwrap();
    std::fs::write(&val, old_val).unwrap();
    assert!(finish(folder.path(), &[]).contains("nothing is left to do"));
    for (path, bytes) in first {
        assert!(std::fs::read(folder.path().join("experiments").join(&path)).unwrap() == bytes, "{}", path.display());
    }
}

#[test]
fn a_finished_run_is_recognised_without_decoding_also_where_the_corpus_was_moved() {
    let folder = fresh();
    assert!(finish(folder.path(), &[]).contains("reading: "));
    let before = contents(folder.path());
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    std::fs::rename(folder.path().join("corpus"), folder.path().join("elsewhere")).unwrap();
    let output = finish(folder.path(), &["--set", "data.roots=[\"elsewhere\"]", "--set", "data.cache=\"other\""]);
    assert!(output.contains("nothing is left to do") && output.contains("test       macro-F1"), "{output}");
    assert!(!output.contains("reading: ") && !folder.path().join("other/fingerprints").exists(), "{output}");
    assert_same(&contents(folder.path()), &before, "after the corpus was moved");
    // A model that was removed is written again.
    std::fs::remove_file(run_in(folder.path()).join("model.safetensors")).unwrap();
    finish(folder.path(), &["--set", "data.roots=[\"elsewhere\"]"]);
    assert!(run_in(folder.path()).join("model.safetensors").is_file());
}

#[test]
fn a_smaller_search_never_replaces_what_a_larger_one_found() {
    let folder = fresh();
    finish(folder.path(), &[]);
    let before = contents(folder.path());
    let smaller = finish(folder.path(), &["--set", "sweep.learning_rate=[1e-2]"]);
    assert!(smaller.contains("its report covers all of its 2 trials, not only the 1 of this search"), "{smaller}");
    assert_same(&contents(folder.path()), &before, "after a smaller grid");

    for (arguments, search) in [
        (&["--set", "train.epochs=1"][..], "a search of 2 trials with 1 epoch would"),
        (&["--set", "train.epochs=3", "--set", "sweep.learning_rate=[1e-2]"], "a search of 1 trial with 3 epochs"),
    ] {
        let refused = wail(folder.path(), arguments);
        assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
        for part in ["this run holds 2 trials with 2 epochs", search, "--set name=NAME"] {
            assert!(stderr(&refused).contains(part), "{}", stderr(&refused));
        }
        assert_same(&contents(folder.path()), &before, search);
    }
    finish(folder.path(), &["--set", "train.epochs=1", "--set", "name=short"]);
    assert_eq!(runs(folder.path()).len(), 2);

    // Another grid, neither smaller nor larger: the best of all trials is kept.
    let other = finish(folder.path(), &["--set", "sweep.inner=[16]", "--set", "sweep.learning_rate=[1e-3]"]);
    assert!(!other.contains("nothing is left to do"), "{other}");
    let run = folder.path().join("experiments").join(before[0].0.iter().next().unwrap());
    let leaderboard = std::fs::read_to_string(run.join("leaderboard.csv")).unwrap();
    for trial in ["lr0.001-inner8-dropout0.5", "lr0.01-inner8-dropout0.5", "lr0.001-inner16-dropout0.5"] {
        assert!(leaderboard.contains(trial), "{leaderboard}");
    }
    let all_at_once = fresh();
    finish(all_at_once.path(), &["--set", "sweep.inner=[8, 16]"]);
    let best = |run: &Path| std::fs::read_to_string(run.join("leaderboard.csv")).unwrap();
    let of_four = best(&run_in(all_at_once.path()));
    for line in leaderboard.lines().skip(1) {
        let scores = |line: &str| line.split_once(',').unwrap().1.to_owned();
        assert!(of_four.lines().any(|other| scores(other) == scores(line)), "{line}\n{of_four}");
    }
}

#[test]
fn a_damaged_checkpoint_or_resume_point_is_trained_again() {
    let folder = fresh();
    let smaller = ["--set", "sweep.learning_rate=[1e-2]"];
    finish(folder.path(), &smaller);
    let checkpoint = run_in(folder.path()).join("trials/lr0.01-inner8-dropout0.5/checkpoint.safetensors");
    let whole = std::fs::read(&checkpoint).unwrap();
    for damage in ["a flipped bit", "a torn end", "a missing file"] {
        match damage {
            "a flipped bit" => {
                let mut bytes = whole.clone();
                *bytes.last_mut().unwrap() ^= 1;
                std::fs::write(&checkpoint, bytes).unwrap();
            }
            "a torn end" => std::fs::write(&checkpoint, &whole[..whole.len() / 2]).unwrap(),
            _ => std::fs::remove_file(&checkpoint).unwrap(),
        }
        // A report that was removed is written again, from the checkpoints.
        std::fs::remove_file(run_in(folder.path()).join("report.json")).unwrap();
        let output = finish(folder.path(), &smaller);
        assert!(output.contains("lr0.01-inner8-dropout0.5 is trained again"), "{damage}: {output}");
        assert!(std::fs::read(&checkpoint).unwrap() == whole, "{damage}");
    }
    let larger = finish(folder.path(), &[]);
    assert!(!larger.contains("trained again"), "{larger}");
    let undisturbed = fresh();
    finish(undisturbed.path(), &[]);
    assert_same(&contents(folder.path()), &contents(undisturbed.path()), "after the damage");
}

#[test]
fn a_finished_run_leaves_no_resume_points() {
    let folder = fresh();
    let long = ["--set", "train.epochs=10000"];
    let mut command = run_files::command(folder.path(), &["--config", "tiny.toml", "--device", "cpu"]);
    let mut child = started(command.args(long).stdout(Stdio::null()), "embedding: 40 of 40");
    std::thread::sleep(std::time::Duration::from_millis(300));
    signal(&child, "-USR1");
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let resume = folder.path().join("data/cache/training").join(run_in(folder.path()).file_name().unwrap());
    let points = sorted(&resume);
    assert!(!points.is_empty());
    for point in points {
        // A damaged one is not fatal.
        std::fs::write(point, "damaged").unwrap();
    }
    finish(folder.path(), &["--set", "train.epochs=3"]);
    assert!(!resume.exists());
}

#[test]
fn a_folder_that_was_renamed_to_another_runs_name_is_refused() {
    let folder = fresh();
    finish(folder.path(), &[]);
    let run = run_in(folder.path());
    finish(folder.path(), &["--seed", "7"]);
    let other = runs(folder.path()).into_iter().find(|path| *path != run).unwrap();
    std::fs::remove_dir_all(&other).unwrap();
    std::fs::rename(&run, &other).unwrap();
    let before = contents(folder.path());
    let output = wail(folder.path(), &["--seed", "7"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("belongs to another run"), "{}", stderr(&output));
    assert_same(&contents(folder.path()), &before, "a folder that is refused");
}
