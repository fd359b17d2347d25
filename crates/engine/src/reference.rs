//! Convolution and pooling by their definitions, sums in `f64`: what the kernels are compared with.

use crate::conv::Conv;
use crate::pool::MaxPool;

/// Height and width of a map.
type Size = [usize; 2];

/// Convolves `x`, `[inputs, height, width]`, and adds `residual`, of the output's shape; returns `[outputs, height, width]`.
pub(crate) fn conv(x: &[f32], [height, width]: Size, conv: &Conv, residual: Option<&[f32]>) -> (Vec<f32>, Size) {
    let inputs = x.len() / (height * width);
    let Conv { kernel, stride, padding, .. } = *conv;
    let size = |size: usize| (size + padding[0] + padding[1] - kernel) / stride + 1;
    let [out_height, out_width] = [size(height), size(width)];
    let mut out = Vec::new();
    for output in 0..conv.bias.len() {
        let channels = if conv.depthwise { output..output + 1 } else { 0..inputs };
        let filter = &conv.weight[output * channels.len() * kernel * kernel..];
        for y in 0..out_height {
            for column in 0..out_width {
                let mut sum = f64::from(conv.bias[output]);
                for (index, channel) in channels.clone().enumerate() {
                    for ky in 0..kernel {
                        for kx in 0..kernel {
                            let (row, column) = (y * stride + ky, column * stride + kx);
                            let inside = (padding[0]..height + padding[0]).contains(&row)
                                && (padding[0]..width + padding[0]).contains(&column);
                            if inside {
                                let value = x[(channel * height + row - padding[0]) * width + column - padding[0]];
                                let weight = filter[(index * kernel + ky) * kernel + kx];
                                sum += f64::from(value) * f64::from(weight);
                            }
                        }
                    }
                }
                sum += residual.map_or(0.0, |residual| f64::from(residual[out.len()]));
                out.push(if conv.relu { sum.max(0.0) } else { sum } as f32);
            }
        }
    }
    (out, [out_height, out_width])
}

/// Max pooling of `x`, `[channels, height, width]`.
pub(crate) fn max_pool(x: &[f32], [height, width]: Size, MaxPool { kernel, stride, padding }: MaxPool) -> Vec<f32> {
    let size = |size: usize| (size + 2 * padding - kernel) / stride + 1;
    let mut out = Vec::new();
    for channel in x.chunks(height * width) {
        for y in 0..size(height) {
            for column in 0..size(width) {
                let inside = |tap: usize, size: usize| (padding..size + padding).contains(&tap);
                let rows = (y * stride..y * stride + kernel).filter(|row| inside(*row, height));
                let values = rows.flat_map(|row| {
                    let columns = (column * stride..column * stride + kernel).filter(|x| inside(*x, width));
                    columns.map(move |x| channel[(row - padding) * width + x - padding])
                });
                out.push(values.fold(f32::NEG_INFINITY, f32::max));
            }
        }
    }
    out
}
