//! The micro-kernel that every convolution but the depthwise one ends in: a few pixels times one panel of weights.
//!
//! ```text
//!                      panel of weights [k][N vectors of output channels]
//!                                  │
//! M pixels, one value each ──► M x N accumulators, all in registers: 14 x 2 of 32 with AVX-512, 6 x 2 of 16 with AVX2
//! ```
//!
//! `k` runs through the input channels of one position after the other (a *run*), in the same order for every pixel, whatever the
//! number of threads or images. So the same inputs always give the same bytes.

use pulp::{Simd, WithSimd};

use crate::cpu::{mul_add, vectors, vectors_mut};

/// Vectors of output channels in a panel; the last panel of a convolution may have only one.
pub(crate) const PANEL: usize = 2;

/// Multiplies `m` consecutive pixels with one panel. `IN` is the number of values of a pixel.
pub(crate) struct Product<'a> {
    /// Pixels of `IN` values.
    pub inputs: &'a [f32],
    /// Index of the first pixel.
    pub start: usize,
    /// For each run, how many pixels further its values are.
    pub runs: &'a [usize],
    /// `[runs][IN][n vectors]`
    pub weights: &'a [f32],
    /// Weights to prefetch: those that the next calls need.
    pub ahead: &'a [f32],
    /// Pixels, at most [`max_pixels`].
    pub m: usize,
    /// Vectors in the panel, 1 or 2.
    pub n: usize,
    /// `[m][n vectors]`
    pub out: &'a mut [f32],
}

/// The most pixels whose sums fit in the registers, besides a panel of `n` vectors and one input.
pub(crate) const fn max_pixels<S: Simd>(n: usize) -> usize {
    match (S::REGISTER_COUNT, n) {
        (32.., _) => 14,
        (_, 1) => 12,
        _ => 6,
    }
}

/// Cuts `count` pixels, for panels of `n` vectors, into as few blocks of nearly equal size as possible: (start, length).
pub(crate) fn blocks<S: Simd>(count: usize, n: usize) -> impl Iterator<Item = (usize, usize)> {
    let n_blocks = count.div_ceil(max_pixels::<S>(n));
    (0..n_blocks).map(move |block| {
        let start = block * count / n_blocks;
        (start, (block + 1) * count / n_blocks - start)
    })
}

impl Product<'_> {
    /// Calls the micro-kernel in a context with all instructions of `S`, so that it is compiled only once.
    #[inline(always)]
    pub fn run<S: Simd, const IN: usize>(self, simd: S) {
        simd.vectorize(Call::<IN>(self));
    }
}

struct Call<'a, const IN: usize>(Product<'a>);

impl<const IN: usize> WithSimd for Call<'_, IN> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        macro_rules! sizes {
            ($($m:literal)*) => {
                match (self.0.m, self.0.n) {
                    $(
                        ($m, 1) if $m <= max_pixels::<S>(1) => product::<S, IN, $m, 1>(simd, self.0),
                        ($m, PANEL) if $m <= max_pixels::<S>(PANEL) => product::<S, IN, $m, PANEL>(simd, self.0),
                    )*
                    (m, n) => unreachable!("{m} pixels by {n} vectors"),
                }
            };
        }
        sizes!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    }
}

#[inline(always)]
fn product<S: Simd, const IN: usize, const M: usize, const N: usize>(simd: S, task: Product<'_>) {
    let pixels = task.inputs.as_chunks::<IN>().0;
    let weights = vectors::<S>(task.weights).as_chunks::<N>().0.as_chunks::<IN>().0;
    let ahead = task.ahead.as_chunks::<16>().0;
    let ahead_per_run = ahead.len().div_ceil(task.runs.len().max(1));
    let mut ahead = ahead.chunks(ahead_per_run.max(1));
    let mut sums = [[simd.splat_f32s(0.0); N]; M];
    for (run, weights) in task.runs.iter().zip(weights) {
        let Some(pixels) = pixels.get(task.start + run..).and_then(|pixels| pixels.first_chunk::<M>()) else { break };
        for line in ahead.next().unwrap_or_default() {
            prefetch(line);
        }
        for k in 0..IN {
            for (sums, pixel) in sums.iter_mut().zip(pixels) {
                let x = simd.splat_f32s(pixel[k]);
                for (sum, weight) in sums.iter_mut().zip(&weights[k]) {
                    *sum = mul_add(simd, x, *weight, *sum);
                }
            }
        }
    }
    for (out, sums) in vectors_mut::<S>(task.out).as_chunks_mut::<N>().0.iter_mut().zip(sums) {
        *out = sums;
    }
}

#[inline(always)]
fn prefetch(line: &[f32; 16]) {
    #[cfg(target_arch = "x86_64")]
    safe_arch::prefetch_t1(line);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
