//! Heads over frames, from the sweep to the answer of an exported model.

use std::path::{Path, PathBuf};

use crate::run_files::{NARROW_BACKBONE, THREE_FOLDS, assert_same, contents, fresh, only_entry, stderr, stdout, wail};
use tempfile::TempDir;

/// A new folder with a config for three folds and the saved model, with a head of `kind`.
fn folder_with(kind: &str) -> TempDir {
    let folder = fresh(&config_with(kind, "hidden = [4, 8]"));
    std::fs::copy(NARROW_BACKBONE, folder.path().join("backbone.onnx")).unwrap();
    folder
}

fn config_with(kind: &str, sizes: &str) -> String {
    let rest = format!(
        r#"
[features]
image_size = 64
[backbone]
weights = "backbone.onnx"
[head]
kind = "{kind}"
[train]
epochs = 2
augmented_views = 2
[sweep]
learning_rate = [1e-2]
{sizes}
dropout = [0.5]
[gate]
sounds_per_kind = 2
"#
    );
    format!("{THREE_FOLDS}{rest}")
}

/// Runs the sweep, or a shard of it, into the folder `out`; returns what it printed.
fn run(folder: &Path, out: &str, arguments: &[&str]) -> String {
    stdout(&wail(folder, &[&["--config", "tiny.toml", "--device", "cpu", "--out", out], arguments].concat()))
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The metadata of each table of embeddings.
fn tables(folder: &Path) -> Vec<String> {
    let folders = folder.join("data/cache/embeddings").read_dir().unwrap();
    let of_folder = |folder: PathBuf| {
        let segment = folder.read_dir().unwrap().next().unwrap().unwrap().path();
        let bytes = std::fs::read(segment).unwrap();
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        metadata.metadata().as_ref().unwrap()["wail"].clone()
    };
    let mut kinds: Vec<String> = folders.map(|folder| of_folder(folder.unwrap().path())).collect();
    kinds.sort();
    kinds
}

#[test]
fn shards_merge_to_the_bytes_of_a_run_and_the_exported_model_answers_the_same_in_every_format() {
    for kind in ["attention", "gru", "lstm"] {
        let folder = folder_with(kind);
        let folder = folder.path();
        run(folder, "alone", &[]);
        let leaderboard = read(only_entry(&folder.join("alone")).join("leaderboard.csv"));
        assert!(leaderboard.starts_with("rank,trial,learning_rate,hidden,dropout,epoch,"), "{leaderboard}");
        assert!(leaderboard.contains(&format!(",{kind}-lr0.01-hidden8-dropout0.5,0.01,8,0.5,")), "{leaderboard}");

        for shard in ["2/2", "1/2"] {
            run(folder, "merged", &["--shard", shard]);
        }
        let merged = only_entry(&folder.join("merged"));
        stdout(&wail(folder, &["merge", merged.to_str().unwrap(), "--device", "cpu"]));
        assert_same(&contents(&folder.join("merged")), &contents(&folder.join("alone")), kind);

        let alone = only_entry(&folder.join("alone"));
        stdout(&wail(folder, &["export", alone.to_str().unwrap(), "--out", "exported"]));
        let card = read(folder.join("exported/MODEL_CARD.md"));
        assert!(card.contains("- head: on frames: dropout 0.5 of features"), "{card}");
        let recording = only_entry(&folder.join("data/synthetic")).join("burping");
        let recording = recording.read_dir().unwrap().next().unwrap().unwrap().path();
        let answer = |model: &Path, engine: &str| -> (Vec<f64>, f64) {
            let [recording, model] = [&recording, model].map(|path| path.to_str().unwrap());
            let output = wail(folder, &["infer", recording, "--model", model, "--format", "json", "--engine", engine]);
            let answer: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
            let probabilities = answer["all_probs"].as_object().unwrap().values().map(|p| p.as_f64().unwrap());
            (probabilities.collect(), answer["cry_score"].as_f64().unwrap())
        };
        let expected = answer(&alone.join("model.safetensors"), "simd");
        for (file, engine) in [("safetensors", "simd"), ("onnx", "simd"), ("onnx", "burn"), ("onnx", "rten")] {
            let found = answer(&folder.join(format!("exported/model.{file}")), engine);
            let pairs = found.0.iter().zip(&expected.0).chain([(&found.1, &expected.1)]);
            let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(largest < 1e-4, "{kind}, {file} with {engine}: {largest}");
        }
    }
}

#[test]
fn frames_have_a_table_of_their_own_that_heads_of_every_kind_share() {
    let folder = folder_with("gru");
    let folder = folder.path();
    run(folder, "experiments", &["--set", "gate.enabled=false"]);
    let of_frames = tables(folder);
    assert!(of_frames.len() == 2 && of_frames.iter().all(|kind| kind.contains(" frames; ")), "{of_frames:?}");
    run(folder, "experiments", &["--set", "gate.enabled=false", "--set", "head.kind=attention"]);
    assert_eq!(tables(folder), of_frames);
    std::fs::write(folder.join("tiny.toml"), config_with("mlp", "inner = [4]")).unwrap();
    run(folder, "experiments", &["--set", "gate.enabled=false"]);
    let with_embeddings = tables(folder);
    assert_eq!(with_embeddings.iter().filter(|kind| kind.contains(" before None; ")).count(), 2, "{with_embeddings:?}");
    assert_eq!(with_embeddings.len(), 4);
}

#[test]
fn what_a_head_over_frames_cannot_have_is_refused_by_name() {
    let folder = folder_with("attention");
    let set = ["backbone.train=layer4", "head.bidirectional=true", "sweep.inner=[8]", "backbone.arch=resnet18+yamnet"];
    let set: Vec<&str> = set.iter().flat_map(|assignment| ["--set", assignment]).collect();
    let output = wail(folder.path(), &[&["--config", "tiny.toml"], &set[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    for part in [
        "backbone.train: must be none: a head of the kind attention takes the frames of a frozen backbone",
        "backbone.arch: must be one network: a head of the kind attention takes frames",
        "head.bidirectional: must be left out: a head of the kind attention has no direction",
        "sweep.inner: must be left out: a head of the kind attention has no such axis",
    ] {
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
    }
}

/// `temporal.toml` as it is, but on synthetic cries, with random weights and few epochs.
#[test]
fn the_config_that_comes_with_the_program_runs() {
    let folder = TempDir::new().unwrap();
    let small = [
        "data.roots=[\"recordings\"]",
        "data.when_missing=synthesize",
        "data.synthetic_recordings=40",
        "data.split.folds=3",
        "features.clip_seconds=2.0",
        "backbone.weights=random",
        "train.epochs=1",
        "gate.sounds_per_kind=2",
    ];
    let set = small.iter().flat_map(|assignment| ["--set", assignment]);
    let arguments: Vec<&str> = ["--config", "temporal.toml", "--device", "cpu"].into_iter().chain(set).collect();
    let printed = stdout(&wail(folder.path(), &arguments));
    assert!(printed.contains("best       gru-lr") && printed.contains("test       macro-F1"), "{printed}");
}
