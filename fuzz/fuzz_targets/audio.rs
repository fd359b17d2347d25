//! See `readers::audio`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    // Panics inside a decoder are caught and become errors; libFuzzer's hook would end the process first. A panic
    // that is not caught still does.
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| fuzz::readers::audio(bytes)
);
