//! How an output is divided among threads: by pixels where there are many, by channels where the weights outweigh them.

use std::ops::Range;

use crate::map::{Shape, cut};
use crate::product::PANEL;

/// Values of scratch memory for a unit, so that it stays in the second cache.
pub(crate) const SCRATCH: usize = 1 << 16;
/// Values of transformed inputs for a unit of tiles, so that they stay in the second cache. With many weights, which each unit
/// reads, it is a quarter of their number.
const TRANSFORMED: usize = 1 << 15;
/// Most weights of a step that runs image by image, so that they stay in the last cache.
pub(crate) const FRONT_WEIGHTS: usize = 1 << 20;
/// Multiplications that are worth a further thread: some 40 microseconds.
pub(crate) const WORTH_A_THREAD: usize = 2_000_000;
/// Pixels (or tiles) for each thread below which the channels are divided instead.
const FEW: usize = 14;

/// Pixels and blocks of output, whose products are the units.
type Units = (Vec<Range<usize>>, Vec<Range<usize>>);

/// Units of whole rows, at most `longest` each.
pub(crate) fn whole_rows(shape: Shape, longest: usize, lanes: usize, threads: usize) -> Units {
    lines(shape, shape.width, longest, lanes, threads)
}

/// Units of any pixels, for a product over `inputs` channels.
pub(crate) fn any_pixels(shape: Shape, inputs: usize, lanes: usize, threads: usize) -> Units {
    lines(shape, 1, (SCRATCH / inputs).next_multiple_of(14), lanes, threads)
}

/// Units of whole lines of `length` pixels, at most `longest` lines each.
fn lines(shape: Shape, length: usize, longest: usize, lanes: usize, threads: usize) -> Units {
    let blocks = shape.channels.div_ceil(lanes);
    let is_few = shape.pixels() < FEW * threads;
    let (multiple, blocks) = if is_few { (1, by_panel(blocks, threads)) } else { (threads, cut(blocks, blocks, 1)) };
    let lines = cut(shape.pixels() / length, longest, multiple);
    (lines.iter().map(|lines| scaled(lines, length)).collect(), blocks)
}

/// Units of whole rows of tiles of `size` x `size` outputs.
pub(crate) fn tiles(shape: Shape, size: usize, inputs: usize, lanes: usize, threads: usize) -> Units {
    let blocks = shape.channels.div_ceil(lanes);
    let (rows, columns) = (shape.height.div_ceil(size), shape.width.div_ceil(size));
    let n_rows = shape.images * rows;
    let of_channel = (size + 2) * (size + 2); // values of a tile, and weights for an output channel
    let longest = TRANSFORMED.max(of_channel * inputs * shape.channels / 4) / (of_channel * inputs * columns);
    let is_few = n_rows * columns < FEW * threads;
    let (multiple, blocks) = if is_few { (1, by_panel(blocks, threads)) } else { (threads, cut(blocks, blocks, 1)) };
    // The last row of tiles of an image may have fewer rows of outputs.
    let row_start = |row: usize| row / rows * shape.height + (row % rows * size).min(shape.height);
    let pixels = cut(n_rows, longest, multiple)
        .into_iter()
        .map(|r| scaled(&(row_start(r.start)..row_start(r.end)), shape.width));
    (pixels.collect(), blocks)
}

/// Whole panels for each thread.
fn by_panel(blocks: usize, threads: usize) -> Vec<Range<usize>> {
    let panels = blocks.div_ceil(PANEL);
    let blocks = |panels: Range<usize>| panels.start * PANEL..(panels.end * PANEL).min(blocks);
    cut(panels, panels.div_ceil(threads), 1).into_iter().map(blocks).collect()
}

fn scaled(range: &Range<usize>, factor: usize) -> Range<usize> {
    range.start * factor..range.end * factor
}
