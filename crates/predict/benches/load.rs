//! Time until a saved ResNet18 is ready, with its front end and its engine: `cargo bench -p predict`.
#![allow(clippy::expect_used)]

use divan::Bencher;
use model::{Arch, BackboneWeights, Compute, DeviceName, EngineName, Head, HeadConfig, ModelInfo};
use predict::Classifier;
use rand::SeedableRng;

fn main() {
    divan::main();
}

#[divan::bench(args = ["simd", "rten", "burn"], sample_count = 20)]
fn load(bencher: Bencher, engine: &str) {
    let engine: EngineName = engine.parse().expect("an engine");
    let compute = Compute::new(DeviceName::Cpu, engine).expect("every engine runs on the CPU");
    let weights = BackboneWeights::random(Arch::RESNET18, 1).expect("a ResNet18");
    let config = HeadConfig::mlp(64, 0.0);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let head = Head::new(&config, weights.n_outputs(), 2, &mut rng, compute.device());
    let calibration = metrics::Calibration { n_examples: 0, temperature: 1.0, sets: Vec::new() };
    let info = ModelInfo {
        arch: weights.arch(),
        labels: vec!["hungry".into(), "tired".into()],
        head: config,
        gate: None,
        features: serde_json::to_value(features::FeatureConfig::default()).expect("settings are JSON"),
        calibration: serde_json::to_value(calibration).expect("a calibration is JSON"),
        backbone_source: "random".into(),
        provenance: serde_json::Value::Null,
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    model::save_model(&path, &info, &weights, &head, None).expect("a folder to write to");
    bencher.bench(|| Classifier::load(&path, &compute).expect("the model just saved"));
}
