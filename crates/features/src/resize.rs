//! Bilinear resizing as `torch.nn.functional.interpolate(mode="bilinear", align_corners=False, antialias=False)`.

/// For each output position: the two input positions and the weight of the second.
struct Axis(Vec<(usize, usize, f32)>);

impl Axis {
    fn new(input: usize, output: usize) -> Self {
        let scale = input as f32 / output as f32;
        let taps = (0..output).map(|i| {
            let at = ((i as f32 + 0.5) * scale - 0.5).max(0.0);
            let first = (at as usize).min(input - 1);
            (first, (first + 1).min(input - 1), at - first as f32)
        });
        Self(taps.collect())
    }
}

/// Resizes `[height, width]` to `[size, size]`.
pub(crate) struct Resize {
    rows: Axis,
    columns: Axis,
    width: usize,
}

impl Resize {
    pub(crate) fn new(height: usize, width: usize, size: usize) -> Self {
        Self { rows: Axis::new(height, size), columns: Axis::new(width, size), width }
    }

    pub(crate) fn apply(&self, image: &[f32]) -> Vec<f32> {
        let size = self.columns.0.len();
        let mut stretched = Vec::with_capacity(image.len() / self.width * size); // [height, size]
        for row in image.chunks_exact(self.width) {
            stretched.extend(self.columns.0.iter().map(|(a, b, w)| row[*a] * (1.0 - w) + row[*b] * w));
        }
        let mut resized = Vec::with_capacity(size * size);
        for (a, b, w) in &self.rows.0 {
            let (upper, lower) = (&stretched[a * size..(a + 1) * size], &stretched[b * size..(b + 1) * size]);
            resized.extend(upper.iter().zip(lower).map(|(u, l)| u * (1.0 - w) + l * w));
        }
        resized
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_torchs() {
        // torch.nn.functional.interpolate(torch.tensor([[[[0., 1, 2], [3, 4, 8]]]]), (4, 4), mode="bilinear")
        let expected = [
            0.0, 0.625, 1.375, 2.0, //
            0.75, 1.375, 2.40625, 3.5, //
            2.25, 2.875, 4.46875, 6.5, //
            3.0, 3.625, 5.5, 8.0,
        ];
        let resized = Resize::new(2, 3, 4).apply(&[0.0, 1.0, 2.0, 3.0, 4.0, 8.0]);
        for (a, b) in resized.iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{resized:?}");
        }
    }
}
