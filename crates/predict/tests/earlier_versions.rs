//! Models written by version 0.1.0 give the same answers as before, or are refused with the reason; the model in the box gives those
//! that it gave when it was made. The files in
//! `tests/fixtures/0.1.0` were exported by that version after a run with
//! `crates/model/tests/goldens/{torch.safetensors,yamnet.tflite}`; they include its answer for
//! `crates/features/tests/fixtures/pcm_s16le.wav`. `tests/formats.rs` of the workspace does the same for a ResNet.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use model::{Compute, DeviceName, EngineName};
use predict::{Classifier, Options, in_the_box};
use serde_json::Value;

const FIXTURES: &str = "tests/fixtures/0.1.0";
const SOUND: &str = "../features/tests/fixtures/pcm_s16le.wav";
const OPTIONS: Options = Options { top_k: 3, min_confidence: None, coverage: None };

/// Fails unless label, probabilities and score equal those of `expected` to 1e-6.
fn check(classifier: &Classifier, expected: &Value, case: &str) {
    let found = classifier.classify_file(Path::new(SOUND), &OPTIONS).unwrap();
    let found: Value = serde_json::to_value(found).unwrap();
    assert_eq!((&found["label"], &found["not_a_cry"]), (&expected["label"], &expected["not_a_cry"]), "{case}");
    let numbers = |answer: &Value| -> Vec<f64> {
        let all = answer["all_probs"].as_object().unwrap().values();
        all.chain([&answer["cry_score"]]).map(|number| number.as_f64().unwrap()).collect()
    };
    for (found, expected) in numbers(&found).into_iter().zip(numbers(expected)) {
        assert!((found - expected).abs() < 1e-6, "{case}: {found}, not {expected}");
    }
}

#[test]
fn a_model_of_yamnet_answers_as_before() {
    let cases = [
        ("yamnet.safetensors", EngineName::Rten, "yamnet_rten.json"),
        ("yamnet.onnx", EngineName::Rten, "yamnet_rten.json"),
        ("yamnet.onnx", EngineName::Burn, "yamnet_burn.json"),
    ];
    for (file, engine, answer) in cases {
        let expected = std::fs::read_to_string(format!("{FIXTURES}/{answer}")).unwrap();
        let compute = Compute::new(DeviceName::Cpu, engine).unwrap();
        let classifier = Classifier::load(&Path::new(FIXTURES).join(file), &compute).unwrap();
        check(&classifier, &serde_json::from_str(&expected).unwrap(), &format!("{file} in {engine:?}"));
    }
}

#[test]
fn the_model_in_the_box_answers_as_when_it_was_made() {
    let expected = std::fs::read_to_string("tests/fixtures/in_the_box.json").unwrap();
    let classifier =
        Classifier::find(None, Path::new(""), &Compute::new(DeviceName::Cpu, EngineName::Rten).unwrap()).unwrap();
    check(&classifier, &serde_json::from_str(&expected).unwrap(), in_the_box::NAME);
}

#[test]
fn a_model_with_a_spectrogram_packed_below_the_image_is_refused_by_name() {
    let path = Path::new(FIXTURES).join("packed.onnx");
    let error =
        Classifier::load(&path, &Compute::new(DeviceName::Cpu, EngineName::Rten).unwrap()).err().unwrap().to_string();
    assert!(error.contains("packed.onnx") && error.contains("`image_and_yamnet`"), "{error}");
    assert!(error.contains("train and export the model again"), "{error}");
}
