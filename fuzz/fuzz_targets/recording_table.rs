//! See `readers::recording_table`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::recording_table(bytes));
