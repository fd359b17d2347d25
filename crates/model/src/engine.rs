//! What runs a frozen backbone: burn on any device, or rten on the CPU. Their embeddings agree within 1e-5.

use burn::tensor::{Device, Tensor, TensorData};

use crate::backbone::{Backbone, host_vec};
use crate::device::device;
use crate::rten_engine::RtenEngine;
use crate::{BackboneWeights, Error, Trainable};

/// Images per forward pass.
const BATCH: usize = 8;

/// A frozen backbone, or the part of it before what is trained, ready to run on images of one size.
pub trait Engine: Send + Sync {
    /// The length of an embedding, or of the flattened feature maps that the part ends with.
    fn n_outputs(&self) -> usize;

    /// Height and width of the images, in pixels.
    fn image_shape(&self) -> [usize; 2];

    /// One forward pass: at most 8 `images`, `[n, height, width]` row-major, to embeddings `[n, n_outputs]`.
    ///
    /// # Errors
    /// [`Error::Device`] if the device gives no result.
    fn forward(&self, images: &[f32]) -> Result<Vec<f32>, Error>;

    /// Embeds `images` (`[n, height, width]` row-major, see [`Backbone::forward`]) a few at a time; returns `[n, n_outputs]` row-major.
    ///
    /// # Errors
    /// [`Error::Argument`] if `images` is not a whole number of images, [`Error::Device`] if the device gives no
    /// result.
    fn embed(&self, images: &[f32]) -> Result<Vec<f32>, Error> {
        let [height, width] = self.image_shape();
        if !images.len().is_multiple_of(height * width) {
            let problem = format!("{} pixels are not a whole number of {height} x {width} images", images.len());
            return Err(Error::Argument(problem));
        }
        let mut embeddings = Vec::new();
        for batch in images.chunks(BATCH * height * width) {
            embeddings.extend(self.forward(batch)?);
        }
        Ok(embeddings)
    }
}

/// Where and with what to compute, as it was asked for and found.
#[derive(Clone, Debug)]
pub struct Compute {
    device: Device,
    device_name: &'static str,
    engine_name: &'static str,
}

impl Compute {
    /// Finds the device and the engine.
    ///
    /// `device_name` is `cpu`, `wgpu`, `cuda`, or `auto`: the first GPU that this build supports and that answers,
    /// else the CPU; Mesa's software GPU, which is slower, only by its name. `engine_name` is `burn`, `rten`, or `auto`: rten on the CPU, where it is twice as fast, else burn.
    ///
    /// # Errors
    /// [`Error::Device`] for unknown names, a device that is not compiled in (it says how to build it) or does not
    /// answer, and for rten on a GPU.
    pub fn new(device_name: &str, engine_name: &str) -> Result<Self, Error> {
        let (device, device_name) = device(device_name)?;
        let on_cpu = device_name == "cpu";
        let engine_name = match engine_name {
            "auto" if on_cpu => "rten",
            "auto" | "burn" => "burn",
            "rten" if on_cpu => "rten",
            "rten" => return Err(problem(device_name, "the engine `rten` runs on the CPU only")),
            other => return Err(problem(other, "unknown engine: it is `auto`, `burn` or `rten`")),
        };
        Ok(Self { device, device_name, engine_name })
    }

    /// The device, without autodiff.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// `cpu`, `wgpu` or `cuda`.
    pub fn device_name(&self) -> &'static str {
        self.device_name
    }

    /// `burn` or `rten`.
    pub fn engine_name(&self) -> &'static str {
        self.engine_name
    }

    /// Makes `weights` ready to run on images of `image_shape`, height and width.
    ///
    /// # Errors
    /// [`Error::Argument`] for images that the backbone does not take, [`Error::Device`] if the engine does not take the network.
    pub fn engine(&self, weights: &BackboneWeights, image_shape: [usize; 2]) -> Result<Box<dyn Engine>, Error> {
        self.engine_before(Trainable::None, weights, image_shape)
    }

    /// As [`Compute::engine`], but of the layers before those that `trainable` names: what it gives,
    /// [`BackboneWeights::to_trainable`] takes.
    ///
    /// # Errors
    /// As [`Compute::engine`]; [`Error::Argument`] for training a part of YAMNet, too.
    pub fn engine_before(
        &self,
        trainable: Trainable,
        weights: &BackboneWeights,
        image_shape: [usize; 2],
    ) -> Result<Box<dyn Engine>, Error> {
        weights.check(trainable, image_shape)?;
        let Some(backbone) = weights.to_frozen(trainable, &self.device) else {
            return Ok(Box::new(NoLayers { image_shape }));
        };
        Ok(match self.engine_name {
            "rten" => Box::new(RtenEngine::new(weights, trainable, image_shape)?),
            _ => Box::new(BurnEngine {
                backbone,
                n_outputs: weights.trainable_input(trainable, image_shape).iter().product(),
                image_shape,
            }),
        })
    }
}

/// What is before a backbone that is trained as a whole: the images pass unchanged.
struct NoLayers {
    image_shape: [usize; 2],
}

impl Engine for NoLayers {
    fn n_outputs(&self) -> usize {
        self.image_shape.iter().product()
    }

    fn image_shape(&self) -> [usize; 2] {
        self.image_shape
    }

    fn forward(&self, images: &[f32]) -> Result<Vec<f32>, Error> {
        Ok(images.to_vec())
    }
}

/// burn on a device.
struct BurnEngine {
    backbone: Backbone,
    n_outputs: usize,
    image_shape: [usize; 2],
}

impl Engine for BurnEngine {
    fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    fn image_shape(&self) -> [usize; 2] {
        self.image_shape
    }

    fn forward(&self, images: &[f32]) -> Result<Vec<f32>, Error> {
        let [height, width] = self.image_shape;
        let shape = [images.len() / (height * width), 1, height, width];
        let images = Tensor::<4>::from_data(TensorData::new(images.to_vec(), shape), &self.backbone.device());
        host_vec(self.backbone.forward(images))
    }
}

fn problem(name: &str, problem: &str) -> Error {
    Error::Device { name: name.into(), problem: problem.into() }
}
