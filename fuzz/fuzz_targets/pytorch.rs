//! See `readers::pytorch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::pytorch(bytes));
