//! An ONNX file with a file of external data → a backbone's weights, or a whole model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{Arch, BackboneWeights, cpu, load_model};
use readers::with_file;

fuzz_target!(|bytes: &[u8]| {
    with_file("dynamo_external.onnx.data", &[7; 4096], |_| {});
    with_file("model.onnx", bytes, |path| {
        let _ = BackboneWeights::load(path, Arch::RESNET18);
        let _ = BackboneWeights::load(path, Arch::YAMNET);
        let _ = load_model(path, &cpu());
    });
});
