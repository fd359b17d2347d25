//! See `readers::run_folder`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::run_folder(bytes));
