//! Settings inside a model file that no front end can have give an error, never a panic.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use features::FeatureConfig;
use model::{
    Arch, BackboneWeights, Compute, DeviceName, EngineName, Head, HeadConfig, ModelInfo, SavedModel, cpu, parse_model,
    save_model,
};
use predict::{Classifier, Error, in_the_box};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

#[test]
fn impossible_sizes_and_rates_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let compute = Compute::new(DeviceName::Cpu, EngineName::Auto).unwrap();
    let SavedModel { info, weights, head, gate, .. } =
        parse_model(Path::new(in_the_box::NAME), in_the_box::MODEL, &cpu()).unwrap();
    let keys: Vec<String> = info.features.as_object().unwrap().keys().cloned().collect();
    let mut numbers = 0;
    for key in keys.iter().filter(|key| info.features[key.as_str()].is_number()) {
        for value in [0.into(), Value::from(-1), Value::from(u32::MAX), Value::from(1e300)] {
            let mut changed = info.clone();
            changed.features[key.as_str()] = value.clone();
            save_model(&path, &changed, &weights, &head, gate.as_ref()).unwrap();
            match Classifier::load(&path, &compute) {
                Ok(_) => {}
                Err(Error::FeatureSettings { .. }) => numbers += 1,
                Err(other) => panic!("{key} = {value}: {other}"),
            }
        }
    }
    assert!(numbers > 4, "{numbers} of {keys:?}");
    let mut changed = info;
    changed.features["image_size"] = 0.into();
    save_model(&path, &changed, &weights, &head, gate.as_ref()).unwrap();
    assert!(matches!(Classifier::load(&path, &compute), Err(Error::FeatureSettings { .. })));
}

#[test]
fn an_image_without_pixels_is_refused_beside_patches_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let compute = Compute::new(DeviceName::Cpu, EngineName::Auto).unwrap();
    let weights = BackboneWeights::random(Arch::RESNET18_W8, 1)
        .unwrap()
        .beside(BackboneWeights::random(Arch::YAMNET, 2).unwrap())
        .unwrap();
    let config = HeadConfig::mlp(8, 0.5);
    let head = Head::new(&config, weights.n_outputs(), 2, &mut ChaCha8Rng::seed_from_u64(3), &cpu());
    let features = FeatureConfig::for_inputs(&weights.arch().input_names()).unwrap();
    let info = ModelInfo {
        arch: weights.arch(),
        labels: ["hungry", "tired"].map(String::from).to_vec(),
        head: config,
        gate: None,
        features: serde_json::to_value(&features).unwrap(),
        calibration: json!({"n_examples": 0, "temperature": 1.0, "sets": []}),
        backbone_source: "random".into(),
        provenance: Value::Null,
    };
    let load = |image_size: usize| {
        let mut info = info.clone();
        info.features["image_size"] = image_size.into();
        save_model(&path, &info, &weights, &head, None).unwrap();
        Classifier::load(&path, &compute)
    };
    assert!(load(32).is_ok());
    let Err(error @ Error::FeatureSettings { .. }) = load(0) else { panic!("an image of 0 x 0 pixels") };
    assert!(error.to_string().contains("image_size must be 32 to 1024"), "{error}");
}
