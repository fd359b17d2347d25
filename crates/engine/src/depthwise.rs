//! Depthwise convolution: every channel by itself, so a vector holds the channels of a block at one pixel.

use pulp::Simd;

use crate::buffer::Buffer;
use crate::conv::{Conv, Finish};
use crate::cpu::{Cpu, Kernel, mul_add, vectors, vectors_mut};
use crate::map::{Map, Unit};

/// Neighbouring outputs that are computed together, in registers.
const TOGETHER: usize = 4;

/// A depthwise convolution with packed weights.
#[derive(Debug)]
pub(crate) struct Depthwise {
    kernel: usize,
    stride: usize,
    /// Zeros before the first row and column.
    padding: usize,
    /// `[block][ky][kx][L]`
    weights: Buffer,
}

impl Depthwise {
    /// Packs the weights.
    pub fn new(cpu: Cpu, conv: &Conv) -> Self {
        let (lanes, taps) = (cpu.lanes(), conv.kernel * conv.kernel);
        let mut weights = Buffer::zeros(conv.outputs().next_multiple_of(lanes) * taps);
        for (channel, filter) in conv.weight.chunks_exact(taps).enumerate() {
            for (tap, weight) in filter.iter().enumerate() {
                weights[(channel / lanes * taps + tap) * lanes + channel % lanes] = *weight;
            }
        }
        let Conv { kernel, stride, padding: [padding, _], .. } = *conv;
        Self { kernel, stride, padding, weights }
    }

    /// Values of the packed weights.
    pub fn n_weights(&self) -> usize {
        self.weights.len()
    }
}

/// Computes a unit of whole output rows, of an output of `height` x `width` an image.
pub(crate) struct DepthwiseUnit<'a, 'b> {
    pub depthwise: &'a Depthwise,
    pub input: &'a Map<'a>,
    pub height: usize,
    pub width: usize,
    pub finish: Finish<'a>,
    pub unit: &'a mut Unit<'b>,
}

impl Kernel for DepthwiseUnit<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, const L: usize>(self, simd: S) {
        let Self { depthwise: Depthwise { kernel, stride, padding, weights }, input, height, width, finish, unit } =
            self;
        let (in_height, in_width) = (input.shape.height, input.shape.width);
        for (plane, block) in unit.planes.iter_mut().zip(unit.blocks.clone()) {
            let weights = &vectors::<S>(weights)[block * kernel * kernel..][..kernel * kernel];
            let source = vectors::<S>(&input.data[block * input.plane()..][..input.plane()]);
            let first = unit.pixels.start / width;
            for (line, row) in vectors_mut::<S>(plane).chunks_exact_mut(width).zip(first..) {
                let (image, top) = (row / height, row % height * stride);
                // The rows of the kernel that are inside of the image.
                let rows = padding.saturating_sub(top)..(*kernel).min((in_height + padding).saturating_sub(top));
                let source =
                    &source[(image * in_height + top + rows.start - padding) * in_width..][..rows.len() * in_width];
                let weights = &weights[rows.start * kernel..rows.end * kernel];
                let row =
                    Row { source, weights, bias: finish.bias::<S>(block), finish, padding: *padding, width: in_width };
                match (kernel, stride) {
                    (3, 1) => row.compute(simd, 3, 1, line),
                    (3, 2) => row.compute(simd, 3, 2, line),
                    _ => row.compute(simd, *kernel, *stride, line),
                }
            }
        }
    }
}

/// One row of outputs.
struct Row<'a, S: Simd> {
    /// The input rows under the kernel, of `width` pixels each.
    source: &'a [S::f32s],
    /// The rows of the kernel on them.
    weights: &'a [S::f32s],
    bias: S::f32s,
    finish: Finish<'a>,
    padding: usize,
    width: usize,
}

impl<S: Simd> Row<'_, S> {
    /// `kernel` and `stride` are arguments so that the compiler unrolls the usual ones.
    #[inline(always)]
    fn compute(&self, simd: S, kernel: usize, stride: usize, line: &mut [S::f32s]) {
        // Outputs whose taps are all inside.
        let end = ((self.width + self.padding + stride).saturating_sub(kernel) / stride).min(line.len());
        let mut x = 0;
        while x < line.len() {
            if x * stride >= self.padding && x + TOGETHER <= end {
                let sums = self.inner(simd, kernel, stride, x * stride - self.padding);
                line[x..x + TOGETHER].copy_from_slice(&sums);
                x += TOGETHER;
            } else {
                line[x] = self.edge(simd, kernel, x * stride);
                x += 1;
            }
        }
    }

    /// Neighbouring outputs, whose taps start at the column `start` of the input.
    #[inline(always)]
    fn inner(&self, simd: S, kernel: usize, stride: usize, start: usize) -> [S::f32s; TOGETHER] {
        let mut sums = [self.bias; TOGETHER];
        for (source, weights) in self.source.chunks_exact(self.width).zip(self.weights.chunks_exact(kernel)) {
            let source = &source[start..][..(TOGETHER - 1) * stride + kernel];
            for kx in 0..kernel {
                for i in 0..TOGETHER {
                    sums[i] = mul_add(simd, source[i * stride + kx], weights[kx], sums[i]);
                }
            }
        }
        for sum in &mut sums {
            *sum = self.finish.rectify(simd, *sum);
        }
        sums
    }

    /// One output, whose taps start `padding` before the column `start` of the input and may be outside.
    #[inline(always)]
    fn edge(&self, simd: S, kernel: usize, start: usize) -> S::f32s {
        let mut sum = self.bias;
        for (source, weights) in self.source.chunks_exact(self.width).zip(self.weights.chunks_exact(kernel)) {
            for (kx, weight) in weights.iter().enumerate() {
                if let Some(value) = source.get((start + kx).wrapping_sub(self.padding)) {
                    sum = mul_add(simd, *value, *weight, sum);
                }
            }
        }
        self.finish.rectify(simd, sum)
    }
}
