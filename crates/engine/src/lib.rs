//! CPU inference for convolutional encoders, `float32`, in safe Rust: ResNets of basic blocks and MobileNets of one input channel.
//!
//! A [`Builder`] takes convolutions one after the other, packs their weights and chooses a kernel for each from its shape:
//! Winograd, direct, 1 x 1 or depthwise. A [`Network`] runs them on images of one size. Vectors come from `pulp`, which picks
//! AVX-512, AVX2, NEON or plain Rust at run time ([`Cpu`]); threads come from the current rayon pool. `docs/engine.md`
//! explains the layout and how far each kernel is from what the processor can do.
//!
//! The output for an image is the same to the bit in every batch, with every number of threads, and with every instruction set
//! that fuses multiplication and addition (all but the portable one). Weights and images must be finite.
//!
//! A convolution with ReLU and the mean of its two channels:
//!
//! ```
//! use engine::{Builder, Conv, Cpu, Network, Output};
//!
//! let (weight, bias) = ([1.0, -1.0], [0.5, 0.5]); // two kernels of 1 x 1
//! let conv = Conv { weight: &weight, bias: &bias, kernel: 1, stride: 1, padding: [0, 0], depthwise: false, relu: true };
//! let (mut builder, image) = Builder::new(Cpu::detect(), [1, 2]);
//! builder.conv(image, &conv, None)?;
//! let network: Network = builder.finish(Output::Mean);
//! assert_eq!(network.run(&[&[1.0, 2.0]])?, [2.0, 0.0]);
//! # Ok::<(), engine::Error>(())
//! ```

mod buffer;
mod conv;
mod cpu;
mod depthwise;
mod direct;
mod error;
mod map;
mod method;
mod network;
mod pointwise;
mod pool;
mod product;
#[cfg(test)]
mod reference;
mod stem;
#[cfg(test)]
mod tests;
mod units;
mod winograd;

pub use conv::Conv;
pub use cpu::Cpu;
pub use error::Error;
pub use network::{Builder, Network, Output, Value};
pub use pool::MaxPool;
