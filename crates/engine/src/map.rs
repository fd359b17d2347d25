//! Feature maps in the blocked layout, and their division into units of work.
//!
//! ```text
//! [channels / L][image][row][column][L]      L = lanes of a vector; missing channels of the last block are zero
//! ```
//!
//! The channels of a block are next to each other, so one vector holds them. All pixels of a block are next to each other, across
//! rows and images, so a kernel that treats pixels alike takes them in any number.

use std::ops::Range;

use crate::buffer::{Pool, Pooled};

/// Shape of a feature map of several images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub images: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    /// Pixels of all images.
    pub fn pixels(self) -> usize {
        self.images * self.height * self.width
    }
}

/// The input of a direct convolution.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// `[block][image][row][column][lanes]`
    pub data: &'a [f32],
    pub images: usize,
    pub height: usize,
    pub width: usize,
}

/// A feature map.
#[derive(Debug)]
pub(crate) struct Map<'a> {
    pub shape: Shape,
    pub lanes: usize,
    pub data: Pooled<'a>,
}

impl<'a> Map<'a> {
    /// A map with any contents.
    pub fn new(pool: &'a Pool, shape: Shape, lanes: usize) -> Self {
        let data = pool.take(shape.channels.div_ceil(lanes) * shape.pixels() * lanes);
        Self { shape, lanes, data }
    }

    /// Images as a map of one channel, which is not blocked.
    pub fn of_images(pool: &'a Pool, shape: Shape, images: &[&[f32]]) -> Self {
        let mut map = Self::new(pool, shape, 1);
        for (target, image) in map.data.chunks_exact_mut(shape.height * shape.width).zip(images) {
            target.copy_from_slice(image);
        }
        map
    }

    /// Maps of equal size as one map of all their images; a single one as it is.
    pub fn join(pool: &'a Pool, mut parts: Vec<Self>) -> Self {
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let (lanes, shape) = parts.first().map_or((1, Shape::default()), |part| (part.lanes, part.shape));
        let images = parts.iter().map(|part| part.shape.images).sum();
        let mut map = Self::new(pool, Shape { images, ..shape }, lanes);
        let plane = map.plane();
        for (block, target) in map.data.chunks_exact_mut(plane.max(1)).enumerate() {
            let mut rest = target;
            for part in &parts {
                let (target, after) = rest.split_at_mut(part.plane());
                target.copy_from_slice(part.part(block, &(0..part.shape.pixels())));
                rest = after;
            }
        }
        map
    }

    /// The map as the input of a direct convolution.
    pub fn as_input(&self) -> Input<'_> {
        let Shape { images, height, width, .. } = self.shape;
        Input { data: &self.data, images, height, width }
    }

    /// Blocks of channels.
    pub fn blocks(&self) -> usize {
        self.shape.channels.div_ceil(self.lanes)
    }

    /// Values of a block.
    pub fn plane(&self) -> usize {
        self.shape.pixels() * self.lanes
    }

    /// The pixels `pixels` of the block `block`.
    pub fn part(&self, block: usize, pixels: &Range<usize>) -> &[f32] {
        &self.data[block * self.plane()..][pixels.start * self.lanes..pixels.end * self.lanes]
    }

    /// Cuts the map into the products of `pixels`, which follow each other and cover all pixels, and `blocks`, likewise.
    pub fn units(&mut self, pixels: &[Range<usize>], blocks: &[Range<usize>]) -> Vec<Unit<'_>> {
        let (lanes, plane) = (self.lanes, self.plane());
        let unit = |pixels: &Range<usize>, blocks: &Range<usize>| Unit {
            pixels: pixels.clone(),
            blocks: blocks.clone(),
            planes: Vec::with_capacity(blocks.len()),
        };
        let mut units: Vec<Unit> = pixels.iter().flat_map(|p| blocks.iter().map(move |b| unit(p, b))).collect();
        for (block, plane) in self.data.chunks_exact_mut(plane.max(1)).enumerate() {
            let mut rest = plane;
            for unit in units.iter_mut().filter(|unit| unit.blocks.contains(&block)) {
                let (part, after) = rest.split_at_mut(unit.pixels.len() * lanes);
                unit.planes.push(part);
                rest = after;
            }
        }
        units
    }
}

/// A part of an output map that one thread computes.
pub(crate) struct Unit<'a> {
    /// Consecutive pixels, across images.
    pub pixels: Range<usize>,
    pub blocks: Range<usize>,
    /// Those pixels of each block.
    pub planes: Vec<&'a mut [f32]>,
}

/// Cuts `0..count` into ranges of nearly equal length, at most `longest` each; their number is a multiple of `multiple` where
/// possible, so that all threads have work.
pub(crate) fn cut(count: usize, longest: usize, multiple: usize) -> Vec<Range<usize>> {
    let n = count.div_ceil(longest.max(1)).next_multiple_of(multiple).min(count);
    (0..n).map(|i| i * count / n..(i + 1) * count / n).collect()
}
