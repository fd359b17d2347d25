//! Names of devices and engines, as given on the command line.

use std::str::FromStr;

use crate::error::Error;

/// A device to compute on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum DeviceName {
    /// The first GPU that this build supports and that responds, otherwise the CPU
    #[default]
    Auto,
    /// The CPU
    Cpu,
    /// Vulkan, Metal or DirectX; needs a build with --features wgpu
    Wgpu,
    /// CUDA; needs a build with --features cuda
    Cuda,
}

/// An engine to run the frozen encoder with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum EngineName {
    /// The fastest one: simd on the CPU, burn on a GPU
    #[default]
    Auto,
    /// Our own kernels, only on the CPU
    Simd,
    /// burn, on any device
    Burn,
    /// rten, only on the CPU
    Rten,
}

impl DeviceName {
    const ALL: [Self; 4] = [Self::Auto, Self::Cpu, Self::Wgpu, Self::Cuda];

    /// `auto`, `cpu`, `wgpu` or `cuda`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }
}

impl EngineName {
    const ALL: [Self; 4] = [Self::Auto, Self::Simd, Self::Burn, Self::Rten];

    /// `auto`, `simd`, `burn` or `rten`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Simd => "simd",
            Self::Burn => "burn",
            Self::Rten => "rten",
        }
    }
}

impl FromStr for DeviceName {
    type Err = Error;

    /// # Errors
    /// [`Error::Device`] for an unknown name.
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|device| device.name() == name);
        known.ok_or_else(|| Error::device(name, "unknown device; choose `auto`, `cpu`, `wgpu` or `cuda`"))
    }
}

impl FromStr for EngineName {
    type Err = Error;

    /// # Errors
    /// [`Error::Device`] for an unknown name.
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|engine| engine.name() == name);
        known.ok_or_else(|| Error::device(name, "unknown engine; choose `auto`, `simd`, `burn` or `rten`"))
    }
}
