//! Max pooling, the mean over all pixels and the mean over each column.

use pulp::Simd;

use crate::cpu::{Kernel, vectors, vectors_mut};
use crate::error::Error;
use crate::map::{Map, Shape, Unit};

/// Max pooling over square windows; only pixels inside of the image count.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool {
    /// Height and width of a window.
    pub kernel: usize,
    /// Rows and columns between windows.
    pub stride: usize,
    /// Rows and columns by which the first window starts before the image, and the last may end after it.
    pub padding: usize,
}

impl MaxPool {
    /// Height or width of the output.
    pub(crate) fn output(self, size: usize) -> Result<usize, Error> {
        let room = (size + 2 * self.padding).checked_sub(self.kernel);
        match room {
            Some(room) if self.stride > 0 && self.padding < self.kernel => Ok(room / self.stride + 1),
            _ => Err(Error::Shape(format!("{self:?} on {size} pixels"))),
        }
    }
}

/// Pools whole rows of one image, of `width` columns, to a unit of one image.
pub(crate) struct MaxPoolUnit<'a, 'b> {
    pub pool: MaxPool,
    /// For each block of the unit, consecutive rows of the image.
    pub inputs: &'a [&'a mut [f32]],
    /// First of those rows, height and width of the image.
    pub input: [usize; 3],
    /// First output row in the image, and columns.
    pub output: [usize; 2],
    /// As long as a row of the image.
    pub scratch: &'a mut [f32],
    pub unit: &'a mut Unit<'b>,
}

impl Kernel for MaxPoolUnit<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, const L: usize>(self, simd: S) {
        let Self { pool: MaxPool { kernel, stride, padding }, inputs, input, output, scratch, unit } = self;
        let ([first_input, height, in_width], [first, width]) = (input, output);
        let highest = vectors_mut::<S>(scratch); // the maximum of each column over the rows of the windows
        for (plane, source) in unit.planes.iter_mut().zip(inputs) {
            let source = vectors::<S>(source);
            for (line, row) in vectors_mut::<S>(plane).chunks_exact_mut(width).zip(first..) {
                let top = (row * stride).saturating_sub(padding) - first_input;
                let bottom = (row * stride + kernel - padding).min(height) - first_input;
                highest.copy_from_slice(&source[top * in_width..][..in_width]);
                for source in source[(top + 1) * in_width..bottom * in_width].chunks_exact(in_width) {
                    for (highest, value) in highest.iter_mut().zip(source) {
                        *highest = simd.max_f32s(*highest, *value);
                    }
                }
                for (x, target) in line.iter_mut().enumerate() {
                    let left = (x * stride).saturating_sub(padding);
                    let window = &highest[left..(x * stride + kernel - padding).min(in_width)];
                    let mut max = window[0];
                    for value in &window[1..] {
                        max = simd.max_f32s(max, *value);
                    }
                    *target = max;
                }
            }
        }
    }
}

/// The mean of each channel over the pixels of each image, `[image][channel]`.
pub(crate) fn mean(map: &Map) -> Vec<f32> {
    let pixels = map.shape.height * map.shape.width;
    let mut means = vec![0.0; map.shape.images * map.shape.channels];
    for (image, means) in means.chunks_exact_mut(map.shape.channels).enumerate() {
        for (block, means) in means.chunks_mut(map.lanes).enumerate() {
            for pixel in map.part(block, &(image * pixels..(image + 1) * pixels)).chunks_exact(map.lanes) {
                for (sum, value) in means.iter_mut().zip(pixel) {
                    *sum += value;
                }
            }
            for sum in means {
                *sum /= pixels as f32;
            }
        }
    }
    means
}

/// The mean of each channel over the rows of each column of each image, `[image][column][channel]`.
pub(crate) fn column_means(map: &Map) -> Vec<f32> {
    let Shape { images, channels, height, width } = map.shape;
    let mut means = vec![0.0; images * width * channels];
    for (image, means) in means.chunks_exact_mut(width * channels).enumerate() {
        for block in 0..channels.div_ceil(map.lanes) {
            let pixels = map.part(block, &(image * height * width..(image + 1) * height * width));
            for (index, pixel) in pixels.chunks_exact(map.lanes).enumerate() {
                let column = &mut means[index % width * channels..][..channels];
                for (sum, value) in column[block * map.lanes..].iter_mut().zip(pixel) {
                    *sum += value;
                }
            }
        }
        means.iter_mut().for_each(|sum| *sum /= height as f32);
    }
    means
}

/// Feature maps in the usual layout, `[image][channel][row][column]`.
pub(crate) fn planar(map: &Map) -> Vec<f32> {
    let pixels = map.shape.height * map.shape.width;
    let mut values = Vec::with_capacity(map.shape.pixels() * map.shape.channels);
    for image in 0..map.shape.images {
        for channel in 0..map.shape.channels {
            let plane = map.part(channel / map.lanes, &(image * pixels..(image + 1) * pixels));
            values.extend(plane.iter().skip(channel % map.lanes).step_by(map.lanes));
        }
    }
    values
}
