//! A run's configuration.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readers::with_file;
use train::config::{Config, Settings};

fuzz_target!(|bytes: &[u8]| with_file("sweep.toml", bytes, |path| {
    if let Ok(config) = Config::load(path, &[]) {
        assert!(config.to_toml().is_ok());
    }
}));
