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

/// A pair of spectral peaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::audit) struct Landmark {
    /// Bin of the first peak (8 bits), difference of the bins (7 bits), steps between the peaks (6 bits).
    pub hash: u32,
    /// Time step of the first peak.
    pub step: u16,
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
            landmarks.extend(near.take(FAN_OUT).map(|second| {
                let bins_apart = second.bin + 64 - first.bin;
                let hash = first.bin << 13 | bins_apart << 6 | steps(second);
                Landmark { hash: hash as u32, step: (first.frame / FRAMES_PER_STEP) as u16 }
            }));
        }
        landmarks
    }

    /// Power, `[n_frames][n_bins]`, of complete frames only.
    fn spectrogram(&self, waveform: &[f32]) -> Vec<Vec<f32>> {
        let mut spectrum = vec![Complex::default(); N_FFT];
        let mut scratch = vec![Complex::default(); self.fft.get_inplace_scratch_len()];
        (0..)
            .map_while(|frame| waveform.get(frame * HOP_LENGTH..frame * HOP_LENGTH + N_FFT))
            .map(|samples| {
                for ((out, x), weight) in spectrum.iter_mut().zip(samples).zip(&self.window) {
                    *out = Complex::from(x * weight);
                }
                self.fft.process_with_scratch(&mut spectrum, &mut scratch);
                spectrum[BINS].iter().map(Complex::norm_sqr).collect()
            })
            .collect()
    }
}

struct Peak {
    frame: usize,
    bin: usize,
    power: f32,
}

/// Local maxima, ordered by frame and then by bin.
fn peaks(spectrogram: &[Vec<f32>]) -> Vec<Peak> {
    let strongest = spectrogram.iter().flatten().copied().fold(0.0, f32::max);
    let mut peaks = Vec::new();
    for (frame, powers) in spectrogram.iter().enumerate() {
        for (bin, power) in powers.iter().copied().enumerate() {
            let neighbours = &powers[bin.saturating_sub(1)..(bin + 2).min(powers.len())];
            // Most bins are rejected here, before their whole neighbourhood is searched.
            if power <= FLOOR * strongest || neighbours.iter().any(|near| *near > power) {
                continue;
            }
            let frames =
                &spectrogram[frame.saturating_sub(REACH_FRAMES)..spectrogram.len().min(frame + REACH_FRAMES + 1)];
            let bins = bin.saturating_sub(REACH_BINS)..powers.len().min(bin + REACH_BINS + 1);
            if frames.iter().all(|row| row[bins.clone()].iter().all(|near| *near <= power)) {
                peaks.push(Peak { frame, bin, power });
            }
        }
    }
    peaks
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
