//! Files of earlier versions can still be read. `tests/fixtures/make.sh` wrote them to `tests/fixtures/VERSION`.

use std::path::Path;

use crate::run_files::{self, contents, copy, stdout};
use experiment::Identity;
use experiment::journal::Journal;
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn wail(folder: &Path, arguments: &[&str]) -> String {
    stdout(&run_files::wail(folder, arguments))
}

fn probabilities(answer: &str) -> Vec<(String, f64)> {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let all = answer["all_probs"].as_object().unwrap();
    all.iter().map(|(label, p)| (label.clone(), p.as_f64().unwrap())).collect()
}

#[test]
fn runs_and_models_of_each_version_can_still_be_read() {
    let sound = format!("{ROOT}/crates/features/tests/fixtures/pcm_s16le.wav");
    let mut versions = 0;
    for entry in Path::new(ROOT).join("tests/fixtures").read_dir().unwrap() {
        let version = entry.unwrap().path();
        if !version.is_dir() {
            continue;
        }
        versions += 1;
        let folder = tempfile::tempdir().unwrap();
        copy(&contents(&version), folder.path());
        let expected = probabilities(&std::fs::read_to_string(version.join("answer.json")).unwrap());
        wail(folder.path(), &["export", "run", "--trial", "lr0.01-inner8-dropout0.5", "--out", "other"]);
        for model in ["run", "run/model.safetensors", "model", "model/model.onnx"] {
            let found = probabilities(&wail(folder.path(), &["infer", &sound, "--model", model, "--format", "json"]));
            assert_eq!(found.len(), expected.len());
            for ((label, found), (expected_label, expected)) in found.iter().zip(&expected) {
                assert_eq!(label, expected_label);
                assert!((found - expected).abs() < 2e-6, "{}, {model}: {label} {found}", version.display());
            }
        }
        wail(folder.path(), &["report", "run"]);
        assert!(folder.path().join("run/report.html").is_file());
        // Its journal is refused by name: this version's trials are not those of an earlier one.
        let journal = std::fs::read(folder.path().join("run/journal")).unwrap();
        let error = Journal::open(&folder.path().join("run"), &Identity::new([])).err().unwrap().to_string();
        assert!(error.contains("run/journal: an earlier version of Wail wrote it"), "{error}");
        assert_eq!(std::fs::read(folder.path().join("run/journal")).unwrap(), journal);
    }
    assert!(versions > 0);
}

/// A state dict of torch. The probabilities are those of torchvision's network on the image that librosa makes of the sound:
/// `scripts/goldens/model_golden.py` wrote the file, `scripts/wail_scripts/librosa_features.py` makes the image.
#[test]
fn a_state_dict_of_torch_answers_with_the_labels_that_are_named() {
    let sound = format!("{ROOT}/crates/features/tests/fixtures/pcm_s16le.wav");
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("best_lr_0.01_inner_6_drop_0.8.pt");
    std::fs::copy(format!("{ROOT}/crates/model/tests/goldens/state_dict.pt"), &model).unwrap();
    std::fs::write(folder.path().join("labels.txt"), "hungry\ntired\r\nbelly pain\n").unwrap();
    let model = model.to_str().unwrap();
    for labels in ["hungry,tired, belly pain", "labels.txt"] {
        let answer = wail(folder.path(), &["infer", &sound, "--model", model, "--labels", labels, "--format", "json"]);
        let expected = [("belly pain", 0.3293848), ("hungry", 0.3934353), ("tired", 0.2771799)];
        let mut found = probabilities(&answer);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found.len(), 3);
        for ((label, found), (expected_label, expected)) in found.iter().zip(expected) {
            assert_eq!(label, expected_label);
            assert!((found - expected).abs() < 1e-5, "{label}: {found}, not {expected}");
        }
    }
    let exported = format!("{ROOT}/models/wail-compact/model.onnx");
    for (model, labels, code, text) in [
        (model, None, 4, "name its classes: --labels A,B"),
        (model, Some("hungry,tired"), 2, "3 classes, but there are 2 labels"),
        (model, Some("hungry,tired,hungry"), 2, "\"hungry\" is there twice"),
        (model, Some("hungry,,tired"), 2, "a label is empty"),
        (&exported, Some("hungry,tired,sad"), 4, "not a state dict"),
    ] {
        let mut arguments = vec!["infer", &sound, "--model", model];
        arguments.extend(labels.iter().flat_map(|labels| ["--labels", labels]));
        let output = run_files::wail(folder.path(), &arguments);
        let error = run_files::stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(text), "{error}");
    }
}
