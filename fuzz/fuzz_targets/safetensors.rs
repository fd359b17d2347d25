//! A safetensors file → a backbone's weights, or a whole model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{Arch, BackboneWeights, cpu, load_model};
use readers::with_file;

fuzz_target!(|bytes: &[u8]| with_file("model.safetensors", bytes, |path| {
    let _ = BackboneWeights::load(path, Arch::RESNET18);
    let _ = load_model(path, &cpu());
}));
