//! SpecAugment: a band of frequencies and a band of time are masked (Park et al. 2019, without warping).

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Masks for a spectrogram or its image, applied in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpecAugment {
    /// Largest width of the frequency mask, in rows of an image or bands of a spectrogram.
    pub frequency_mask: usize,
    /// Largest width of the time mask, in columns of an image or frames of a spectrogram.
    pub time_mask: usize,
    /// Probability that masks are applied, both or none, 0 to 1.
    pub probability: f64,
}

impl Default for SpecAugment {
    fn default() -> Self {
        Self { frequency_mask: 12, time_mask: 24, probability: 0.7 }
    }
}

impl SpecAugment {
    /// Masks `image`, row-major with rows of `width` values, with the value `blank`. Rows are frequencies, or frames with
    /// `rows_are_time`. Widths are drawn uniformly from 0 to the largest, places uniformly.
    pub(crate) fn apply<R: Rng>(&self, image: &mut [f32], width: usize, rows_are_time: bool, blank: f32, rng: &mut R) {
        if rng.random::<f64>() >= self.probability {
            return;
        }
        let height = image.len() / width;
        let (frequencies, moments) = if rows_are_time { (width, height) } else { (height, width) };
        let mut band = |most: usize, size: usize| {
            let length = rng.random_range(0..=most.min(size));
            let start = rng.random_range(0..=size - length);
            start..start + length
        };
        let (frequencies, moments) = (band(self.frequency_mask, frequencies), band(self.time_mask, moments));
        let (rows, columns) = if rows_are_time { (moments, frequencies) } else { (frequencies, moments) };
        for (index, row) in image.chunks_exact_mut(width).enumerate() {
            let masked = if rows.contains(&index) { 0..width } else { columns.clone() };
            row[masked].fill(blank);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn masks_are_bands_within_their_limits_and_seven_in_ten_images_have_one() {
        let (size, augment) = (64, SpecAugment::default());
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let mut masked = 0;
        for _ in 0..2000 {
            let mut image = vec![1.0; size * size];
            augment.apply(&mut image, size, false, 0.0, &mut rng);
            let rows: Vec<usize> =
                (0..size).filter(|r| image[r * size..(r + 1) * size].iter().all(|x| *x == 0.0)).collect();
            let columns: Vec<usize> = (0..size).filter(|c| (0..size).all(|r| image[r * size + c] == 0.0)).collect();
            assert!(rows.len() <= 12 && columns.len() <= 24);
            for band in [&rows, &columns] {
                assert!(band.windows(2).all(|pair| pair[1] == pair[0] + 1), "{band:?} is one band");
            }
            let zeros = image.iter().filter(|x| **x == 0.0).count();
            assert_eq!(zeros, rows.len() * size + columns.len() * (size - rows.len()));
            masked += usize::from(zeros > 0);
        }
        // 0.7 less the 1 in 13 x 25 whose masks are both empty: 1395 of 2000, standard deviation 20.
        assert!(masked.abs_diff(1395) < 120, "{masked}");
    }

    #[test]
    fn probability_zero_leaves_the_image_alone() {
        let mut image = vec![1.0; 16];
        let augment = SpecAugment { probability: 0.0, ..SpecAugment::default() };
        augment.apply(&mut image, 4, false, 0.0, &mut rand_chacha::ChaCha8Rng::seed_from_u64(1));
        assert_eq!(image, [1.0; 16]);
    }

    #[test]
    fn rows_may_be_time() {
        let augment = SpecAugment { frequency_mask: 2, time_mask: 30, probability: 1.0 };
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let mut most = [0; 2];
        for _ in 0..200 {
            let mut image = vec![1.0; 40 * 8];
            augment.apply(&mut image, 8, true, -7.0, &mut rng);
            let moments = image.chunks_exact(8).filter(|row| row.iter().all(|x| *x == -7.0)).count();
            let bands = (0..8).filter(|band| image.iter().skip(*band).step_by(8).all(|x| *x == -7.0)).count();
            most = [most[0].max(moments), most[1].max(bands)];
        }
        assert_eq!(most, [30, 2]);
    }
}
