//! Heads other than the mlp, from the sweep to the answer of an exported model.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::run_files::{NARROW_BACKBONE, THREE_FOLDS, assert_same, contents, fresh, only_entry, stderr, stdout, wail};
use tempfile::TempDir;

/// Three folds and the saved model, with a logistic head.
fn logistic() -> TempDir {
    with_head("[head]\nkind = \"logistic\"\n[sweep]\nc = [0.01, 1.0]\n")
}

/// Three folds and the saved model, with the tables `[head]` and `[sweep]`.
fn with_head(tables: &str) -> TempDir {
    let rest = r#"
[features]
image_size = 32
[backbone]
weights = "backbone.onnx"
[train]
augmented_views = 2
[gate]
sounds_per_kind = 2
"#;
    let folder = fresh(&format!("{THREE_FOLDS}{rest}{tables}"));
    std::fs::copy(NARROW_BACKBONE, folder.path().join("backbone.onnx")).unwrap();
    folder
}

/// Runs the sweep, or a shard of it, into the folder `out`; returns what it printed.
fn run(folder: &Path, out: &str, arguments: &[&str]) -> String {
    stdout(&wail(folder, &[&["--config", "tiny.toml", "--device", "cpu", "--out", out], arguments].concat()))
}

/// A finished run in the folder `alone`.
static ALONE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = logistic();
    run(folder.path(), "alone", &[]);
    folder
});

fn run_in(out: &str) -> PathBuf {
    only_entry(&ALONE.path().join(out))
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_logistic_head_has_a_trial_of_one_epoch_for_each_c() {
    let run = run_in("alone");
    let leaderboard = read(run.join("leaderboard.csv"));
    assert!(leaderboard.starts_with("rank,trial,c,epoch,val_macro_f1,val_loss,"), "{leaderboard}");
    assert_eq!(leaderboard.lines().count(), 3);
    for trial in ["logistic-c0.01", "logistic-c1"] {
        assert!(leaderboard.contains(&format!(",{trial},")), "{leaderboard}");
        let folder = run.join("trials").join(trial);
        assert_eq!(read(folder.join("epochs.csv")).lines().count(), 2, "a header and one epoch");
        assert_eq!(read(folder.join("config.toml")).lines().next(), Some("[head]"), "no learning rate");
    }
    let config = read(run.join("config.toml"));
    assert!(config.contains("c = [0.01, 1.0]") && !config.contains("dropout"), "{config}");
    let html = read(run.join("report.html"));
    assert!(html.contains("<th scope=\"col\">c</th>") && !html.contains("dropout"), "its own axis only");
}

#[test]
fn shards_of_a_logistic_head_merge_to_the_same_bytes_and_a_larger_grid_resumes_a_smaller_one() {
    let folder = ALONE.path();
    let expected = contents(&folder.join("alone"));
    for shard in ["2/3", "1/3", "3/3"] {
        run(folder, "merged", &["--shard", shard]);
    }
    stdout(&wail(folder, &["merge", run_in("merged").to_str().unwrap(), "--device", "cpu"]));
    assert_same(&contents(&folder.join("merged")), &expected, "merged from 3 shards");

    run(folder, "grown", &["--set", "sweep.c=[1.0]"]);
    run(folder, "grown", &[]);
    assert_same(&contents(&folder.join("grown")), &expected, "a grid that grew");
}

#[test]
fn an_exported_logistic_head_answers_the_same_in_every_format() {
    let folder = ALONE.path();
    let exported = wail(folder, &["export", run_in("alone").to_str().unwrap(), "--out", "exported"]);
    stdout(&exported);
    let card = read(folder.join("exported/MODEL_CARD.md"));
    assert!(card.contains("- head: logistic regression, C = "), "{card}");
    let recording = only_entry(&folder.join("data/synthetic")).join("burping");
    let recording = recording.read_dir().unwrap().next().unwrap().unwrap().path();
    let answer = |model: &Path| -> serde_json::Value {
        let arguments = ["infer", recording.to_str().unwrap(), "--model", model.to_str().unwrap(), "--format", "json"];
        serde_json::from_str(&stdout(&wail(folder, &arguments))).unwrap()
    };
    let expected = answer(&run_in("alone").join("model.safetensors"));
    let probabilities = expected["all_probs"].as_object().unwrap().values().map(|p| p.as_f64().unwrap());
    assert!(probabilities.clone().fold(0.0, f64::max) > probabilities.fold(1.0, f64::min) + 0.05, "{expected}");
    for file in ["exported/model.safetensors", "exported/model.onnx"] {
        assert_eq!(answer(&folder.join(file))["all_probs"], expected["all_probs"], "{file}");
    }
}

/// `report.json` and `report.md` of a run with the tables `[head]` and `[sweep]`.
fn report(tables: &str) -> (serde_json::Value, String) {
    let folder = with_head(tables);
    run(folder.path(), "out", &[]);
    let run = only_entry(&folder.path().join("out"));
    (serde_json::from_str(&read(run.join("report.json"))).unwrap(), read(run.join("report.md")))
}

#[test]
fn the_baseline_of_an_mlp_is_what_a_logistic_head_gives() {
    let (mlp, text) = report("[sweep]\nlearning_rate = [1e-2]\ninner = [8]\ndropout = [0.5]\n");
    let (logistic, _) = report("[head]\nkind = \"logistic\"\n");
    let baseline = &mlp["baseline"];
    assert_eq!(baseline["test"], logistic["test"]["scores"]);
    assert_eq!(baseline["trials"]["first"], mlp["test"]["scores"]["macro_f1"]["value"]);
    assert_ne!(baseline["trials"]["first"], baseline["trials"]["second"]);
    let chosen = baseline["chosen"].as_array().unwrap().iter().map(|c| format!("logistic-c{}", c.as_f64().unwrap()));
    let folds = logistic["folds"].as_array().unwrap().iter().map(|fold| fold["trial"].as_str().unwrap().to_owned());
    assert_eq!(chosen.collect::<Vec<_>>(), folds.collect::<Vec<_>>());
    assert!(logistic.get("baseline").is_none(), "it is its own");
    for part in
        ["| logistic regression |", "Logistic regression on the same embeddings and folds has a test macro-F1 of"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn keys_of_another_kind_of_head_are_refused_by_name() {
    let folder = logistic();
    let arguments = ["--set", "sweep.inner=[8]", "--set", "train.epochs=3", "--set", "backbone.train=layer4"];
    let output = wail(folder.path(), &[&["--config", "tiny.toml"], &arguments[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    for part in [
        "sweep.inner: must be left out: a head of the kind logistic has no such axis",
        "train.epochs: must be left out: a head of the kind logistic is fitted in one step",
        "backbone.train: must be none",
    ] {
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
    }
}

/// `logistic.toml` as it is, but with few synthetic cries and a small network.
#[test]
fn the_config_that_comes_with_the_program_runs() {
    let folder = TempDir::new().unwrap();
    let small = [
        "data.synthetic_recordings=40",
        "features.image_size=32",
        "backbone.arch=resnet18-w8",
        "backbone.weights=random",
        "gate.sounds_per_kind=2",
    ];
    let set = small.iter().flat_map(|assignment| ["--set", assignment]);
    let arguments: Vec<&str> = ["--config", "logistic.toml", "--device", "cpu"].into_iter().chain(set).collect();
    let printed = stdout(&wail(folder.path(), &arguments));
    assert!(printed.contains("best       logistic-c") && printed.contains("test       macro-F1"), "{printed}");
}
