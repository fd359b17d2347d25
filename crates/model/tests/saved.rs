//! Saved models and heads: what is read is what was written, and nothing else is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use burn::tensor::{Device, Tensor};
use model::{Arch, BackboneWeights, Error, Head, HeadConfig, ModelInfo};

fn goldens() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

fn logits(head: &Head, n_inputs: usize) -> Vec<f32> {
    let embeddings = Tensor::<1>::from_floats(
        (0..2 * n_inputs).map(|i| (i % 7) as f32 / 7.0 - 0.2).collect::<Vec<_>>().as_slice(),
        &Device::flex(),
    );
    head.forward(embeddings.reshape([2, n_inputs])).into_data().try_into_vec().unwrap()
}

#[test]
fn a_model_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let device = model::device("cpu").unwrap();
    let weights = BackboneWeights::load(&goldens().join("torch.safetensors"), Arch::ResNet18).unwrap();
    let config = HeadConfig { inner: 16, dropout: 0.5 };
    let head = Head::new(&config, weights.n_outputs(), 3, &device);
    let info = ModelInfo {
        arch: Arch::ResNet18,
        labels: ["a", "b", "c"].map(String::from).to_vec(),
        head: config,
        features: serde_json::json!({"n_mels": 128}),
        backbone_source: "test".into(),
    };
    model::save_model(&path, &info, &weights, &head).unwrap();
    let saved = model::load_model(&path, &device).unwrap();
    assert_eq!(saved.info, info);
    assert_eq!(logits(&saved.head, weights.n_outputs()), logits(&head, weights.n_outputs()));
    assert_eq!(BackboneWeights::load(&path, Arch::ResNet18).unwrap(), weights);

    let again = folder.path().join("again.safetensors");
    model::save_model(&again, &info, &weights, &head).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
    let _: Option<Error> = None;
}
