//! A TFLite file → a backbone's weights.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{Arch, BackboneWeights};
use readers::with_file;

fuzz_target!(|bytes: &[u8]| with_file("model.tflite", bytes, |path| {
    let _ = BackboneWeights::load(path, Arch::YAMNET);
}));
