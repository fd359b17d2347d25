//! The first convolution with the max pooling after it: its large output never leaves the cache.

use pulp::Simd;

use crate::buffer::Pool;
use crate::conv::Finish;
use crate::cpu::{Cpu, Kernel};
use crate::direct::{Direct, DirectUnit};
use crate::map::{Input, Shape, Unit};
use crate::pool::{MaxPool, MaxPoolUnit};
use crate::units;

/// A direct convolution and a max pooling.
#[derive(Debug)]
pub(crate) struct Stem {
    pub direct: Direct,
    pub pool: MaxPool,
    /// Shape between the two, for one image.
    pub convolved: Shape,
}

impl Stem {
    /// Rows of the pooled output in a unit: the rows that units share are computed twice, so these are as many as fit in the cache.
    pub fn rows_per_unit(&self, pooled: Shape) -> usize {
        let rows = 2 * units::SCRATCH / (self.convolved.width * self.convolved.channels).max(1) / self.pool.stride;
        rows.clamp(1, pooled.height)
    }
}

/// Computes a unit of whole output rows, of an output of `height` x `width` an image.
pub(crate) struct StemUnit<'a, 'b> {
    pub cpu: Cpu,
    pub stem: &'a Stem,
    pub input: Input<'a>,
    /// [`Direct::runs`]
    pub runs: &'a [usize],
    pub finish: Finish<'a>,
    pub pool: &'a Pool,
    pub unit: &'a mut Unit<'b>,
    pub height: usize,
    pub width: usize,
}

impl Kernel for StemUnit<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, const L: usize>(self, _simd: S) {
        let Self { cpu, stem, input, runs, finish, pool, unit, height, width } = self;
        let Shape { height: in_height, width: in_width, .. } = stem.convolved;
        let mut row = unit.pixels.start / width;
        let mut done = 0;
        while row < unit.pixels.end / width {
            // The rows of one image.
            let (image, first) = (row / height, row % height);
            let rows = (height - first).min(unit.pixels.end / width - row);
            let MaxPool { kernel, stride, padding } = stem.pool;
            let top = (first * stride).saturating_sub(padding);
            let bottom = ((first + rows - 1) * stride + kernel - padding).min(in_height);
            let pixels = (image * in_height + top) * in_width..(image * in_height + bottom) * in_width;
            let mut scratch = pool.take(unit.blocks.len() * pixels.len() * L);
            let planes = scratch.chunks_exact_mut(pixels.len() * L).collect();
            let mut convolved = Unit { pixels, blocks: unit.blocks.clone(), planes };
            cpu.run(DirectUnit {
                direct: &stem.direct,
                input,
                height: in_height,
                width: in_width,
                runs,
                finish,
                pool,
                unit: &mut convolved,
            });
            let parts = unit.planes.iter_mut().map(|plane| &mut plane[done * width * L..][..rows * width * L]);
            let mut part = Unit {
                pixels: row * width..(row + rows) * width,
                blocks: unit.blocks.clone(),
                planes: parts.collect(),
            };
            cpu.run(MaxPoolUnit {
                pool: stem.pool,
                inputs: &convolved.planes,
                input: [top, in_height, in_width],
                output: [first, width],
                scratch: &mut pool.take(in_width * L),
                unit: &mut part,
            });
            row += rows;
            done += rows;
        }
    }
}
