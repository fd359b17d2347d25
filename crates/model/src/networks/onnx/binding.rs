//! How records are connected to the graph of an encoder.

use super::layout::Layout;

/// How records are connected to the graph of an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphBinding {
    /// The graph's input; `None` if it has only one.
    pub input: Option<String>,
    /// The dimensions of the tensor that the graph takes.
    pub layout: Layout,
    /// What is done with the values of a record first.
    pub normalisation: Normalisation,
    /// The graph's output: embeddings `[n, d]`, frames `[n, t, d]`, or feature maps `[n, d, height, width]`; `None` if it has only
    /// one.
    pub output: Option<String>,
}

/// What is done with the values of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Normalisation {
    /// Nothing.
    None,
    /// `(x - mean) / std`, with one number for all channels or one for each.
    Fixed {
        /// Subtracted.
        mean: Vec<f32>,
        /// Divided by, above 0.
        std: Vec<f32>,
    },
    /// `(x - mean) / sqrt(variance + 1e-7)` with mean and variance of the record, as wav2vec2's feature extractor.
    PerClip,
}

impl Normalisation {
    /// How many numbers there are for the channels; 1 if there are none.
    pub(super) fn n_channels(&self) -> usize {
        match self {
            Self::Fixed { mean, std } => mean.len().max(std.len()),
            Self::None | Self::PerClip => 1,
        }
    }
}
