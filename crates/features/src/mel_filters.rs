//! Mel filter banks: that of `librosa.filters.mel(htk=False, norm="slaney")` bit for bit, and those of other front ends.
//!
//! Slaney's scale (Auditory Toolbox, 1998): linear below 1 kHz with 200/3 Hz per mel, logarithmic above with 27 mels
//! per factor of 6.4. HTK's scale: `2595 log10(1 + hz / 700)`.

use crate::mel_config::{MelNorm, MelScale, MelTriangles};

const HZ_PER_MEL: f64 = 200.0 / 3.0;
const LOG_START_HZ: f64 = 1000.0;
const LOG_START_MEL: f64 = LOG_START_HZ / HZ_PER_MEL;

fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn hz_to_mel(scale: MelScale, hz: f64) -> f64 {
    match scale {
        MelScale::Slaney if hz >= LOG_START_HZ => LOG_START_MEL + (hz / LOG_START_HZ).ln() / log_step(),
        MelScale::Slaney => hz / HZ_PER_MEL,
        MelScale::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
    }
}

fn mel_to_hz(scale: MelScale, mel: f64) -> f64 {
    match scale {
        MelScale::Slaney if mel >= LOG_START_MEL => LOG_START_HZ * (log_step() * (mel - LOG_START_MEL)).exp(),
        MelScale::Slaney => HZ_PER_MEL * mel,
        MelScale::Htk => 700.0 * (10_f64.powf(mel / 2595.0) - 1.0),
    }
}

/// Edges of `n_bands` bands of equal width on Slaney's scale from 0 Hz to `f_max_hz`, Hz, `[n_bands + 1]`.
pub(crate) fn slaney_edges_hz(n_bands: usize, f_max_hz: f64) -> Vec<f64> {
    let high = hz_to_mel(MelScale::Slaney, f_max_hz);
    let edge =
        |i: usize| if i == n_bands { f_max_hz } else { mel_to_hz(MelScale::Slaney, high * i as f64 / n_bands as f64) };
    (0..=n_bands).map(edge).collect()
}

/// Triangular filters of equal area, `[n_mels, 1 + n_fft / 2]` f32 row-major: the weight of each bin of the power
/// spectrum.
///
/// `n_mels` bands cover `f_min_hz` to `f_max_hz`, both within 0 to half of `sample_rate_hz`. A filter narrower than a
/// bin may be all zeros. The result equals `librosa.filters.mel(sr, n_fft, n_mels, fmin, fmax)`.
pub fn mel_filter_bank(sample_rate_hz: u32, n_fft: usize, n_mels: usize, f_min_hz: f64, f_max_hz: f64) -> Vec<f32> {
    let (scale, norm, triangles) = (MelScale::Slaney, MelNorm::Slaney, MelTriangles::Hz);
    MelBank { sample_rate_hz, n_fft, n_mels, f_min_hz, f_max_hz, scale, norm, triangles }.filters()
}

/// The settings of a filter bank; see [`mel_filter_bank`].
pub(crate) struct MelBank {
    pub sample_rate_hz: u32,
    pub n_fft: usize,
    pub n_mels: usize,
    pub f_min_hz: f64,
    pub f_max_hz: f64,
    pub scale: MelScale,
    pub norm: MelNorm,
    pub triangles: MelTriangles,
}

impl MelBank {
    /// `[n_mels, 1 + n_fft / 2]` f32 row-major.
    pub(crate) fn filters(&self) -> Vec<f32> {
        let &Self { sample_rate_hz, n_fft, n_mels, scale, .. } = self;
        let n_bins = 1 + n_fft / 2;
        let (low, high) = (hz_to_mel(scale, self.f_min_hz), hz_to_mel(scale, self.f_max_hz));
        let step = (high - low) / (n_mels + 1) as f64;
        let edge = |i: usize| if i == n_mels + 1 { high } else { i as f64 * step + low };
        let edges_mel: Vec<f64> = (0..n_mels + 2).map(edge).collect();
        let bin_hz = 1.0 / (n_fft as f64 * (1.0 / f64::from(sample_rate_hz)));
        let mut bank = Vec::with_capacity(n_mels * n_bins);
        for edges_mel in edges_mel.windows(3) {
            let edges_hz: Vec<f64> = edges_mel.iter().map(|mel| mel_to_hz(scale, *mel)).collect();
            let area_norm = match self.norm {
                MelNorm::Slaney => 2.0 / (edges_hz[2] - edges_hz[0]),
                MelNorm::None => 1.0,
            };
            bank.extend((0..n_bins).map(|bin| {
                let hz = bin as f64 * bin_hz;
                let (at, edges) = match self.triangles {
                    MelTriangles::Hz => (hz, &edges_hz[..]),
                    MelTriangles::Mel => (hz_to_mel(scale, hz), edges_mel),
                };
                let rising = -(edges[0] - at) / (edges[1] - edges[0]);
                let falling = (edges[2] - at) / (edges[2] - edges[1]);
                // librosa keeps the ramps as float32 and multiplies in float64.
                let ramp = rising.min(falling).max(0.0) as f32;
                (f64::from(ramp) * area_norm) as f32
            }));
        }
        bank
    }
}

/// The non-zero part of each filter: its first bin and its weights from there.
pub(crate) struct SparseFilters {
    filters: Vec<(usize, Vec<f32>)>,
}

impl SparseFilters {
    /// `bank` is `[n_bands, n_bins]` row-major.
    pub(crate) fn new(bank: &[f32], n_bins: usize) -> Self {
        let filters = bank
            .chunks_exact(n_bins)
            .map(|row| {
                let first = row.iter().position(|w| *w != 0.0).unwrap_or(0);
                let last = row.iter().rposition(|w| *w != 0.0).map_or(first, |last| last + 1);
                (first, row[first..last].to_vec())
            })
            .collect();
        Self { filters }
    }

    /// Number of bands.
    pub(crate) fn len(&self) -> usize {
        self.filters.len()
    }

    /// Energy of each band, `[n_bands]` of `[LANES]`, from the power spectra of `LANES` frames, `[n_bins][LANES]`.
    pub(crate) fn apply<const LANES: usize>(&self, power: &[[f32; LANES]]) -> impl Iterator<Item = [f32; LANES]> {
        self.filters.iter().map(|(first, weights)| {
            let mut energy = [0.0; LANES];
            for (weight, power) in weights.iter().zip(&power[*first..]) {
                for (energy, power) in energy.iter_mut().zip(power) {
                    *energy += weight * power;
                }
            }
            energy
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_matches_librosa() {
        // librosa.hz_to_mel([0, 500, 1000, 4000])
        for (hz, mel) in [(0.0, 0.0), (500.0, 7.5), (1000.0, 15.0), (4000.0, 35.163_760_314_616)] {
            assert!((hz_to_mel(MelScale::Slaney, hz) - mel).abs() < 1e-9, "{hz}");
            assert!((mel_to_hz(MelScale::Slaney, mel) - hz).abs() < 1e-9, "{mel}");
        }
    }

    #[test]
    fn htks_scale_matches_librosa() {
        // librosa.hz_to_mel([0, 700, 4000], htk=True)
        for (hz, mel) in [(0.0, 0.0), (700.0, 781.172_838_748_03), (4000.0, 2_146.064_527_506_05)] {
            assert!((hz_to_mel(MelScale::Htk, hz) - mel).abs() < 1e-6, "{hz}");
            assert!((mel_to_hz(MelScale::Htk, mel) - hz).abs() < 1e-6, "{mel}");
        }
    }

    #[test]
    fn filters_between_two_frequencies_match_librosa() {
        // librosa.filters.mel(sr=16000, n_fft=512, n_mels=64, fmin=125.0, fmax=7500.0) of librosa 0.11
        let bank = mel_filter_bank(16_000, 512, 64, 125.0, 7500.0);
        assert_eq!(bank.iter().filter(|w| **w != 0.0).count(), 459);
        for (band, bin, peak) in [(0, 5, 0.016_499_616), (31, 55, 0.010_841_025), (63, 229, 0.002_962_205_8)] {
            let filter = &bank[band * 257..][..257];
            let highest = filter.iter().copied().fold(0.0, f32::max);
            assert!(filter[bin] == highest && (highest / peak - 1.0).abs() < 1e-6, "{band}: {highest}");
        }
    }

    #[test]
    fn sparse_filters_give_the_energies_of_the_full_bank() {
        let bank = mel_filter_bank(8000, 1024, 128, 0.0, 4000.0);
        assert_eq!(bank.iter().filter(|w| **w != 0.0).count(), 1011, "librosa 0.11 has as many");
        let power: Vec<f32> = (0..513).map(|i| (i % 7) as f32).collect();
        let lanes: Vec<[f32; 2]> = power.iter().map(|power| [*power, 2.0 * power]).collect();
        let sparse: Vec<[f32; 2]> = SparseFilters::new(&bank, 513).apply(&lanes).collect();
        for (row, energy) in bank.chunks_exact(513).zip(sparse) {
            let full: f32 = row.iter().zip(&power).map(|(w, p)| w * p).sum();
            assert!((full - energy[0]).abs() <= 1e-6 * full);
            assert_eq!(energy[1], 2.0 * energy[0]);
        }
    }
}
