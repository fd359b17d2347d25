//! The numbers of YAMNet's front end, as its authors fix them.
//!
//! TensorFlow's model garden, `research/audioset/yamnet/{params,features}.py`: 16 kHz, frames of 25 ms every 10 ms under a
//! periodic Hann window, a Fourier transform of 512 samples, magnitudes (not powers) through 64 mel bands from 125 to 7500
//! Hz, and the logarithm of that plus 0.001.

use crate::logarithm::ln;

/// Sample rate, Hz.
pub(crate) const SAMPLE_RATE_HZ: u32 = 16_000;
/// Samples of a Fourier transform.
pub(crate) const N_FFT: usize = 512;
/// Samples of the window.
pub(crate) const WINDOW: usize = 400;
/// Samples between two frames.
pub(crate) const HOP_LENGTH: usize = 160;
/// Mel bands.
pub(crate) const N_MELS: usize = 64;
/// Lower edge of the lowest band, Hz.
pub(crate) const F_MIN_HZ: f64 = 125.0;
/// Upper edge of the highest band, Hz.
pub(crate) const F_MAX_HZ: f64 = 7500.0;
/// Added before the logarithm, which keeps it finite.
pub(crate) const LOG_OFFSET: f32 = 0.001;

/// Frames and mel bands of a patch, YAMNet's input: 0.96 s.
pub const YAMNET_PATCH: [usize; 2] = [96, N_MELS];
const PATCH_FRAMES: usize = YAMNET_PATCH[0];
/// Frames between the starts of consecutive patches, half a patch.
const PATCH_HOP_FRAMES: usize = 48;

/// Frames of the spectrogram of a waveform: one patch, and a further half patch for each hop that begins before the
/// waveform's end, which is the authors' padding.
pub(crate) fn n_frames(samples: usize) -> usize {
    let first_patch = (PATCH_FRAMES - 1) * HOP_LENGTH + WINDOW;
    let more = samples.saturating_sub(first_patch).div_ceil(PATCH_HOP_FRAMES * HOP_LENGTH);
    PATCH_FRAMES + more * PATCH_HOP_FRAMES
}

/// The patches of a spectrogram `[n_frames, 64]`, `[n_patches, 96, 64]` row-major; consecutive patches overlap by half.
pub(crate) fn patches(spectrogram: &[f32]) -> Vec<f32> {
    let (patch, hop) = (PATCH_FRAMES * N_MELS, PATCH_HOP_FRAMES * N_MELS);
    spectrogram.windows(patch).step_by(hop).flatten().copied().collect()
}

/// The value of a silent frame, the minimum.
pub(crate) fn silence() -> f32 {
    ln(LOG_OFFSET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_frames_matches_the_authors() {
        // `pad_waveform`, then 1 + (samples - 400) / 160 frames.
        for (samples, frames) in [(0, 96), (15_600, 96), (15_601, 144), (23_280, 144), (112_000, 720)] {
            assert_eq!(n_frames(samples), frames, "{samples}");
        }
    }

    #[test]
    fn patches_overlap_by_half() {
        let spectrogram: Vec<f32> = (0..144 * 64).map(|i| (i / 64) as f32).collect();
        let patches = patches(&spectrogram);
        let firsts: Vec<f32> = patches.iter().copied().step_by(96 * 64).collect();
        assert_eq!((firsts.as_slice(), patches.len()), (&[0.0, 48.0][..], 2 * 96 * 64));
        assert_eq!(patches.last(), Some(&143.0));
    }
}
