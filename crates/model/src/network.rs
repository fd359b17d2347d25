//! Encoder and head as one burn module, for use with burn.

use std::path::Path;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Tensor};
use durable::write_atomic;

use crate::backbone::Backbone;
use crate::error::Error;
use crate::head::Head;
use crate::weight_file::read_file;
use crate::weights::BackboneWeights;

/// Inputs to logits `[n, classes]`.
#[derive(Module, Debug)]
pub struct Network {
    /// The encoder's first network: input to embedding or frames.
    pub backbone: Backbone,
    /// Further networks, whose embeddings follow that of the first.
    pub others: Vec<Backbone>,
    /// Embedding or frames to logits.
    pub head: Head,
}

impl Network {
    /// Builds the network of `weights` and `head` on the head's device.
    ///
    /// # Errors
    /// [`Error::Argument`] if the weights contain no network, or give no frames and the head takes them, [`Error::Unsupported`] if burn
    /// does not run it.
    pub fn new(weights: &BackboneWeights, head: &Head) -> Result<Self, Error> {
        weights.n_head_inputs(head.kind())?;
        let mut networks = weights.to_backbones(head.frozen_output(), &head.device())?.into_iter();
        let backbone = networks.next().ok_or_else(|| Error::Argument("the encoder has no network".into()))?;
        Ok(Self { backbone, others: networks.collect(), head: head.clone() })
    }

    /// Maps the input of each network, `[n, 1, height, width]` as [`Backbone::forward`] takes it, to logits `[n, classes]`.
    /// The encoder gets no gradients.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there are as many inputs as networks.
    pub fn forward(&self, inputs: &[Tensor<4>]) -> Result<Tensor<2>, Error> {
        let networks = || std::iter::once(&self.backbone).chain(&self.others);
        if inputs.len() != networks().count() {
            let problem = format!("{} inputs for {} networks", inputs.len(), networks().count());
            return Err(Error::Argument(problem));
        }
        let embeddings = networks().zip(inputs).map(|(network, input)| network.forward(input.clone()));
        Ok(self.head.forward(Tensor::cat(embeddings.collect(), 1)))
    }

    /// Saves the parameters as a burnpack file, atomically. Equal numbers give equal bytes.
    ///
    /// # Errors
    /// Inside [`Error::At`]: [`Error::Io`] if the file cannot be written, [`Error::Engine`] if the device does not return the
    /// values.
    pub fn save_record(&self, path: &Path) -> Result<(), Error> {
        let write = || {
            let record = self.clone().map(&mut Numbered(0)).into_record();
            let bytes = record.into_bytes().map_err(|error| Error::engine("burn", error))?;
            Ok(write_atomic(path, &bytes)?)
        };
        write().map_err(|error: Error| error.at(path))
    }

    /// This network, with the parameters of a file that [`Network::save_record`] wrote.
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

/// Numbers the parameter ids 1, 2, ... to replace the random ones.
struct Numbered(u64);

impl ModuleMapper for Numbered {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        Param::initialized(ParamId::from(self.0), param.val())
    }
}
