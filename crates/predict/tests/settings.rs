//! Settings inside a model file that no front end can have give an error, never a panic.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use model::{Compute, DeviceName, EngineName, SavedModel, cpu, parse_model, save_model};
use predict::{Classifier, Error, in_the_box};
use serde_json::Value;

#[test]
fn impossible_sizes_and_rates_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let compute = Compute::new(DeviceName::Cpu, EngineName::Auto).unwrap();
    let SavedModel { info, weights, head, gate } =
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
