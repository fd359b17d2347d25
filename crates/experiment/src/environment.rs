//! The program that made a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The program that made the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Version of Wail.
    pub wail: String,
    /// Version of the audio front end; another version may give other images.
    pub features_version: u32,
    /// Processor and operating system, such as `x86_64-linux`.
    pub target: String,
}

impl Environment {
    /// This program.
    pub fn current() -> Self {
        Self {
            wail: env!("CARGO_PKG_VERSION").into(),
            features_version: features::FEATURES_VERSION,
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        }
    }

    /// The first fields of `provenance.json`.
    pub fn provenance(&self, seed: u64, device: &str) -> serde_json::Value {
        serde_json::json!({
            "format_version": 1,
            "wail": self.wail,
            "features_version": self.features_version,
            "target": self.target,
            "seed": seed,
            "device": device,
        })
    }
}
