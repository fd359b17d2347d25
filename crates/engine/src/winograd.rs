//! Winograd convolution F(m x m, 3 x 3) with stride 1 and padding 1: fewer multiplications, paid for with additions.
//!
//! A tile of `m x m` outputs needs a tile of `(m + 2) x (m + 2)` inputs. Both are transformed, `B' d B` and `G g G'`, multiplied
//! position by position, summed over the input channels, and transformed back, `A' x A` (Lavin and Gray, "Fast algorithms for
//! convolutional neural networks", 2015, equations 8 to 13 and section 4.3). F(2 x 2) needs 4 multiplications for an output,
//! F(4 x 4) 2.25, direct convolution 9.

mod transform;

use pulp::Simd;

use crate::buffer::{Buffer, Pool};
use crate::conv::{Conv, Finish, panels};
use crate::cpu::{Cpu, Kernel, vectors, vectors_mut};
use crate::map::{Map, Unit};
use crate::product::{PANEL, Product, blocks, max_pixels};
use transform::{F2, F4, Transform};

/// Which transform a convolution uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tile {
    F2,
    F4,
}

impl Tile {
    /// Height and width of a tile of outputs.
    pub fn size(self) -> usize {
        match self {
            Self::F2 => 2,
            Self::F4 => 4,
        }
    }

    /// Inputs of a tile, and so multiplications for each pair of channels.
    pub fn positions(self) -> usize {
        (self.size() + 2) * (self.size() + 2)
    }
}

/// A convolution with transformed weights.
#[derive(Debug)]
pub(crate) struct Winograd {
    pub tile: Tile,
    input_blocks: usize,
    /// `[panel][position][input block][input lane][output lanes of the panel]`
    weights: Buffer,
}

impl Winograd {
    /// Transforms the weights of a convolution of `inputs` channels, kernel 3, stride 1 and padding 1.
    pub fn new(cpu: Cpu, tile: Tile, conv: &Conv, inputs: usize) -> Self {
        let lanes = cpu.lanes();
        let (input_blocks, output_blocks) = (inputs.div_ceil(lanes), conv.outputs().div_ceil(lanes));
        let depth = tile.positions() * input_blocks * lanes;
        let mut weights = Buffer::zeros(output_blocks * depth * lanes);
        let mut panels: Vec<(usize, usize, &mut [f32])> = Vec::new();
        let mut rest = &mut weights[..];
        for (first, n) in crate::conv::panels(0..output_blocks) {
            let (panel, after) = std::mem::take(&mut rest).split_at_mut(n * depth * lanes);
            panels.push((first, n, panel));
            rest = after;
        }
        rayon::scope(|scope| {
            for (first, n, panel) in panels {
                scope.spawn(move |_| cpu.run(Pack { tile, conv, inputs, first, n, panel }));
            }
        });
        Self { tile, input_blocks, weights }
    }

    /// Values of the packed weights.
    pub fn n_weights(&self) -> usize {
        self.weights.len()
    }
}

/// Transforms the weights of one panel.
struct Pack<'a> {
    tile: Tile,
    conv: &'a Conv<'a>,
    inputs: usize,
    /// First output block.
    first: usize,
    /// Output blocks of the panel.
    n: usize,
    panel: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    #[inline(always)]
    fn run<S: Simd, const L: usize>(self, simd: S) {
        match self.tile {
            Tile::F2 => self.transform::<S, L, F2, 4, 2>(simd),
            Tile::F4 => self.transform::<S, L, F4, 6, 4>(simd),
        }
    }
}

impl Pack<'_> {
    #[inline(always)]
    fn transform<S: Simd, const L: usize, T: Transform<IN, OUT>, const IN: usize, const OUT: usize>(self, simd: S) {
        let Self { conv, inputs, first, n, panel, .. } = self;
        let panel = vectors_mut::<S>(panel);
        let padded = inputs.next_multiple_of(L);
        for block in 0..n {
            let output = (first + block) * L;
            let filters = L.min(conv.outputs() - output);
            let filters = &conv.weight[output * inputs * 9..][..filters * inputs * 9];
            for input in 0..inputs {
                let mut g = [[0.0; L]; 9];
                for (lane, filter) in filters.chunks_exact(inputs * 9).enumerate() {
                    for (g, weight) in g.iter_mut().zip(&filter[input * 9..][..9]) {
                        g[lane] = *weight;
                    }
                }
                let g = vectors::<S>(g.as_flattened()); // [3 * y + x]
                let mut columns = [[simd.splat_f32s(0.0); IN]; 3];
                for (x, column) in columns.iter_mut().enumerate() {
                    *column = T::weights(simd, [g[x], g[3 + x], g[6 + x]]);
                }
                for y in 0..IN {
                    let row = T::weights(simd, [columns[0][y], columns[1][y], columns[2][y]]);
                    for (x, weight) in row.into_iter().enumerate() {
                        panel[((y * IN + x) * padded + input) * n + block] = weight;
                    }
                }
            }
        }
    }
}

/// Computes a unit of whole rows of tiles.
pub(crate) struct WinogradUnit<'a, 'b> {
    pub winograd: &'a Winograd,
    pub input: &'a Map<'a>,
    pub finish: Finish<'a>,
    pub pool: &'a Pool,
    pub unit: &'a mut Unit<'b>,
}

impl Kernel for WinogradUnit<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, const L: usize>(self, simd: S) {
        match self.winograd.tile {
            Tile::F2 => self.tiles::<S, L, F2, 4, 2>(simd),
            Tile::F4 => self.tiles::<S, L, F4, 6, 4>(simd),
        }
    }
}

/// Tiles next to each other in an image.
struct TileRow {
    image: usize,
    /// First row of outputs.
    y: usize,
    /// Rows of outputs; at the lower edge there may be fewer than in a tile.
    rows: usize,
}

impl WinogradUnit<'_, '_> {
    #[inline(always)]
    fn tiles<S: Simd, const L: usize, T: Transform<IN, OUT>, const IN: usize, const OUT: usize>(mut self, simd: S) {
        let (height, width) = (self.input.shape.height, self.input.shape.width);
        let mut tile_rows = Vec::new();
        let mut row = self.unit.pixels.start / width;
        while row < self.unit.pixels.end / width {
            let y = row % height;
            let rows = OUT.min(height - y);
            tile_rows.push(TileRow { image: row / height, y, rows });
            row += rows;
        }
        let n_tiles = tile_rows.len() * width.div_ceil(OUT);
        let n_blocks = self.winograd.input_blocks;
        let mut inputs = self.pool.take(IN * IN * n_blocks * n_tiles * L); // [position][block][tile][L]
        let mut products = self.pool.take(IN * IN * n_tiles * PANEL * L); // [position][tile][lanes of the panel]
        self.transform::<S, T, IN, OUT>(simd, &tile_rows, n_tiles, vectors_mut::<S>(&mut inputs));
        for (block, n) in panels(self.unit.blocks.clone()) {
            self.multiply::<S, L>(simd, &inputs, n_tiles, (block, n), &mut products);
            for b in 0..n {
                let products = vectors::<S>(&products);
                self.transform_back::<S, T, IN, OUT>(simd, &tile_rows, products, block + b, [n, b, n_tiles]);
            }
        }
    }

    /// `B' d B` of every tile and block.
    #[inline(always)]
    fn transform<S: Simd, T: Transform<IN, OUT>, const IN: usize, const OUT: usize>(
        &self,
        simd: S,
        tile_rows: &[TileRow],
        n_tiles: usize,
        targets: &mut [S::f32s],
    ) {
        let (height, width) = (self.input.shape.height, self.input.shape.width);
        let n_blocks = self.winograd.input_blocks;
        for block in 0..n_blocks {
            let plane = vectors::<S>(&self.input.data[block * self.input.plane()..][..self.input.plane()]);
            let mut tile = 0;
            for &TileRow { image, y, .. } in tile_rows {
                for x in (0..width).step_by(OUT) {
                    let mut lines = [[simd.splat_f32s(0.0); IN]; IN]; // [x][y]
                    if y > 0 && x > 0 && y + IN - 1 <= height && x + IN - 1 <= width {
                        let start = (image * height + y - 1) * width + x - 1;
                        for (x, line) in lines.iter_mut().enumerate() {
                            *line = T::input(simd, picked(simd, plane, start + x, width));
                        }
                    } else {
                        let patch = patch::<S, IN>(simd, plane, [image, y, x], [height, width]);
                        for (x, line) in lines.iter_mut().enumerate() {
                            *line = T::input(simd, picked(simd, patch.as_flattened(), x, IN));
                        }
                    }
                    for y in 0..IN {
                        let values = T::input(simd, picked(simd, lines.as_flattened(), y, IN));
                        for (x, value) in values.into_iter().enumerate() {
                            targets[((y * IN + x) * n_blocks + block) * n_tiles + tile] = value;
                        }
                    }
                    tile += 1;
                }
            }
        }
    }

    /// The products of all tiles with one panel, position by position.
    #[inline(always)]
    fn multiply<S: Simd, const L: usize>(
        &self,
        simd: S,
        inputs: &[f32],
        n_tiles: usize,
        (block, n): (usize, usize),
        products: &mut [f32],
    ) {
        let Winograd { tile, input_blocks, weights, .. } = self.winograd;
        let runs: Vec<usize> = (0..*input_blocks).map(|block| block * n_tiles).collect();
        let depth = input_blocks * L * L;
        let mut weights = weights[block * tile.positions() * depth..].chunks_exact(n * depth).peekable();
        for (position, products) in products.chunks_exact_mut(n_tiles * n * L).take(tile.positions()).enumerate() {
            let Some(panel) = weights.next() else { return };
            // The next position's weights, in parts: one for each block of tiles.
            let next = weights.peek().copied().unwrap_or_default();
            let mut ahead = next.chunks(next.len().div_ceil(n_tiles.div_ceil(max_pixels::<S>(n))).max(1));
            for (tile, m) in blocks::<S>(n_tiles, n) {
                let product = Product {
                    inputs,
                    start: position * input_blocks * n_tiles + tile,
                    runs: &runs,
                    weights: panel,
                    ahead: ahead.next().unwrap_or_default(),
                    m,
                    n,
                    out: &mut products[tile * n * L..][..m * n * L],
                };
                product.run::<S, L>(simd);
            }
        }
    }

    /// `A' x A` of every tile of one block, which is number `b` of `n` in `products`.
    #[inline(always)]
    fn transform_back<S: Simd, T: Transform<IN, OUT>, const IN: usize, const OUT: usize>(
        &mut self,
        simd: S,
        tile_rows: &[TileRow],
        products: &[S::f32s],
        block: usize,
        [n, b, n_tiles]: [usize; 3],
    ) {
        let width = self.input.shape.width;
        let residual = self.finish.residual_plane::<S>(block, &self.unit.pixels);
        let bias = self.finish.bias::<S>(block);
        let plane = vectors_mut::<S>(self.unit.planes[block - self.unit.blocks.start]);
        let (mut tile, mut first) = (0, 0);
        for &TileRow { rows, .. } in tile_rows {
            for x in (0..width).step_by(OUT) {
                let mut lines = [[simd.splat_f32s(0.0); OUT]; IN]; // [x][y]
                for (x, line) in lines.iter_mut().enumerate() {
                    *line = T::output(simd, picked(simd, products, (x * n_tiles + tile) * n + b, IN * n_tiles * n));
                }
                for y in 0..rows {
                    let values = T::output(simd, picked(simd, lines.as_flattened(), y, OUT));
                    let start = first + y * width + x;
                    let outs = plane[start..].iter_mut().zip(values).take(OUT.min(width - x));
                    for (i, (out, value)) in outs.enumerate() {
                        *out = self.finish.apply(simd, value, bias, residual.map(|residual| residual[start + i]));
                    }
                }
                tile += 1;
            }
            first += rows * width;
        }
    }
}

/// Every `step`-th of `values`, from `start` on.
#[inline(always)]
fn picked<S: Simd, const N: usize>(simd: S, values: &[S::f32s], start: usize, step: usize) -> [S::f32s; N] {
    let mut picked = [simd.splat_f32s(0.0); N];
    for (i, picked) in picked.iter_mut().enumerate() {
        *picked = values[start + i * step];
    }
    picked
}

/// The inputs of a tile at the edge, whose first output is at `[image, y, x]`: from one row and one column before it, zeros outside.
#[inline(always)]
fn patch<S: Simd, const IN: usize>(
    simd: S,
    plane: &[S::f32s],
    [image, y, x]: [usize; 3],
    [height, width]: [usize; 2],
) -> [[S::f32s; IN]; IN] {
    let mut patch = [[simd.splat_f32s(0.0); IN]; IN];
    let rows = 1usize.saturating_sub(y)..IN.min(height + 1 - y);
    let columns = 1usize.saturating_sub(x)..IN.min(width + 1 - x);
    for row in rows {
        let line = &plane[(image * height + y + row - 1) * width..][..width];
        patch[row][columns.clone()].copy_from_slice(&line[x + columns.start - 1..][..columns.len()]);
    }
    patch
}
