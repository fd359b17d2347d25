//! Where the frozen layers of an encoder end.

use crate::trainable::Trainable;

/// What the frozen layers of an encoder give for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrozenOutput {
    /// The input of the layers that are trained: the embedding, `[d]`, if none is, otherwise feature maps,
    /// `[channels, height, width]`.
    Before(Trainable),
    /// Frames, `[t, d]`: what the network knows of each moment, before the pooling over time. A ResNet gives the columns of its
    /// last feature map, each the mean over frequencies; YAMNet gives the embedding of each patch.
    Frames,
}

impl FrozenOutput {
    /// The embedding, `[d]`.
    pub const EMBEDDING: Self = Self::Before(Trainable::None);

    /// The layers that are not frozen.
    pub(crate) fn trainable(self) -> Trainable {
        match self {
            Self::Before(trainable) => trainable,
            Self::Frames => Trainable::None,
        }
    }
}
