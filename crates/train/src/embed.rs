//! Recordings to embeddings: the frozen backbone runs once per recording, and whitening makes its output easy to train on.

pub(crate) mod cached;
pub mod embeddings;
pub mod whitening;
