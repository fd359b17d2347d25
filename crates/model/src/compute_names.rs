//! Devices and engines by name, as a person chooses them.

/// Where tensors are computed.
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

/// What runs the frozen encoder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum EngineName {
    /// The faster one: rten on the CPU, burn on a GPU
    #[default]
    Auto,
    /// burn, on any device
    Burn,
    /// rten, only on the CPU
    Rten,
}

impl DeviceName {
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
    /// `auto`, `burn` or `rten`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Burn => "burn",
            Self::Rten => "rten",
        }
    }
}
