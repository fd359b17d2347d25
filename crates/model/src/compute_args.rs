//! The command-line arguments `--device` and `--engine`, shared by all programs.

use crate::{Compute, DeviceName, EngineName, Error};

/// `--device` and `--engine`, for `#[command(flatten)]`.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct ComputeArgs {
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// What runs the frozen encoder
    #[arg(long, value_enum, default_value_t)]
    engine: EngineName,
}

impl ComputeArgs {
    /// The arguments that say the same to another process; none if both have their default.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        if self.device != DeviceName::default() {
            words.extend(["--device", self.device.name()].map(String::from));
        }
        if self.engine != EngineName::default() {
            words.extend(["--engine", self.engine.name()].map(String::from));
        }
        words
    }

    /// Resolves the device and the engine.
    ///
    /// # Errors
    /// [`Error::Device`] if the device is not part of this build or does not respond, or if the engine does not run on it.
    pub fn find(&self) -> Result<Compute, Error> {
        Compute::new(self.device, self.engine)
    }
}
