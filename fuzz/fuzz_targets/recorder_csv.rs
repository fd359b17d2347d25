//! A table of recorders.
#![no_main]

use dataset::audit::RecorderRule;
use libfuzzer_sys::fuzz_target;
use readers::{corpus, with_file};

fuzz_target!(|bytes: &[u8]| with_file("recorders.csv", bytes, |path| {
    let _ = RecorderRule::csv(path, &corpus());
}));
