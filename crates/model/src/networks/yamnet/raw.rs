//! What a file holds of YAMNet.

use crate::fold::RawConv;
use crate::host_tensor::HostTensor;

/// What a file holds of YAMNet.
pub(super) struct RawYamnet {
    pub convs: Vec<RawConv>,
    /// Weight `[n_classes, n_inputs]` and bias `[n_classes]` of the linear layer after the pooling.
    pub classifier: Option<[HostTensor; 2]>,
    /// Weight and bias that weigh patches, in models saved with [`Pooling::Cry`](crate::Pooling).
    pub pooling: Option<[HostTensor; 2]>,
}
