//! YAMNet in burn.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::pooling::{CryPool, CryPooling};
use super::spec::{PATCH, PATCH_HOP, n_patches};
use crate::burn_layers::conv2d;
use crate::conv::Conv;

/// YAMNet. It takes patches of 96 frames; a recording's embedding is pooled over its patches: see
/// [`Pooling`](crate::Pooling).
#[derive(Module, Debug)]
pub struct Yamnet {
    convs: Vec<Conv2d>,
    average_pool: AdaptiveAvgPool2d,
    cry_pool: Option<CryPool>,
    /// Whether the embeddings of the patches are the output.
    gives_frames: bool,
}

impl Yamnet {
    /// The embeddings of the patches are not pooled if it `gives_frames`.
    pub(crate) fn new(convs: &[Conv], pooling: Option<&CryPooling>, gives_frames: bool, device: &Device) -> Self {
        let convs = convs.iter().map(|conv| conv2d(conv, device)).collect();
        Self {
            convs,
            average_pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            cry_pool: pooling.filter(|_| !gives_frames).map(|pooling| pooling.to_module(device)),
            gives_frames,
        }
    }

    /// The convolutions, in order.
    pub(crate) fn convolutions(&self) -> impl Iterator<Item = &Conv2d> {
        self.convs.iter()
    }

    /// Maps spectrograms `[n, 1, frames, 64]` to embeddings `[n, n_outputs]`, or to flattened frames `[n, n_patches * 1024]`.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let [n, _, frames, bands] = x.dims();
        let patches = n_patches(frames);
        let x = x.reshape([n, frames / PATCH_HOP, PATCH_HOP, bands]);
        let x = Tensor::cat(vec![x.clone().narrow(1, 0, patches), x.narrow(1, 1, patches)], 2); // [n, patches, 96, 64]
        let mut x = x.reshape([n * patches, 1, PATCH[0], bands]);
        for conv in &self.convs {
            x = relu(conv.forward(x)); // to [n * patches, 1024, 3, 2]
        }
        let x = self.average_pool.forward(x).flatten::<2>(1, 3);
        let n_outputs = x.dims()[1];
        if self.gives_frames {
            return x.reshape([n, patches * n_outputs]);
        }
        let x = x.reshape([n, patches, n_outputs]);
        match &self.cry_pool {
            Some(pool) => pool.forward(x),
            None => x.mean_dim(1).squeeze_dim(1),
        }
    }
}
