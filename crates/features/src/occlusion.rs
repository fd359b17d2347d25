//! A waveform without one cell of a grid over time and frequency, to find what a classifier listens to (Zeiler and Fergus,
//! "Visualizing and understanding convolutional networks", 2014, section 4.2).
//!
//! Sound is hidden in the waveform, before the front end, so a cell means the same for every encoder.

use std::sync::Arc;

use rustfft::Fft;
use rustfft::num_complex::Complex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fft::{forward_fft, inverse_fft};
use crate::mel_filters::slaney_edges_hz;
use crate::window::hann_weights;

/// Length of a cell, s; a multiple of it where a grid would be longer than [`MAX_TIMES`].
const CELL_SECONDS: f64 = 0.5;
/// Maximum number of cells in time.
const MAX_TIMES: usize = 16;
/// Minimum length of a frame of the Fourier transform, s. Cells fade into one another over half of it.
const FRAME_SECONDS: f64 = 0.05;

/// The cells of a grid: times, each with the same bands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OcclusionGrid {
    /// Edges of the times, s from the start of the recording, increasing: `[n_times + 1]`, at most 17. A time is half a second long, or a
    /// multiple of it; the last one ends with the sound.
    pub time_edges_seconds: Vec<f64>,
    /// Edges of the bands, Hz, increasing: `[9]`, at equal distances on Slaney's mel scale.
    pub band_edges_hz: Vec<f64>,
}

/// A cell of a grid, in its units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Start and end, s from the start of the recording.
    pub seconds: [f64; 2],
    /// Lower and upper edge, Hz.
    pub hz: [f64; 2],
}

impl OcclusionGrid {
    /// Number of bands of every grid.
    pub const N_BANDS: usize = 8;

    /// The grid for a sound of `seconds` with frequencies up to `highest_hz`.
    pub fn new(seconds: f64, highest_hz: f64) -> Self {
        let step = CELL_SECONDS * (seconds / (CELL_SECONDS * MAX_TIMES as f64)).ceil().max(1.0);
        let n_times = ((seconds / step).round() as usize).max(1);
        let edge = |i: usize| if i == n_times { seconds } else { i as f64 * step };
        Self {
            time_edges_seconds: (0..=n_times).map(edge).collect(),
            band_edges_hz: slaney_edges_hz(Self::N_BANDS, highest_hz),
        }
    }

    /// Number of times.
    pub fn n_times(&self) -> usize {
        self.time_edges_seconds.len().saturating_sub(1)
    }

    /// The cell of a time and a band, both from 0; `None` outside of the grid.
    pub fn cell(&self, time: usize, band: usize) -> Option<Cell> {
        let pair = |edges: &[f64], index: usize| Some([*edges.get(index)?, *edges.get(index + 1)?]);
        Some(Cell { seconds: pair(&self.time_edges_seconds, time)?, hz: pair(&self.band_edges_hz, band)? })
    }
}

/// A waveform whose cells can be hidden.
///
/// Frames of a short-time Fourier transform overlap by half, with the square root of a Hann window before and after it, so that they add
/// up to the waveform. A frame belongs to the time that holds its centre, a bin to the band that holds its frequency, and everything above
/// the highest band to that one: all cells together are the whole sound.
pub struct Occlusion {
    grid: OcclusionGrid,
    waveform: Vec<f32>,
    sample_rate_hz: u32,
    /// `[n_frames][n_bins]`, not normalised.
    spectra: Vec<Vec<Complex<f32>>>,
    window: Vec<f32>,
    inverse: Arc<dyn Fft<f32>>,
}

impl Occlusion {
    /// Transforms `waveform`, `[n_samples]` at `sample_rate_hz`, with frequencies up to `highest_hz`, at most half of that.
    pub fn new(waveform: Vec<f32>, sample_rate_hz: u32, highest_hz: f64) -> Self {
        let rate = f64::from(sample_rate_hz);
        let n_fft = ((FRAME_SECONDS * rate).ceil() as usize).next_power_of_two().max(2);
        let window: Vec<f32> = hann_weights(n_fft).map(|weight| weight.sqrt() as f32).collect();
        let forward = forward_fft(n_fft);
        let spectrum = |frame: usize| {
            let mut bins = vec![Complex::default(); n_fft];
            let samples = Self::samples_of(frame, n_fft, waveform.len());
            for (offset, at) in samples {
                bins[offset] = Complex::from(window[offset] * waveform[at]);
            }
            forward.process(&mut bins);
            bins.truncate(1 + n_fft / 2);
            bins
        };
        let spectra = (0..=waveform.len().div_ceil(n_fft / 2)).map(spectrum).collect();
        let grid = OcclusionGrid::new(waveform.len() as f64 / rate, highest_hz);
        Self { grid, sample_rate_hz, spectra, window, inverse: inverse_fft(n_fft), waveform }
    }

    /// The grid.
    pub fn grid(&self) -> &OcclusionGrid {
        &self.grid
    }

    /// The whole waveform, `[n_samples]`.
    pub fn waveform(&self) -> &[f32] {
        &self.waveform
    }

    /// The waveform without the cell of a time and a band, both from 0, `[n_samples]`; the whole one outside of the grid.
    pub fn without(&self, time: usize, band: usize) -> Vec<f32> {
        let mut waveform = self.waveform.clone();
        let n_fft = self.window.len();
        let mut bins = vec![Complex::default(); n_fft];
        for (frame, spectrum) in self.spectra.iter().enumerate() {
            if self.place(&self.grid.time_edges_seconds, self.frame_seconds(frame)) != time {
                continue;
            }
            bins.fill(Complex::default());
            for (bin, value) in spectrum.iter().enumerate() {
                if self.place(&self.grid.band_edges_hz, self.bin_hz(bin)) == band {
                    bins[bin] = *value;
                    bins[(n_fft - bin) % n_fft] = value.conj();
                }
            }
            self.inverse.process(&mut bins);
            for (offset, at) in Self::samples_of(frame, n_fft, waveform.len()) {
                waveform[at] -= self.window[offset] * bins[offset].re / n_fft as f32;
            }
        }
        waveform
    }

    /// Index of the interval between two of `edges` that holds `value`; the last one for everything from its start on.
    fn place(&self, edges: &[f64], value: f64) -> usize {
        edges.iter().skip(1).take(edges.len().saturating_sub(2)).take_while(|edge| **edge <= value).count()
    }

    /// Centre of a frame, s.
    fn frame_seconds(&self, frame: usize) -> f64 {
        (frame * (self.window.len() / 2)) as f64 / f64::from(self.sample_rate_hz)
    }

    /// Frequency of a bin, Hz.
    fn bin_hz(&self, bin: usize) -> f64 {
        bin as f64 * f64::from(self.sample_rate_hz) / self.window.len() as f64
    }

    /// The samples of a frame, which is centred on sample `frame * n_fft / 2`: their offsets in the frame and their indices.
    fn samples_of(frame: usize, n_fft: usize, n_samples: usize) -> impl Iterator<Item = (usize, usize)> {
        let hop = n_fft / 2;
        (0..n_fft).filter_map(move |offset| {
            let at = (frame * hop + offset).checked_sub(hop)?;
            (at < n_samples).then_some((offset, at))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    const RATE_HZ: u32 = 8000;

    fn tone(hz: f64, seconds: f64) -> Vec<f32> {
        let n = (seconds * f64::from(RATE_HZ)) as usize;
        (0..n).map(|i| (0.5 * (TAU * hz * i as f64 / f64::from(RATE_HZ)).sin()) as f32).collect()
    }

    fn energy(samples: &[f32]) -> f64 {
        samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
    }

    #[test]
    fn a_grid_has_half_seconds_or_few_longer_times() {
        for (seconds, n_times, first, last) in [
            (7.0, 14, 0.5, 0.5),
            (6.7, 13, 0.5, 0.7),
            (6.8, 14, 0.5, 0.3),
            (8.0, 16, 0.5, 0.5),
            (8.1, 8, 1.0, 1.1),
            (60.0, 15, 4.0, 4.0),
            (0.1, 1, 0.1, 0.1),
            (0.0, 1, 0.0, 0.0),
        ] {
            let grid = OcclusionGrid::new(seconds, 4000.0);
            let edges = &grid.time_edges_seconds;
            let length = |time: usize| edges[time + 1] - edges[time];
            assert_eq!((grid.n_times(), grid.band_edges_hz.len()), (n_times, 9), "{seconds}");
            assert!((length(0) - first).abs() < 1e-9 && (length(n_times - 1) - last).abs() < 1e-9, "{edges:?}");
            assert_eq!(edges[n_times], seconds);
        }
        let grid = OcclusionGrid::new(7.0, 4000.0);
        // librosa.mel_frequencies(9, fmin=0, fmax=4000)
        let expected = [0.0, 293.03, 586.06, 879.09, 1194.24, 1615.60, 2185.62, 2956.77, 4000.0];
        assert!(grid.band_edges_hz.iter().zip(expected).all(|(hz, expected)| (hz - expected).abs() < 0.01), "{grid:?}");
        let cell = grid.cell(2, 7);
        assert!(cell.is_some_and(|cell| cell.seconds == [1.0, 1.5] && cell.hz[1] == 4000.0), "{cell:?}");
        assert_eq!((grid.cell(14, 0), grid.cell(0, 8)), (None, None));
    }

    #[test]
    fn all_cells_together_are_the_sound() {
        let sound: Vec<f32> = tone(440.0, 1.63).iter().zip(tone(3900.0, 1.63)).map(|(a, b)| a + 0.3 * b).collect();
        // The grid ends at 3 kHz; the tone above belongs to its highest band.
        let occlusion = Occlusion::new(sound.clone(), RATE_HZ, 3000.0);
        let mut rest = sound.clone();
        for time in 0..occlusion.grid().n_times() {
            for band in 0..8 {
                let without = occlusion.without(time, band);
                assert_eq!(without.len(), sound.len());
                for ((rest, sound), without) in rest.iter_mut().zip(&sound).zip(without) {
                    *rest -= sound - without;
                }
            }
        }
        assert!(rest.iter().all(|sample| sample.abs() < 1e-5));
        assert_eq!(occlusion.without(3, 0), sound, "there are three times");
        assert_eq!(occlusion.without(0, 8), sound, "there are eight bands");
    }

    #[test]
    fn a_tone_is_hidden_by_the_band_and_the_time_that_hold_it_and_by_no_other() {
        let occlusion = Occlusion::new(tone(1000.0, 2.0), RATE_HZ, 4000.0);
        // Half a second around the middle of the time from 0.5 to 1.0 s; cells fade within 32 ms.
        let inside = |waveform: &[f32]| energy(&waveform[4400..7600]) / energy(&tone(1000.0, 0.4));
        for band in 0..8 {
            let left = inside(&occlusion.without(1, band));
            match band {
                3 => assert!(left < 1e-4, "{left}"), // 879 to 1194 Hz
                _ => assert!((left - 1.0).abs() < 0.01, "{band}: {left}"),
            }
            assert!((inside(&occlusion.without(3, band)) - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn no_sound_has_one_time_and_stays_as_it_is() {
        for n in [0, 1, 100] {
            let occlusion = Occlusion::new(vec![0.0; n], RATE_HZ, 4000.0);
            assert_eq!(occlusion.grid().n_times(), 1);
            assert_eq!(occlusion.without(0, 0), vec![0.0; n]);
        }
    }
}
