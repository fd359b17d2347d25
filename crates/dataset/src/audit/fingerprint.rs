//! A fingerprint that survives other containers, rates, gains, shifts and mild noise: pairs of spectral peaks, after
//! Wang, "An industrial-strength audio search algorithm" (ISMIR 2003).

use std::f64::consts::TAU;
use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

/// Samples of a transform at 8 kHz: 64 ms, bins of 15.6 Hz.
const N_FFT: usize = 512;
/// Samples between two frames: 4 ms, so that a shift by half of that hardly moves a peak. With 8 ms one shifted copy in 500 of the glides that
/// the test of `copies.rs` makes had fewer landmarks in common than it needs.
const HOP_LENGTH: usize = 32;
/// Frames in a step of a landmark's time: coarser than the frames, so that peaks may move by one.
const FRAMES_PER_STEP: usize = 4;
/// Samples in a step of a landmark's time: 16 ms.
pub(super) const STEP_LENGTH: usize = FRAMES_PER_STEP * HOP_LENGTH;
/// Bins that are looked at: from 109 Hz, above mains hum, to 3.7 kHz, below what codecs and resamplers cut.
const BINS: std::ops::Range<usize> = 7..236;
/// A peak is the largest within so many bins and frames.
const REACH_BINS: usize = 8;
const REACH_FRAMES: usize = 24;
/// Weaker peaks, relative to the strongest power of the recording, do not survive noise: -50 dB.
const FLOOR: f32 = 1e-5;
/// The strongest so many peaks of each second are kept.
const PEAKS_PER_SECOND: usize = 30;
const FRAMES_PER_SECOND: usize = 250;
/// A peak is paired with so many that follow it, within so many steps and bins.
const FAN_OUT: usize = 6;
const MAX_STEPS_APART: usize = 63;
const MAX_BINS_APART: usize = 63;

/// A pair of peaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Landmark {
    /// Bin of the first (8 bits), difference of the bins (7 bits), steps between them (6 bits).
    pub hash: u32,
    /// Step of the first.
    pub step: u16,
}

/// Makes fingerprints; prepared once, used from any thread.
pub(super) struct Fingerprinter {
    fft: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
}

impl Fingerprinter {
    pub(super) fn new() -> Self {
        let hann = |i: usize| 0.5 - 0.5 * (TAU * i as f64 / N_FFT as f64).cos();
        Self { fft: FftPlanner::new().plan_fft_forward(N_FFT), window: (0..N_FFT).map(|i| hann(i) as f32).collect() }
    }

    /// Landmarks of a waveform at 8 kHz of at most 1000 s, in time order; none for silence.
    pub(super) fn landmarks(&self, waveform: &[f32]) -> Vec<Landmark> {
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

    /// Power, `[frames][bins]`, of whole frames only.
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

/// Local maxima, by frame and then bin.
fn peaks(spectrogram: &[Vec<f32>]) -> Vec<Peak> {
    let strongest = spectrogram.iter().flatten().copied().fold(0.0, f32::max);
    let mut peaks = Vec::new();
    for (frame, powers) in spectrogram.iter().enumerate() {
        for (bin, power) in powers.iter().copied().enumerate() {
            let neighbours = &powers[bin.saturating_sub(1)..(bin + 2).min(powers.len())];
            // Most bins fail here, before their whole neighbourhood is looked at.
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

/// The strongest peaks of each second, by frame and then bin.
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
