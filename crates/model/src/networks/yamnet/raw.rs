//! YAMNet's tensors as stored in a file.

use crate::fold::RawConv;
use crate::host_tensor::HostTensor;

/// YAMNet's tensors as stored in a file.
pub(super) struct RawYamnet {
    pub convs: Vec<RawConv>,
    /// Weight `[n_classes, n_inputs]` and bias `[n_classes]` of the linear layer after the pooling.
    pub classifier: Option<[HostTensor; 2]>,
    /// Weight and bias of the layer that weights patches, in models saved with [`Pooling::Cry`](crate::Pooling).
    pub weighting: Option<[HostTensor; 2]>,
    /// Weight and bias of the layer whose highest logit is kept, in such models.
    pub crying: Option<[HostTensor; 2]>,
}
