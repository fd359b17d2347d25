//! Convolution with a kernel of 1 x 1 and stride 1: a matrix product of pixels, across rows and images, and weights.

use pulp::Simd;

use crate::conv::{Finish, panels};
use crate::cpu::{Kernel, vectors, vectors_mut};
use crate::direct::Direct;
use crate::map::{Map, Unit};
use crate::product::{PANEL, Product, blocks};

/// Computes a unit of any pixels. The weights are packed as for [`Direct`].
pub(crate) struct PointwiseUnit<'a, 'b> {
    pub direct: &'a Direct,
    pub input: &'a Map<'a>,
    pub finish: Finish<'a>,
    pub unit: &'a mut Unit<'b>,
}

impl Kernel for PointwiseUnit<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, const L: usize>(self, simd: S) {
        let Self { direct, input, finish, unit } = self;
        let runs: Vec<usize> = (0..input.blocks()).map(|block| block * input.shape.pixels()).collect();
        let mut sums = [0.0; 14 * PANEL * 16];
        for (block, n) in panels(unit.blocks.clone()) {
            let weights = direct.panel(block, n, runs.len() * L * L);
            for (x, m) in blocks::<S>(unit.pixels.len(), n) {
                let sums = &mut sums[..m * n * L];
                let start = unit.pixels.start + x;
                let product =
                    Product { inputs: &input.data, start, runs: &runs, weights, ahead: &[], m, n, out: &mut *sums };
                product.run::<S, L>(simd);
                for b in 0..n {
                    let out = &mut vectors_mut::<S>(unit.planes[block + b - unit.blocks.start])[x..x + m];
                    let residual = finish.residual_plane::<S>(block + b, &(start..start + m));
                    finish.store(simd, vectors::<S>(sums), [n, b], finish.bias::<S>(block + b), residual, out);
                }
            }
        }
    }
}
