//! What runs a frozen encoder: burn on any device, or rten on the CPU. Their embeddings agree within 1e-5.

mod burn;
pub(crate) mod compute;
mod rten;
mod several;
mod untouched;

use crate::error::Error;

/// Records per forward pass.
const BATCH: usize = 8;

/// A frozen encoder, or the part of it before what is trained, ready to run on records of one length.
pub trait Engine: Send + Sync {
    /// The length of an embedding, or of the flattened feature maps that the part ends with.
    fn n_outputs(&self) -> usize;

    /// Values of a record: all inputs, one after the other.
    fn record_len(&self) -> usize;

    /// One forward pass: at most 8 `records`, `[n, record_len]` row-major, to embeddings `[n, n_outputs]`.
    ///
    /// # Errors
    /// [`Error::Device`] if the device gives no result.
    fn forward(&self, records: &[f32]) -> Result<Vec<f32>, Error>;

    /// Embeds `records`, `[n, record_len]` row-major, a few at a time; returns `[n, n_outputs]` row-major.
    ///
    /// # Errors
    /// [`Error::Argument`] if `records` is not a whole number of records, [`Error::Device`] if the device gives no
    /// result.
    fn embed(&self, records: &[f32]) -> Result<Vec<f32>, Error> {
        let length = self.record_len();
        if !records.len().is_multiple_of(length) {
            let problem = format!("{} values are not a whole number of records of {length}", records.len());
            return Err(Error::Argument(problem));
        }
        let mut embeddings = Vec::new();
        for batch in records.chunks(BATCH * length) {
            embeddings.extend(self.forward(batch)?);
        }
        Ok(embeddings)
    }
}
