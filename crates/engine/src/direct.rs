//! Direct convolution: any kernel, stride and padding. Also the stem's, whose input has one channel.
//!
//! A unit copies the input rows that it needs into scratch memory with their zero padding, and separates the columns by their
//! remainder modulo the stride (*phases*). Consecutive outputs then always read consecutive pixels:
//!
//! ```text
//! scratch [row][phase][block][column][L]     tap (ky, kx) of output (y, x): row y * stride + ky, phase kx % stride,
//!                                            column x + kx / stride
//! ```
//!
//! An image with one channel has no blocks. There, T = 4 or 8 neighbouring taps of a row take the place of the channels:
//!
//! ```text
//! scratch [row][kx / T][column][T]           tap (ky, kx) of output (y, x): row y * stride + ky, column x, lane kx % T
//! ```

use std::ops::Range;

use pulp::Simd;

use crate::buffer::{Buffer, Pool};
use crate::conv::{Conv, Finish, panels};
use crate::cpu::{Cpu, Kernel, vectors, vectors_mut};
use crate::map::{Input, Unit};
use crate::product::{PANEL, Product, blocks};

/// A convolution with packed weights.
#[derive(Debug)]
pub(crate) struct Direct {
    kernel: usize,
    stride: usize,
    /// Zeros before the first row and column.
    padding: usize,
    /// Blocks of input channels.
    input_blocks: usize,
    /// Whether the input is an image of one channel.
    is_image: bool,
    /// Values of a pixel in scratch memory.
    input_lanes: usize,
    /// `[panel][ky][kx][input block][input lane][output lanes of the panel]`; for an image, `[panel][ky][kx / T][kx % T][...]`.
    weights: Buffer,
}

impl Direct {
    /// Packs the weights of a convolution of `inputs` channels, or of an image of one channel.
    pub fn new(cpu: Cpu, conv: &Conv, inputs: usize, is_image: bool) -> Self {
        let lanes = cpu.lanes();
        let input_lanes = if !is_image {
            lanes
        } else if conv.kernel <= 4 {
            4
        } else {
            8
        };
        let input_blocks = if is_image { conv.kernel } else { inputs }.div_ceil(input_lanes);
        let taps = conv.kernel * conv.kernel;
        let output_blocks = conv.outputs().div_ceil(lanes);
        let depth = input_blocks * input_lanes * if is_image { conv.kernel } else { taps };
        let mut weights = Buffer::zeros(output_blocks * depth * lanes);
        for (first, n) in panels(0..output_blocks) {
            let panel = &mut weights[first * depth * lanes..][..n * depth * lanes];
            for (row, output) in (first * lanes..((first + n) * lanes).min(conv.outputs())).enumerate() {
                let filter = &conv.weight[output * inputs * taps..][..inputs * taps];
                for (input, filter) in filter.chunks_exact(taps).enumerate() {
                    for (tap, weight) in filter.iter().enumerate() {
                        let (run, lane) = if is_image {
                            let (ky, kx) = (tap / conv.kernel, tap % conv.kernel);
                            (ky * input_blocks + kx / input_lanes, kx % input_lanes)
                        } else {
                            (tap * input_blocks + input / lanes, input % lanes)
                        };
                        panel[(run * input_lanes + lane) * n * lanes + row] = *weight;
                    }
                }
            }
        }
        let Conv { kernel, stride, padding: [padding, _], .. } = *conv;
        Self { kernel, stride, padding, input_blocks, is_image, input_lanes, weights }
    }

    /// Values of the packed weights.
    pub fn n_weights(&self) -> usize {
        self.weights.len()
    }

    /// The weights of a panel: `n` output blocks from `block` on, of `depth` values each.
    pub fn panel(&self, block: usize, n: usize, depth: usize) -> &[f32] {
        &self.weights[block * depth..][..n * depth]
    }

    /// Values of scratch memory for `rows` output rows of `width` columns.
    pub fn scratch(&self, rows: usize, width: usize) -> usize {
        ((rows - 1) * self.stride + self.kernel) * self.row(width) * self.input_lanes
    }

    /// Columns of each phase.
    fn columns(&self, width: usize) -> usize {
        if self.is_image { width } else { width + (self.kernel - 1) / self.stride }
    }

    /// Pixels of a row of scratch memory, all phases and blocks.
    fn row(&self, width: usize) -> usize {
        let phases = if self.is_image { 1 } else { self.stride };
        phases * self.input_blocks * self.columns(width)
    }

    /// Distance of every run's pixels from those of the first, in the order of the weights.
    pub fn runs(&self, width: usize) -> Vec<usize> {
        let columns = self.columns(width);
        let tap = |ky: usize, kx: usize| {
            let row = ky * self.row(width) + (kx % self.stride) * self.input_blocks * columns;
            (0..self.input_blocks).map(move |block| row + block * columns + kx / self.stride)
        };
        let taps = if self.is_image { 1 } else { self.kernel };
        (0..self.kernel).flat_map(|ky| (0..taps).flat_map(move |kx| tap(ky, kx))).collect()
    }

    /// Copies the input rows of the output rows `rows` of `image` into `scratch`, for an output of `width` columns.
    fn fill(&self, input: Input, image: usize, rows: &Range<usize>, width: usize, scratch: &mut [f32]) {
        let Self { stride, padding, input_lanes, .. } = *self;
        let lanes = if self.is_image { 1 } else { input_lanes };
        let plane = input.images * input.height * input.width * lanes;
        let mut lines = scratch.chunks_exact_mut(self.columns(width) * input_lanes);
        for row in 0..(rows.len() - 1) * stride + self.kernel {
            let y = (rows.start * stride + row).checked_sub(padding).filter(|y| *y < input.height);
            let source = |block: usize| {
                y.map(|y| {
                    &input.data[block * plane + (image * input.height + y) * input.width * lanes..]
                        [..input.width * lanes]
                })
            };
            let blocks = 0..self.input_blocks;
            if self.is_image {
                for (group, line) in blocks.zip(lines.by_ref()) {
                    let (source, offset) = (source(0).unwrap_or_default(), (group * input_lanes).wrapping_sub(padding));
                    match input_lanes {
                        4 => copy_taps::<4>(source, line, stride, offset),
                        _ => copy_taps::<8>(source, line, stride, offset),
                    }
                }
                continue;
            }
            for phase in 0..stride {
                for (block, line) in blocks.clone().zip(lines.by_ref()) {
                    copy_phase(source(block).unwrap_or_default(), line, lanes, stride, phase.wrapping_sub(padding));
                }
            }
        }
    }
}

/// Copies `T` neighbours for each output of a row, the first from the (possibly negative) pixel `offset` on; zeros outside of
/// `source`.
fn copy_taps<const T: usize>(source: &[f32], line: &mut [f32], stride: usize, offset: usize) {
    for (x, taps) in line.as_chunks_mut::<T>().0.iter_mut().enumerate() {
        let start = offset.wrapping_add(x * stride);
        match source.get(start..).and_then(|source| source.first_chunk::<T>()) {
            Some(values) => *taps = *values,
            None => {
                for (kx, tap) in taps.iter_mut().enumerate() {
                    *tap = source.get(start.wrapping_add(kx)).copied().unwrap_or(0.0);
                }
            }
        }
    }
}

/// Copies every `stride`-th pixel of `source`, from the (possibly negative) pixel `offset` on, to `line`; zeros outside of `source`.
fn copy_phase(source: &[f32], line: &mut [f32], lanes: usize, stride: usize, offset: usize) {
    let width = source.len() / lanes;
    if stride == 1 {
        let before = offset.wrapping_neg() * lanes; // offset is -padding
        let (zeros, rest) = line.split_at_mut(before.min(line.len()));
        let (copied, after) = rest.split_at_mut(source.len().min(rest.len()));
        zeros.fill(0.0);
        copied.copy_from_slice(&source[..copied.len()]);
        after.fill(0.0);
        return;
    }
    for (column, pixel) in line.chunks_exact_mut(lanes).enumerate() {
        let x = offset.wrapping_add(column * stride);
        if x < width {
            pixel.copy_from_slice(&source[x * lanes..][..lanes]);
        } else {
            pixel.fill(0.0);
        }
    }
}

/// Computes a unit of whole output rows, of an output of `height` x `width` an image.
pub(crate) struct DirectUnit<'a, 'b> {
    pub direct: &'a Direct,
    pub input: Input<'a>,
    pub height: usize,
    pub width: usize,
    /// [`Direct::runs`]
    pub runs: &'a [usize],
    pub finish: Finish<'a>,
    pub pool: &'a Pool,
    pub unit: &'a mut Unit<'b>,
}

impl Kernel for DirectUnit<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, const L: usize>(self, simd: S) {
        match (self.direct.is_image, self.direct.input_lanes) {
            (true, 4) => self.rows::<S, L, 4>(simd),
            (true, _) => self.rows::<S, L, 8>(simd),
            (false, _) => self.rows::<S, L, L>(simd),
        }
    }
}

impl DirectUnit<'_, '_> {
    #[inline(always)]
    fn rows<S: Simd, const L: usize, const IN: usize>(self, simd: S) {
        let Self { direct, input, height, width, runs, finish, pool, unit } = self;
        let row = direct.row(width);
        let (first, last) = (unit.pixels.start / width, unit.pixels.end / width);
        // Each image's rows have their own scratch memory: (rows of the unit, start in the scratch memory).
        let images = (first / height..last.div_ceil(height)).map(|image| {
            let rows = first.max(image * height) - image * height..last.min((image + 1) * height) - image * height;
            (image, rows)
        });
        let len = images.clone().map(|(_, rows)| direct.scratch(rows.len(), width)).sum();
        let mut scratch = pool.take(len);
        let mut starts = Vec::with_capacity(last - first);
        let mut filled = 0;
        for (image, rows) in images {
            let len = direct.scratch(rows.len(), width);
            direct.fill(input, image, &rows, width, &mut scratch[filled..][..len]);
            starts.extend((0..rows.len()).map(|y| filled / IN + y * direct.stride * row));
            filled += len;
        }

        let mut sums = [0.0; 14 * PANEL * 16];
        let depth = runs.len() * IN * L;
        for (block, n) in panels(unit.blocks.clone()) {
            let weights = direct.panel(block, n, depth);
            for (y, start) in starts.iter().enumerate() {
                for (x, m) in blocks::<S>(width, n) {
                    let sums = &mut sums[..m * n * L];
                    let product =
                        Product { inputs: &scratch, start: start + x, runs, weights, ahead: &[], m, n, out: sums };
                    product.run::<S, IN>(simd);
                    for b in 0..n {
                        let plane = unit.planes[block + b - unit.blocks.start].chunks_exact_mut(width * L).nth(y);
                        let Some(line) = plane else { return };
                        let line = &mut vectors_mut::<S>(line)[x..x + m];
                        let start = unit.pixels.start + y * width + x;
                        let residual = finish.residual_plane::<S>(block + b, &(start..start + m));
                        let bias = finish.bias::<S>(block + b);
                        finish.store(simd, vectors::<S>(sums), [n, b], bias, residual, line);
                    }
                }
            }
        }
    }
}
