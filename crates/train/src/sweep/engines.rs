//! The engines that run the frozen part of the backbone.

use model::{Engine, Trainable};

use super::prepare::Prepared;
use crate::Error;

/// The engines of a sweep.
pub(super) struct Engines {
    frozen: Box<dyn Engine>,
    /// Present if part of the backbone is trained and embeddings are whitened.
    whole: Option<Box<dyn Engine>>,
}

impl Engines {
    /// Makes the engines that the configuration needs.
    pub fn new(prepared: &Prepared) -> Result<Self, Error> {
        let Prepared { config, compute, backbone, .. } = prepared;
        let engine = |trainable: Trainable| {
            let engine = compute.engine_before(trainable, &backbone.weights, &config.features.inputs());
            engine.map_err(Error::device("the backbone"))
        };
        let trained = config.backbone.train;
        let whole = (trained != Trainable::None && config.train.whiten).then(|| engine(Trainable::None)).transpose()?;
        Ok(Self { frozen: engine(trained)?, whole })
    }

    /// The layers that stay frozen.
    pub fn frozen(&self) -> &dyn Engine {
        self.frozen.as_ref()
    }

    /// The whole backbone before training; [`Engines::frozen`] if none of it is trained.
    pub fn whole(&self) -> &dyn Engine {
        self.whole.as_ref().unwrap_or(&self.frozen).as_ref()
    }
}
