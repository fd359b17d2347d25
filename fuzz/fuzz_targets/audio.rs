//! Bytes of a recording → its image.
#![no_main]

use std::sync::LazyLock;

use features::{Extractor, FeatureConfig};
use libfuzzer_sys::fuzz_target;

static EXTRACTOR: LazyLock<Extractor> =
    LazyLock::new(|| Extractor::new(&FeatureConfig::default()).unwrap_or_else(|e| panic!("{e}")));

fuzz_target!(
    // Panics inside a decoder are caught and become errors; libFuzzer's hook would end the process first. A panic
    // that is not caught still does.
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        if let Ok((image, _)) = EXTRACTOR.record_from_bytes(bytes, None) {
            assert!(image.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        }
    }
);
