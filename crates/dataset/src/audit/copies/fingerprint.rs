//! An audio fingerprint that survives changes of container, rate, gain and start, and mild noise: pairs of spectral
//! peaks, after Wang, "An industrial-strength audio search algorithm" (ISMIR 2003).

use std::sync::Arc;

use features::{forward_fft, hann};
use rustfft::Fft;
use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

/// Increased whenever the same waveform has other landmarks than before; so is [`SPLITS_VERSION`](crate::SPLITS_VERSION).
pub(in crate::audit) const FINGERPRINTS_VERSION: u32 = 1;

/// Samples of a transform at 8 kHz: 64 ms, bins of 15.6 Hz.
const N_FFT: usize = 512;
/// Samples between two frames: 4 ms, so that a shift by half of that hardly moves a peak. With 8 ms, one shifted copy
/// in 500 of the glides in the tests of `copies.rs` had too few landmarks in common.
const HOP_LENGTH: usize = 32;
/// Frames per time step of a landmark. Steps are coarser than frames, so that peaks may move by a frame.
const FRAMES_PER_STEP: usize = 4;
/// Samples per time step of a landmark: 16 ms.
pub(in crate::audit) const STEP_LENGTH: usize = FRAMES_PER_STEP * HOP_LENGTH;
/// Bins that are used: from 109 Hz, above mains hum, to 3.7 kHz, below the cutoff of codecs and resamplers.
const BINS: std::ops::Range<usize> = 7..236;
const N_BINS: usize = BINS.end - BINS.start;
/// A peak is the maximum within this many bins and frames on either side.
const REACH_BINS: usize = 8;
const REACH_FRAMES: usize = 24;
/// Smallest power of a peak relative to the maximum of the recording, -50 dB: weaker peaks do not survive noise.
const FLOOR: f32 = 1e-5;
/// Number of strongest peaks that are kept per second.
const PEAKS_PER_SECOND: usize = 30;
const FRAMES_PER_SECOND: usize = 250;
/// A peak is paired with at most `FAN_OUT` later peaks, within this many steps and bins.
const FAN_OUT: usize = 6;
const MAX_STEPS_APART: usize = 63;
const MAX_BINS_APART: usize = 63;

/// A pair of spectral peaks: lower and upper half of its hash, then the time step of the first peak. There are millions of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::audit) struct Landmark(pub [u16; 3]);

impl Landmark {
    /// Number of different hashes.
    pub const HASHES: usize = 1 << 21;

    fn new(first: &Peak, second: &Peak, steps_apart: usize) -> Self {
        let bins_apart = second.bin + 64 - first.bin;
        let hash = first.bin << 13 | bins_apart << 6 | steps_apart;
        Self([hash as u16, (hash >> 16) as u16, (first.frame / FRAMES_PER_STEP) as u16])
    }

    /// Bin of the first peak (8 bits), difference of the bins (7 bits), steps between the peaks (6 bits).
    pub fn hash(&self) -> usize {
        (usize::from(self.0[1]) << 16 | usize::from(self.0[0])) % Self::HASHES
    }

    /// Time step of the first peak.
    pub fn step(&self) -> u16 {
        self.0[2]
    }
}

/// Makes fingerprints. Prepared once, usable from any thread.
pub(in crate::audit) struct Fingerprinter {
    fft: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
}

impl Fingerprinter {
    pub fn new() -> Self {
        Self { fft: forward_fft(N_FFT), window: hann(N_FFT) }
    }

    /// Landmarks of a waveform at 8 kHz of at most 1000 s, in time order; none for silence.
    pub fn landmarks(&self, waveform: &[f32]) -> Vec<Landmark> {
        let peaks = strongest(peaks(&self.spectrogram(waveform)));
        let mut landmarks = Vec::with_capacity(FAN_OUT * peaks.len());
        for (i, first) in peaks.iter().enumerate() {
            let steps = |second: &Peak| (second.frame - first.frame) / FRAMES_PER_STEP;
            let near = peaks[i + 1..]
                .iter()
                .take_while(|second| steps(second) <= MAX_STEPS_APART)
                .filter(|second| steps(second) > 0 && second.bin.abs_diff(first.bin) <= MAX_BINS_APART);
            landmarks.extend(near.take(FAN_OUT).map(|second| Landmark::new(first, second, steps(second))));
        }
        landmarks
    }

    /// Power of complete frames only.
    fn spectrogram(&self, waveform: &[f32]) -> Vec<Frame> {
        let mut spectrum = vec![Complex::default(); N_FFT];
        let mut scratch = vec![Complex::default(); self.fft.get_inplace_scratch_len()];
        let power = |samples: &[f32]| {
            for ((out, x), weight) in spectrum.iter_mut().zip(samples).zip(&self.window) {
                *out = Complex::from(x * weight);
            }
            self.fft.process_with_scratch(&mut spectrum, &mut scratch);
            let mut frame = [0.0; N_BINS];
            frame.iter_mut().zip(&spectrum[BINS]).for_each(|(power, bin)| *power = bin.norm_sqr());
            frame
        };
        waveform.windows(N_FFT).step_by(HOP_LENGTH).map(power).collect()
    }
}

/// Power in each bin that is used.
type Frame = [f32; N_BINS];

struct Peak {
    frame: usize,
    bin: usize,
    power: f32,
}

/// Local maxima, ordered by frame and then by bin.
fn peaks(spectrogram: &[Frame]) -> Vec<Peak> {
    let strongest = spectrogram.iter().flatten().copied().fold(0.0, f32::max);
    let floor = FLOOR * strongest;
    let mut peaks = Vec::new();
    for (frame, (powers, largest)) in spectrogram.iter().zip(&largest_around(spectrogram)).enumerate() {
        for (bin, (power, largest)) in powers.iter().zip(largest).enumerate() {
            if power == largest && *power > floor {
                peaks.push(Peak { frame, bin, power: *power });
            }
        }
    }
    peaks
}

/// The largest power within [`REACH_BINS`] and [`REACH_FRAMES`] of each point.
fn largest_around(spectrogram: &[Frame]) -> Vec<Frame> {
    let over_bins = |frame: &Frame| {
        let mut powers = [0.0; REACH_BINS + N_BINS + REACH_BINS];
        powers[REACH_BINS..][..N_BINS].copy_from_slice(frame);
        sliding_maximum(&mut powers, 2 * REACH_BINS + 1, |power, later| *power = power.max(*later));
        let mut largest = [0.0; N_BINS];
        largest.copy_from_slice(&powers[..N_BINS]);
        largest
    };
    let before = [[0.0; N_BINS]; REACH_FRAMES];
    let mut frames: Vec<Frame> = before.into_iter().chain(spectrogram.iter().map(over_bins)).collect();
    sliding_maximum(&mut frames, 2 * REACH_FRAMES + 1, |frame, later| {
        frame.iter_mut().zip(later).for_each(|(power, later)| *power = power.max(*later));
    });
    frames.truncate(spectrogram.len());
    frames
}

/// Raises each item to the maximum of the `width` items from it on; `raise` raises one to another.
fn sliding_maximum<T>(items: &mut [T], width: usize, raise: impl Fn(&mut T, &T)) {
    let mut covered = 1;
    while covered < width {
        let shift = covered.min(width - covered);
        for i in shift..items.len() {
            let (sooner, later) = items.split_at_mut(i);
            raise(&mut sooner[i - shift], &later[0]);
        }
        covered += shift;
    }
}

/// The strongest peaks of each second, ordered by frame and then by bin.
fn strongest(peaks: Vec<Peak>) -> Vec<Peak> {
    let mut kept = Vec::with_capacity(peaks.len());
    let mut second: Vec<Peak> = Vec::new();
    let mut keep = |second: &mut Vec<Peak>| {
        second.sort_by(|a, b| b.power.total_cmp(&a.power).then((a.frame, a.bin).cmp(&(b.frame, b.bin))));
        second.truncate(PEAKS_PER_SECOND);
        second.sort_by_key(|peak| (peak.frame, peak.bin));
        kept.append(second);
    };
    for peak in peaks {
        if second.last().is_some_and(|last| last.frame / FRAMES_PER_SECOND != peak.frame / FRAMES_PER_SECOND) {
            keep(&mut second);
        }
        second.push(peak);
    }
    keep(&mut second);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_raised_to_those_after_it() {
        for width in 1..9 {
            let items = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];
            let mut found = items;
            sliding_maximum(&mut found, width, |item, later| *item = *later.max(item));
            for (start, found) in found.iter().enumerate() {
                assert_eq!(items[start..].iter().take(width).max(), Some(found), "{width} from {start}");
            }
        }
    }

    #[test]
    fn peaks_are_the_largest_within_reach() {
        let mut spectrogram = vec![[1e-9; N_BINS]; 100];
        let within = [(24, 8, 0.9), (99, 220, 0.5)];
        let out_of_reach = [(0, 0, 1.0), (49, 8, 0.8), (49, 17, 0.7), (99, 228, 0.6)];
        for (frame, bin, power) in within.into_iter().chain(out_of_reach) {
            spectrogram[frame][bin] = power;
        }
        let found = peaks(&spectrogram).into_iter().map(|peak| (peak.frame, peak.bin, peak.power));
        assert_eq!(found.collect::<Vec<_>>(), out_of_reach);
    }
}
