//! What a convolution is: its weights as its caller has them, and what every kernel does with a finished sum.

use pulp::Simd;

use crate::cpu::vectors;
use crate::error::Error;
use crate::map::Map;
use crate::product::PANEL;

/// A convolution with a square kernel and equal strides. Sizes are rounded down, as in PyTorch and ONNX.
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// `[outputs, inputs, kernel, kernel]`; `[channels, 1, kernel, kernel]` if depthwise.
    pub weight: &'a [f32],
    /// `[outputs]`
    pub bias: &'a [f32],
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Rows and columns between outputs.
    pub stride: usize,
    /// Zeros before the first and after the last row, columns likewise.
    pub padding: [usize; 2],
    /// Whether every channel is convolved by itself.
    pub depthwise: bool,
    /// Whether negative results become zero.
    pub relu: bool,
}

impl Conv<'_> {
    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Checks the weights against the number of input channels.
    pub(crate) fn check(&self, inputs: usize) -> Result<(), Error> {
        let per_output = if self.depthwise { 1 } else { inputs };
        let expected = self.outputs() * per_output * self.kernel * self.kernel;
        if self.weight.len() != expected || self.stride == 0 || (self.depthwise && self.outputs() != inputs) {
            let (found, outputs) = (self.weight.len(), self.outputs());
            return Err(Error::Shape(format!(
                "{found} weights and {outputs} biases for {inputs} input channels, a kernel of {0} x {0} and stride {1}",
                self.kernel, self.stride
            )));
        }
        Ok(())
    }

    /// Height or width of the output.
    pub(crate) fn output_size(&self, size: usize) -> Result<usize, Error> {
        let padded = size + self.padding.iter().sum::<usize>();
        match padded.checked_sub(self.kernel) {
            Some(room) => Ok(room / self.stride + 1),
            None => Err(Error::Shape(format!("a kernel of {} on {padded} pixels, padding included", self.kernel))),
        }
    }

    /// The bias, filled up with zeros to whole blocks.
    pub(crate) fn padded_bias(&self, lanes: usize) -> Vec<f32> {
        let mut bias = self.bias.to_vec();
        bias.resize(bias.len().next_multiple_of(lanes), 0.0);
        bias
    }
}

/// The end of a convolution: bias, residual, ReLU.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    /// `[blocks][L]`
    pub bias: &'a [f32],
    /// Added before the ReLU; of the output's shape.
    pub residual: Option<&'a Map<'a>>,
    pub relu: bool,
}

impl<'a> Finish<'a> {
    /// The residual's plane of a block, as vectors.
    #[inline(always)]
    pub fn residual_plane<S: Simd>(&self, block: usize, pixels: &std::ops::Range<usize>) -> Option<&'a [S::f32s]> {
        self.residual.map(|map| vectors::<S>(map.part(block, pixels)))
    }

    /// The bias of a block.
    #[inline(always)]
    pub fn bias<S: Simd>(&self, block: usize) -> S::f32s {
        vectors::<S>(self.bias)[block]
    }

    /// A finished value.
    #[inline(always)]
    pub fn apply<S: Simd>(&self, simd: S, sum: S::f32s, bias: S::f32s, residual: Option<S::f32s>) -> S::f32s {
        let mut x = simd.add_f32s(sum, bias);
        if let Some(residual) = residual {
            x = simd.add_f32s(x, residual);
        }
        self.rectify(simd, x)
    }

    /// The ReLU, if there is one.
    #[inline(always)]
    pub fn rectify<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        if self.relu { simd.max_f32s(x, simd.splat_f32s(0.0)) } else { x }
    }

    /// Finishes consecutive pixels: vector `b` of `n` in each of `sums`.
    #[inline(always)]
    pub fn store<S: Simd>(
        &self,
        simd: S,
        sums: &[S::f32s],
        [n, b]: [usize; 2],
        bias: S::f32s,
        residual: Option<&[S::f32s]>,
        outs: &mut [S::f32s],
    ) {
        let sums = sums.iter().skip(b).step_by(n);
        match residual {
            Some(residual) => {
                for ((out, sum), residual) in outs.iter_mut().zip(sums).zip(residual) {
                    *out = self.apply(simd, *sum, bias, Some(*residual));
                }
            }
            None => {
                for (out, sum) in outs.iter_mut().zip(sums) {
                    *out = self.apply(simd, *sum, bias, None);
                }
            }
        }
    }
}

/// Panels of `blocks` output blocks: (first block, number of blocks).
pub(crate) fn panels(blocks: std::ops::Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    blocks.clone().step_by(PANEL).map(move |first| (first, PANEL.min(blocks.end - first)))
}
