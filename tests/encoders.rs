//! Encoders in ONNX files, from the configuration to an exported model that answers, with the real binary in fresh folders.

use std::path::{Path, PathBuf};

use crate::run_files::{contents, fresh, only_entry, stderr, stdout, wail};

/// Small enough for a test, but with every step.
const SMALL: &str = r#"
name = "encoder"
[data]
roots = []
synthetic_recordings = 40
[features]
clip_seconds = 0.5
[train]
epochs = 3
[sweep]
learning_rate = [1e-2]
inner = [16]
dropout = [0.0]
[gate]
sounds_per_kind = 2
[backbone]
arch = "onnx"
"#;

const WAVEFORM: &str = "[backbone.input]\nkind = \"waveform\"\nsample_rate_hz = 16000\nnormalise = \"per_clip\"\nname = \"x\"\noutput = \"y\"\n";
const LOG_MEL: &str = "[backbone.input]\nkind = \"log_mel\"\nsample_rate_hz = 16000\nn_fft = 512\nwindow_length = 400\n\
                       hop_length = 160\nn_mels = 64\ncentring = \"reflect\"\nlog = \"db\"\n";
const PATCHES: &str = "[backbone.input]\nkind = \"log_mel\"\nlayout = \"batch,frames,bands\"\nsample_rate_hz = 16000\nn_fft = 512\n\
                       window_length = 400\nhop_length = 160\nn_mels = 32\nn_frames = 96\ncentring = \"none\"\n\
                       normalise = \"fixed\"\nmean = [-4.0]\nstd = [4.0]\n";
const IMAGE: &str =
    "[backbone.input]\nkind = \"image\"\nimage_size = 64\nnormalise = \"fixed\"\nmean = [0.5, 0.4, 0.3]\nstd = [0.2]\n";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../model/tests/goldens/encoders/{name}.onnx"))
}

/// A fresh folder with `tiny.toml`: a configuration for the encoder `name` with the table `input`.
fn folder_of(name: &str, input: &str) -> tempfile::TempDir {
    fresh(&format!("{SMALL}weights = {:?}\n{input}", golden(name)))
}

fn answer(folder: &Path, file: &Path, model: &str) -> serde_json::Value {
    let arguments = ["infer", file.to_str().unwrap(), "--model", model, "--format", "json"];
    serde_json::from_str(&stdout(&wail(folder, &arguments))).unwrap()
}

/// Fails unless both files in the folder `mine`, which contain the encoder, answer as the run does.
fn assert_same_answers(folder: &Path, file: &Path, name: &str) {
    let expected = answer(folder, file, "newest");
    assert!(expected["cry_score"].is_number());
    for model in ["mine/model.onnx", "mine/model.safetensors"] {
        let found = answer(folder, file, model);
        for (label, probability) in expected["all_probs"].as_object().unwrap() {
            let difference = found["all_probs"][label].as_f64().unwrap() - probability.as_f64().unwrap();
            assert!(difference.abs() < 1e-5, "{name} {model} {label}: {difference}");
        }
    }
}

#[test]
fn an_encoder_of_each_kind_is_trained_exported_and_answers() {
    for (name, input) in [("waveform", WAVEFORM), ("log_mel", LOG_MEL), ("patches", PATCHES), ("image", IMAGE)] {
        let folder = folder_of(name, input);
        let said = wail(folder.path(), &["--config", "tiny.toml", "--engine", "burn"]);
        assert!(stderr(&said).contains("engine     rten on cpu"), "{name}: {}", stderr(&said));
        stdout(&said);
        let run = only_entry(&folder.path().join("experiments"));
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(run.join("report.json")).unwrap()).unwrap();
        assert_eq!((&report["device"], &report["backbone"]["arch"]), (&"rten on cpu".into(), &"onnx".into()));
        let sha256 = durable::sha256_hex(&std::fs::read(golden(name)).unwrap());
        assert!(report["backbone"]["used"].as_str().unwrap().contains(&sha256), "{report}");

        stdout(&wail(folder.path(), &["export", run.to_str().unwrap(), "--out", "mine"]));
        let exported: Vec<PathBuf> = contents(&folder.path().join("mine")).into_iter().map(|(name, _)| name).collect();
        assert_eq!(exported, ["MODEL_CARD.md", "model.onnx", "model.safetensors"].map(PathBuf::from));
        let burping = folder.path().join("data/synthetic/40/burping");
        let file = std::fs::read_dir(burping).unwrap().next().unwrap().unwrap().path();
        assert_same_answers(folder.path(), &file, name);
    }
}

#[test]
fn a_head_over_frames_takes_those_of_an_encoder() {
    let folder = folder_of("patches", PATCHES);
    let head = ["--set", "head.kind=gru", "--set", "sweep={learning_rate=[1e-2],hidden=[8],dropout=[0.0]}"];
    stdout(&wail(folder.path(), &[&["--config", "tiny.toml"][..], &head].concat()));
    let run = only_entry(&folder.path().join("experiments"));
    stdout(&wail(folder.path(), &["export", run.to_str().unwrap(), "--out", "mine"]));
    let burping = folder.path().join("data/synthetic/40/burping");
    let file = std::fs::read_dir(burping).unwrap().next().unwrap().unwrap().path();
    assert_same_answers(folder.path(), &file, "patches");
}

#[test]
fn each_config_for_an_encoder_runs_on_small_data() {
    let small =
        ["--set", "data.roots=[]", "--set", "data.synthetic_recordings=64", "--set", "data.when_missing=synthesize"];
    let quick = ["--set", "sweep.c=[1.0]", "--set", "data.split.folds=3"];
    for (config, encoder, sizes) in [
        ("onnx.toml", "waveform", ["--set", "features.clip_seconds=0.5"]),
        ("imagenet.toml", "image", ["--set", "backbone.input.image_size=64"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let weights = format!("backbone.weights={}", golden(encoder).display());
        let arguments = [&["--config", config, "--set", &weights][..], &small, &quick, &sizes].concat();
        let said = stdout(&wail(folder.path(), &arguments));
        assert!(said.contains("test       macro-F1"), "{config}: {said}");
    }
}

#[test]
fn checks_describe_an_encoder_time_it_and_propose_a_table_that_works() {
    let folder = folder_of("log_mel", "");
    let file = golden("log_mel");
    let checked = wail(folder.path(), &["encoders", "check", file.to_str().unwrap()]);
    for expected in [
        "opset 17",
        "takes     x, float32 [?, 1, 51, 64]",
        "gives     y, float32 [?, 40]",
        "embedding 40 values",
        "ms for a clip of 0.5 s",
    ] {
        assert!(stderr(&checked).contains(expected), "{expected}: {}", stderr(&checked));
    }
    let tables = stdout(&checked);
    for expected in ["kind = \"log_mel\"", "n_mels = 64", "n_frames = 51"] {
        assert!(tables.contains(expected), "{expected}: {tables}");
    }
    std::fs::write(folder.path().join("proposed.toml"), format!("{tables}\n[data]\nroots = []\nsynthetic_recordings = 40\n[sweep]\nlearning_rate = [1e-2]\ninner = [8]\ndropout = [0.0]\n[train]\nepochs = 1\n[gate]\nenabled = false\n")).unwrap();
    assert!(stdout(&wail(folder.path(), &["--config", "proposed.toml"])).contains("test       macro-F1"));
    let again =
        stderr(&wail(folder.path(), &["encoders", "check", file.to_str().unwrap(), "--config", "proposed.toml"]));
    assert!(again.contains("embedding 40 values"), "{again}");

    let mxnet = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/goldens/mxnet.onnx");
    let old = wail(folder.path(), &["encoders", "check", mxnet.to_str().unwrap()]);
    assert_eq!(old.status.code(), Some(4), "{}", stderr(&old));
    assert!(stderr(&old).contains("opset 8, and at least 13 is read"), "{}", stderr(&old));
}

#[test]
fn wrong_tables_are_refused_with_their_key_and_line() {
    for (input, overrides, expected) in [
        ("", &[][..], "backbone.input: this table is missing; for a proposal: wail encoders check FILE"),
        (WAVEFORM, &["backbone.input.n_mels=64"], "backbone.input.n_mels: does not belong to kind = \"waveform\""),
        (WAVEFORM, &["backbone.train=all"], "backbone.train: must be none"),
        (WAVEFORM, &["train.augmented_views=2"], "train.augmented_views: must be 0: a waveform has no masks"),
        (WAVEFORM, &["features.n_fft=512"], "features.n_fft: must be left out: [backbone.input] decides it"),
        (WAVEFORM, &["backbone.input.mean=[1.0]"], "backbone.input.mean: applies only to normalise = \"fixed\""),
        (WAVEFORM, &["backbone.weights="], "backbone.weights: must be the path of an .onnx file"),
        (WAVEFORM, &["backbone.when_missing=compact"], "backbone.when_missing: must be fail"),
        (
            WAVEFORM,
            &["backbone.input.layout=batch,frames"],
            "backbone.input.layout: `batch,frames`: `frames` is no dimension",
        ),
        (LOG_MEL, &["backbone.input.hop_length=0"], "backbone.input.hop_length: must be 1 to n_fft"),
        (LOG_MEL, &["backbone.input.std=[0.0]", "backbone.input.normalise=fixed"], "backbone.input.mean: is missing"),
        ("[backbone.input]\nkind = \"log_mel\"\n", &[], "backbone.input.n_mels: is missing"),
        (LOG_MEL, &["backbone.arch=resnet18"], "backbone.input: applies only to backbone.arch = \"onnx\""),
    ] {
        let folder = folder_of("waveform", input);
        let sets: Vec<&str> = overrides.iter().flat_map(|one| ["--set", one]).collect();
        let refused = wail(folder.path(), &[&["--config", "tiny.toml"][..], &sets].concat());
        assert_eq!(refused.status.code(), Some(2), "{expected}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(expected), "{expected}: {}", stderr(&refused));
    }
    let folder = folder_of("waveform", LOG_MEL);
    let unfit = wail(folder.path(), &["--config", "tiny.toml"]);
    assert_eq!(unfit.status.code(), Some(4), "{}", stderr(&unfit));
    let said = stderr(&unfit);
    assert!(said.contains("backbone.input.layout") && said.contains("takes [?, 8000]"), "{said}");
    let nowhere = wail(folder.path(), &["--config", "tiny.toml", "--set", "backbone.weights=nowhere.onnx"]);
    assert!(stderr(&nowhere).contains("nowhere.onnx"), "{}", stderr(&nowhere));
}
