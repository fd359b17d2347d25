//! Excerpts of training recordings for the gate: of a cry, and of a decoy of it.

use dataset::sounds::{KINDS, SAMPLE_RATE_HZ};
use features::Extractor;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::sound::decoy::decoy;
use crate::sound::excerpt::{energy, loudest_part};

/// Level of a sound mixed over a cry, dB below the cry: from barely audible to nearly as loud.
const BELOW_DB: std::ops::Range<f64> = 3.0..30.0;

/// An excerpt of a cry; in half of the cases another sound is mixed over it, since a cry over noise is a cry.
pub(super) fn part_of_cry(extractor: &Extractor, waveform: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
    let rate_hz = extractor.config().waveform_rate_hz();
    let mut cry = loudest_part(waveform, rate_hz, rng).to_vec();
    if rng.random() {
        let kind = &KINDS[rng.random_range(0..KINDS.len())];
        let seconds = cry.len() as f64 / f64::from(rate_hz);
        let sound = extractor.at_own_rate(&kind.render(rng.random(), seconds), SAMPLE_RATE_HZ);
        let below = 10_f64.powf(-rng.random_range(BELOW_DB) / 20.0);
        let gain = below * (energy(&cry) / energy(&sound).max(1e-12)).sqrt();
        cry.iter_mut().zip(sound).for_each(|(sample, other)| *sample += gain as f32 * other);
    }
    cry
}

/// An excerpt of a decoy of a cry.
pub(super) fn part_of_decoy(extractor: &Extractor, waveform: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
    let rate_hz = extractor.config().waveform_rate_hz();
    let decoy = decoy(waveform, rate_hz, rng);
    loudest_part(&decoy, rate_hz, rng).to_vec()
}
