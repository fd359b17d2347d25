//! See `readers::recorder_csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::recorder_csv(bytes));
