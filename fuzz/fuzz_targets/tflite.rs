//! See `readers::tflite`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::tflite(bytes));
