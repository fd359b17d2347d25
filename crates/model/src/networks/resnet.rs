//! ResNets of basic blocks (He et al., "Deep Residual Learning for Image Recognition", 2015), as torchvision builds them.

pub(crate) mod module;
pub(crate) mod normed;
mod read_onnx;
mod simd;
pub(crate) mod spec;
pub(crate) mod weights;
mod write_onnx;
