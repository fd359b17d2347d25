//! Backbone and head as one burn module, for those who go on in burn.

use std::path::Path;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Tensor};
use durable::write_atomic;

use crate::weight_file::read_file;
use crate::{Backbone, BackboneWeights, Error, Head};

/// Images `[n, 1, size, size]` in 0..1 to logits `[n, classes]`.
#[derive(Module, Debug)]
pub struct Network {
    /// Image to embedding.
    pub backbone: Backbone,
    /// Embedding to logits.
    pub head: Head,
}

impl Network {
    /// The network of `weights` and `head` on the head's device.
    pub fn new(weights: &BackboneWeights, head: &Head) -> Self {
        Self { backbone: weights.to_backbone(&head.device()), head: head.clone() }
    }

    /// Images `[n, 1, size, size]` to logits `[n, classes]`, without gradients for the backbone.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.head.forward(self.backbone.forward(images))
    }

    /// Saves the parameters as a burnpack file, atomically. Equal numbers give equal bytes.
    ///
    /// # Errors
    /// Inside [`Error::At`]: [`Error::Io`] if the file cannot be written, [`Error::Device`] if the device does not give
    /// the numbers.
    pub fn save_record(&self, path: &Path) -> Result<(), Error> {
        let write = || {
            let record = self.clone().map(&mut Numbered(0)).into_record();
            let bytes =
                record.into_bytes().map_err(|e| Error::Device { name: "burn".into(), problem: e.to_string() })?;
            Ok(write_atomic(path, &bytes)?)
        };
        write().map_err(|error: Error| error.at(path))
    }

    /// This network with the parameters that [`Network::save_record`] wrote.
    ///
    /// # Errors
    /// Inside [`Error::At`]: [`Error::Io`], or [`Error::Malformed`] if the file is damaged or of another network.
    pub fn load_record(self, path: &Path) -> Result<Self, Error> {
        let read = || {
            let malformed = |e: burn::store::RecordError| Error::Malformed(e.to_string());
            let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(read_file(path)?)).map_err(malformed)?;
            self.try_load_record(record).map_err(malformed)
        };
        read().map_err(|error: Error| error.at(path))
    }
}

/// Gives parameters the ids 1, 2, ... in place of random ones.
struct Numbered(u64);

impl ModuleMapper for Numbered {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        Param::initialized(ParamId::from(self.0), param.val())
    }
}
