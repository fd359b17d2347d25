//! The choice of a kernel for each convolution, from its shape alone, so that the same image gives the same bytes in any batch.

use crate::conv::Conv;
use crate::map::Shape;
use crate::winograd::Tile;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Direct,
    Pointwise,
    Depthwise,
    Winograd(Tile),
}

/// Fewest channels, of input and output, for which Winograd's products outweigh its transforms.
const MIN_CHANNELS: usize = 8;
/// Height and width from which F(4 x 4) is used whatever the number of channels.
const LARGE: usize = 20;
/// Most transformed weights for F(4 x 4) on smaller maps: more of them take longer to read than F(2 x 2)'s take to multiply.
const MAX_WEIGHTS: usize = 1 << 18;

/// The method for a convolution of `input`.
pub(crate) fn choose(conv: &Conv, input: Shape) -> Method {
    match (conv.kernel, conv.stride, conv.padding) {
        _ if conv.depthwise => Method::Depthwise,
        (1, 1, [0, 0]) => Method::Pointwise,
        (3, 1, [1, 1]) if input.channels.min(conv.outputs()) >= MIN_CHANNELS => Method::Winograd(tile(conv, input)),
        _ => Method::Direct,
    }
}

fn tile(conv: &Conv, input: Shape) -> Tile {
    let positions =
        |tile: Tile| input.height.div_ceil(tile.size()) * input.width.div_ceil(tile.size()) * tile.positions();
    let weights = Tile::F4.positions() * input.channels * conv.outputs();
    let is_large = input.height.min(input.width) >= LARGE;
    let is_worth_it = positions(Tile::F4) < positions(Tile::F2) && (is_large || weights <= MAX_WEIGHTS);
    if is_worth_it { Tile::F4 } else { Tile::F2 }
}
