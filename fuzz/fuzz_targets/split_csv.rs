//! See `readers::split_csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::split_csv(bytes));
