//! Engines that run a frozen encoder: the crate `engine` and rten on the CPU, burn on any device. Their embeddings agree within 1e-5.

mod burn;
pub(crate) mod compute;
mod rten;
mod several;
mod simd;
mod untouched;

use crate::error::Error;

/// Records per forward pass.
const BATCH: usize = 8;

/// A frozen encoder, or its layers up to a [`FrozenOutput`](crate::FrozenOutput), ready to run on records of one length.
pub trait Engine: Send + Sync {
    /// Length of an embedding, or of the flattened frames or feature maps at the end of the frozen part.
    fn n_outputs(&self) -> usize;

    /// Values per record: all inputs, one after the other.
    fn record_len(&self) -> usize;

    /// One forward pass of `records`, `[n, record_len]` row-major, to embeddings `[n, n_outputs]`. Memory grows with `n`.
    ///
    /// # Errors
    /// [`Error::Engine`] if the device returns no result.
    fn forward(&self, records: &[f32]) -> Result<Vec<f32>, Error>;

    /// Embeds `records`, `[n, record_len]` row-major, in small batches; returns `[n, n_outputs]` row-major.
    ///
    /// # Errors
    /// [`Error::Argument`] if `records` is not a whole number of records, [`Error::Engine`] if the device returns no result.
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
