//! Excerpts of a waveform.

use rand::{Rng, RngExt};

/// Shortest excerpt, s.
pub(crate) const SHORTEST_SECONDS: f64 = 1.5;

/// An excerpt of random length, at least [`SHORTEST_SECONDS`], of a waveform at `rate_hz`: the loudest of three random places,
/// so that it is not a pause.
pub(crate) fn loudest_part<'a, R: Rng>(waveform: &'a [f32], rate_hz: u32, rng: &mut R) -> &'a [f32] {
    let rate_hz = f64::from(rate_hz);
    let seconds = waveform.len() as f64 / rate_hz;
    let length = (rng.random_range(SHORTEST_SECONDS.min(seconds)..=seconds) * rate_hz) as usize;
    let starts = [(); 3].map(|()| rng.random_range(0..=waveform.len() - length));
    let draws = starts.map(|start| &waveform[start..start + length]);
    draws.into_iter().max_by(|a, b| energy(a).total_cmp(&energy(b))).unwrap_or(waveform)
}

/// Sum of squares.
pub(crate) fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|x| f64::from(*x).powi(2)).sum()
}
