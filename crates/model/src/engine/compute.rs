//! The choice of device and engine.

use std::fmt;

use burn::tensor::Device;

use super::burn::BurnEngine;
use super::rten::RtenEngine;
use super::several::Several;
use super::simd::SimdEngine;
use super::untouched::Untouched;
use crate::arch::Arch;
use crate::compute_names::{DeviceName, EngineName};
use crate::device::find;
use crate::engine::Engine;
use crate::error::Error;
use crate::frozen_output::FrozenOutput;
use crate::networks::NetworkWeights;
use crate::weights::{BackboneWeights, Inputs};

/// The device and the engine to compute with.
#[derive(Clone, Debug)]
pub struct Compute {
    device: Device,
    /// Never `auto`.
    device_name: DeviceName,
    /// Never `auto`.
    engine_name: EngineName,
}

/// `simd on cpu`, for instance: what decides the last digits of embeddings.
impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} on {}", self.engine_name(), self.device_name())
    }
}

impl Compute {
    /// Resolves the device and the engine.
    ///
    /// [`DeviceName::Auto`] is the first GPU that this build supports and that responds, otherwise the CPU; a software GPU, which is
    /// slower, is used only if it is named. [`EngineName::Auto`] is [`EngineName::Simd`] on the CPU, otherwise burn.
    ///
    /// # Errors
    /// [`Error::Device`] for a device that is not part of this build (the message says how to build it) or does not respond, and on a GPU
    /// for an engine that runs only on the CPU.
    pub fn new(device: DeviceName, engine: EngineName) -> Result<Self, Error> {
        let (device, device_name) = find(device)?;
        let engine_name = match (engine, device_name) {
            (EngineName::Auto | EngineName::Simd, DeviceName::Cpu) => EngineName::Simd,
            (EngineName::Rten, DeviceName::Cpu) => EngineName::Rten,
            (EngineName::Auto | EngineName::Burn, _) => EngineName::Burn,
            (EngineName::Simd | EngineName::Rten, _) => {
                let problem = format!("the engine `{}` runs only on the CPU", engine.name());
                return Err(Error::device(device_name.name(), problem));
            }
        };
        Ok(Self { device, device_name, engine_name })
    }

    /// What decides the last digits of the embeddings of an encoder and of the heads behind it, as [`Compute`] is displayed: an encoder in
    /// an ONNX file always runs in rten on the CPU.
    pub fn describe_for(&self, arch: Arch) -> String {
        let encoder = format!("{} on {}", self.engine_name_for(arch), DeviceName::Cpu.name());
        match arch {
            Arch::ONNX if self.device_name == DeviceName::Cpu => encoder,
            Arch::ONNX => format!("{encoder}, heads on {}", self.device_name()),
            _ => self.to_string(),
        }
    }

    /// [`Compute::engine_name`] of what runs an encoder.
    pub fn engine_name_for(&self, arch: Arch) -> &'static str {
        if arch == Arch::ONNX { EngineName::Rten.name() } else { self.engine_name() }
    }

    /// The device, without autodiff.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// `cpu`, `wgpu` or `cuda`.
    pub fn device_name(&self) -> &'static str {
        self.device_name.name()
    }

    /// `simd`, `burn` or `rten`.
    pub fn engine_name(&self) -> &'static str {
        self.engine_name.name()
    }

    /// Prepares `weights` to run on records that consist of these `inputs`, one after the other.
    ///
    /// # Errors
    /// [`Error::Argument`] for inputs that the encoder does not take, [`Error::Engine`] if the engine cannot run the network.
    pub fn engine(&self, weights: &BackboneWeights, inputs: &Inputs) -> Result<Box<dyn Engine>, Error> {
        self.engine_to(FrozenOutput::EMBEDDING, weights, inputs)
    }

    /// Like [`Compute::engine`], but for the layers up to `output`: frames, or the input of
    /// [`BackboneWeights::to_trainable`].
    ///
    /// # Errors
    /// As [`Compute::engine`]; also [`Error::Argument`] for frames of several networks or of one that gives none, and if `output`
    /// leaves a part of YAMNet or of several networks to training.
    pub fn engine_to(
        &self,
        output: FrozenOutput,
        weights: &BackboneWeights,
        inputs: &Inputs,
    ) -> Result<Box<dyn Engine>, Error> {
        let networks = weights.check(output, inputs)?;
        if let &[(network, shape)] = &networks[..] {
            return self.network(network, output, shape);
        }
        let length = |(_, [height, width]): &(&str, [usize; 2])| height * width;
        let networks = networks.into_iter().map(|(network, shape)| {
            let before = inputs.iter().take_while(|(name, _)| *name != network.arch().input_name());
            let start = before.map(length).sum::<usize>();
            let range = start..start + shape.iter().product::<usize>();
            Ok::<_, Error>((self.network(network, output, shape)?, range))
        });
        let networks = networks.collect::<Result<_, Error>>()?;
        Ok(Box::new(Several { networks, record_len: inputs.iter().map(length).sum() }))
    }

    fn network(
        &self,
        network: &NetworkWeights,
        output: FrozenOutput,
        shape: [usize; 2],
    ) -> Result<Box<dyn Engine>, Error> {
        let encoder = network.encoder();
        if network.onnx().is_some() {
            return Ok(Box::new(RtenEngine::new(network, output, shape)?));
        }
        if encoder.n_frozen(output.trainable()) == 0 {
            return Ok(Box::new(Untouched { record_len: shape.iter().product() }));
        }
        Ok(match self.engine_name {
            EngineName::Simd => Box::new(SimdEngine::new(network, output, shape)),
            EngineName::Rten => Box::new(RtenEngine::new(network, output, shape)?),
            EngineName::Auto | EngineName::Burn => Box::new(BurnEngine {
                backbone: encoder.to_frozen(output, &self.device)?,
                n_outputs: encoder.output_len(output, shape),
                shape,
            }),
        })
    }
}
