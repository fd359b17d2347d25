//! The devices that hold and compute tensors.

use burn::tensor::Device;
#[cfg(feature = "wgpu")]
use burn::tensor::DeviceKind;

use crate::compute_names::DeviceName;
use crate::error::Error;

/// The CPU, without autodiff.
pub fn cpu() -> Device {
    Device::flex()
}

/// Resolves `name` to a device without autodiff, and to that device's own name, which is never [`DeviceName::Auto`]. `auto`
/// selects the first GPU that this build supports and that responds, otherwise the CPU. A software GPU, such as Mesa's
/// lavapipe, is found for `wgpu` but not for `auto`, because it is slower than the CPU. The environment variable
/// `BURN_DEVICE` is ignored.
///
/// # Errors
/// [`Error::Device`] for a device that is not part of this build (the message says how to build it) or does not respond.
pub(crate) fn find(name: DeviceName) -> Result<(Device, DeviceName), Error> {
    match name {
        DeviceName::Auto => Ok(cuda()
            .ok()
            .map(|cuda| (cuda, DeviceName::Cuda))
            .or_else(|| hardware_wgpu().map(|wgpu| (wgpu, DeviceName::Wgpu)))
            .unwrap_or_else(|| (cpu(), DeviceName::Cpu))),
        DeviceName::Cpu => Ok((cpu(), name)),
        DeviceName::Cuda => Ok((cuda()?, name)),
        DeviceName::Wgpu => Ok((wgpu()?, name)),
    }
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Device, Error> {
    probe("cuda", || Device::cuda(0))
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Device, Error> {
    Err(not_compiled_in("cuda"))
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Device, Error> {
    probe("wgpu", || Device::wgpu(DeviceKind::DefaultDevice))
}

#[cfg(feature = "wgpu")]
fn hardware_wgpu() -> Option<Device> {
    let kinds = [DeviceKind::DiscreteGpu(0), DeviceKind::IntegratedGpu(0), DeviceKind::VirtualGpu(0)];
    kinds.into_iter().find_map(|kind| probe("wgpu", || Device::wgpu(kind)).ok())
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<Device, Error> {
    Err(not_compiled_in("wgpu"))
}

#[cfg(not(feature = "wgpu"))]
fn hardware_wgpu() -> Option<Device> {
    None
}

#[cfg(not(all(feature = "cuda", feature = "wgpu")))]
fn not_compiled_in(name: &str) -> Error {
    Error::device(name, format!("not compiled in: build with `--features {name}`"))
}

/// Creates a device and adds two numbers on it. burn starts a device on first use and panics if there is none, so the panic
/// is caught here and becomes an error. The panic message is suppressed.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn probe(name: &str, make: impl FnOnce() -> Device + std::panic::UnwindSafe) -> Result<Device, Error> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let answer = std::panic::catch_unwind(|| {
        let device = make();
        let sum = burn::tensor::Tensor::<1>::ones([2], &device).sum().into_data();
        (device, sum.try_to_vec::<f32>())
    });
    std::panic::set_hook(hook);
    match answer {
        Ok((device, Ok(sum))) if sum == [2.0] => Ok(device),
        _ => Err(Error::device(name, "it does not answer: check that the GPU exists and its driver is installed")),
    }
}
