//! Excerpts of training recordings for the gate: of a cry, and of a decoy of it.

use dataset::sounds::{KINDS, Kind, SAMPLE_RATE_HZ};
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
    let (part, kind) = part_and_kind(waveform, rate_hz, rng);
    let mut cry = part.to_vec();
    if let Some(kind) = kind {
        let seconds = cry.len() as f64 / f64::from(rate_hz);
        let sound = extractor.at_own_rate(&kind.render(rng.random(), seconds), SAMPLE_RATE_HZ);
        let below = 10_f64.powf(-rng.random_range(BELOW_DB) / 20.0);
        let gain = below * (energy(&cry) / energy(&sound).max(1e-12)).sqrt();
        cry.iter_mut().zip(sound).for_each(|(sample, other)| *sample += gain as f32 * other);
    }
    cry
}

/// The kind of sound that [`part_of_cry`] mixes over the excerpt, with the same generator.
pub(super) fn kind_over_cry(extractor: &Extractor, waveform: &[f32], rng: &mut ChaCha8Rng) -> Option<&'static Kind> {
    part_and_kind(waveform, extractor.config().waveform_rate_hz(), rng).1
}

/// Draws an excerpt of a cry and, in half of the cases, the kind of sound to mix over it.
fn part_and_kind<'a>(waveform: &'a [f32], rate_hz: u32, rng: &mut ChaCha8Rng) -> (&'a [f32], Option<&'static Kind>) {
    let part = loudest_part(waveform, rate_hz, rng);
    let kind = rng.random::<bool>().then(|| &KINDS[rng.random_range(0..KINDS.len())]);
    (part, kind)
}

/// An excerpt of a decoy of a cry.
pub(super) fn part_of_decoy(extractor: &Extractor, waveform: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
    let rate_hz = extractor.config().waveform_rate_hz();
    let decoy = decoy(waveform, rate_hz, rng);
    loudest_part(&decoy, rate_hz, rng).to_vec()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use features::FeatureConfig;
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn half_of_the_cries_have_a_sound_of_the_drawn_kind_over_them() {
        let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
        let cry: Vec<f32> = (0..40_000).map(|i| (i as f32 / 9.0).sin()).collect();
        let rate_hz = extractor.config().waveform_rate_hz();
        let (mut mixed, n) = (0, 200);
        for seed in 0..n {
            let rng = || ChaCha8Rng::seed_from_u64(seed);
            let kind = kind_over_cry(&extractor, &cry, &mut rng());
            let silent = kind.is_none_or(|kind| kind.family == "silence");
            let (part, excerpt) =
                (part_of_cry(&extractor, &cry, &mut rng()), loudest_part(&cry, rate_hz, &mut rng()).to_vec());
            assert!(silent || part != excerpt, "seed {seed}: {:?}", kind.map(|kind| kind.name));
            assert!(kind.is_some() || part == excerpt, "seed {seed}");
            mixed += usize::from(kind.is_some());
        }
        // Five standard deviations of a binomial around 100.
        assert!((65..=135).contains(&mixed), "{mixed} of {n}");
    }
}
