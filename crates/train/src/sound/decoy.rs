//! Decoys: recordings of a cry with the cry removed.
//!
//! Room, microphone and codec remain. Without decoys a gate could learn to distinguish recordings from synthetic sounds instead
//! of cries from other sounds. Decoys are made from training recordings only.

use std::collections::HashMap;

use features::{hann, hann_weights};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

/// Changes whenever the same draws give other decoys than before: cache keys and run identities contain it.
pub(crate) const DECOYS_VERSION: u32 = 1;

/// A decoy of `cry`, a waveform at `rate_hz`, of the same length: a low voice, laughter-like bursts, or noise with the same
/// spectrum.
pub(crate) fn decoy<R: Rng>(cry: &[f32], rate_hz: u32, rng: &mut R) -> Vec<f32> {
    let rate_hz = f64::from(rate_hz);
    if cry.is_empty() {
        return Vec::new();
    }
    match rng.random_range(0..3) {
        0 => low_voice(cry, rate_hz, rng),
        1 => bursts(cry, rate_hz, rng),
        _ => grains(cry, rate_hz, rng),
    }
}

/// The cry at 0.3 to 0.55 of its speed, so that a baby's pitch becomes an adult's; half of the voices are cut into 2 to 6
/// syllables per second.
fn low_voice<R: Rng>(cry: &[f32], rate_hz: f64, rng: &mut R) -> Vec<f32> {
    let speed = rng.random_range(0.3..0.55);
    let start = rng.random_range(0.0..1.0 - speed) * cry.len() as f64;
    let at = |position: f64| {
        let (index, share) = (position as usize, position.fract() as f32);
        let sample = |index: usize| cry.get(index).copied().unwrap_or(0.0);
        (1.0 - share) * sample(index) + share * sample(index + 1)
    };
    let mut voice: Vec<f32> = (0..cry.len()).map(|i| at(start + speed * i as f64)).collect();
    if rng.random() {
        let (mut at, per_second) = (0, rng.random_range(2.0..6.0));
        while at < voice.len() {
            let length = (rng.random_range(0.6..1.4) * rate_hz / per_second) as usize + 1;
            let loud: f64 = if rng.random_bool(0.15) { 0.0 } else { rng.random_range(0.4..1.0) };
            for (sample, weight) in voice[at..].iter_mut().zip(hann_weights(length)) {
                *sample *= (loud * weight.powf(0.6)) as f32;
            }
            at += length;
        }
    }
    voice
}

/// Bouts of 3 to 12 bursts of 50 to 130 ms, 3.8 to 6.2 per second, each from another moment of the cry.
fn bursts<R: Rng>(cry: &[f32], rate_hz: f64, rng: &mut R) -> Vec<f32> {
    let mut laughter = vec![0.0; cry.len()];
    let mut at = (rng.random_range(0.0..0.6) * rate_hz) as usize;
    while at < cry.len() {
        let per_second = rng.random_range(3.8..6.2);
        let mut from = loud_moment(cry, rng);
        for _ in 0..rng.random_range(3..=12) {
            let length = (rng.random_range(0.05..0.13) * rate_hz) as usize + 1;
            add_window(&mut laughter, at, cry, from, &hann(length), 1.0);
            at += (rng.random_range(0.9..1.1) * rate_hz / per_second) as usize;
            from = if rng.random() { from + length } else { loud_moment(cry, rng) };
        }
        at += (rng.random_range(0.2..1.2) * rate_hz) as usize;
    }
    laughter
}

/// Grains of 20 to 60 ms from random moments of the cry, 400 per second, with random sign: noise with its spectrum but not its
/// envelope.
fn grains<R: Rng>(cry: &[f32], rate_hz: f64, rng: &mut R) -> Vec<f32> {
    let mut noise = vec![0.0; cry.len()];
    // There are far more grains than lengths.
    let mut windows: HashMap<usize, Vec<f32>> = HashMap::new();
    for _ in 0..(400.0 * cry.len() as f64 / rate_hz) as usize {
        let length = (rng.random_range(0.02..0.06) * rate_hz) as usize + 1;
        let (at, from) = (rng.random_range(0..cry.len()), rng.random_range(0..cry.len()));
        let window = windows.entry(length).or_insert_with(|| hann(length));
        add_window(&mut noise, at, cry, from, window, *[1.0, -1.0].choose(rng).unwrap_or(&1.0));
    }
    noise
}

/// The loudest of four random moments, as a sample index.
fn loud_moment<R: Rng>(cry: &[f32], rng: &mut R) -> usize {
    let moments = [(); 4].map(|()| rng.random_range(0..cry.len()));
    let level = |at: usize| cry[at..].iter().take(400).map(|x| f64::from(x * x)).sum::<f64>();
    moments.into_iter().max_by(|a, b| level(*a).total_cmp(&level(*b))).unwrap_or(0)
}

/// Adds `cry` from `from` on to `sound` at `at`, under `window`.
fn add_window(sound: &mut [f32], at: usize, cry: &[f32], from: usize, window: &[f32], gain: f32) {
    let pieces = sound.iter_mut().skip(at).zip(cry.iter().skip(from));
    for ((sample, piece), weight) in pieces.zip(window) {
        *sample += gain * weight * piece;
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use experiment::seed;

    const RATE_HZ: f64 = 8000.0;

    /// A harmonic tone of 500 Hz in the first half of a clip, then silence.
    fn cry() -> Vec<f32> {
        let sample = |i: usize| {
            let t = i as f64 / RATE_HZ;
            let harmonics = (1..=4).map(|n| (TAU * 500.0 * f64::from(n) * t).sin() / f64::from(n));
            if i < 28_000 { 0.3 * harmonics.sum::<f64>() as f32 } else { 0.0 }
        };
        (0..56_000).map(sample).collect()
    }

    fn power(sound: &[f32]) -> f64 {
        sound.iter().map(|x| f64::from(*x).powi(2)).sum()
    }

    #[test]
    fn a_decoy_has_the_length_of_the_cry_and_depends_only_on_the_seed() {
        let cry = cry();
        for length in [0, 1, 2, 700, cry.len()] {
            for number in 0..12 {
                let make = || decoy(&cry[..length], 8000, &mut seed::generator(number, &["decoy"]));
                assert_eq!(make().len(), length);
                assert!(make() == make() && make().iter().all(|x| x.is_finite()), "{length}, {number}");
            }
        }
    }

    #[test]
    fn voices_are_lower_bursts_have_gaps_and_grains_are_stationary() {
        let cry = cry();
        for number in 0..8 {
            let rng = &mut seed::generator(number, &["decoy"]);
            let voice = low_voice(&cry, RATE_HZ, rng);
            let crossings = |sound: &[f32]| sound.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
            let sounding = voice.iter().rposition(|x| *x != 0.0).unwrap_or(0) + 1;
            let pitch_hz = crossings(&voice) as f64 / (sounding as f64 / RATE_HZ);
            assert!(pitch_hz < 0.6 * 500.0, "{number}: {pitch_hz} Hz");

            let silent = bursts(&cry, RATE_HZ, rng).iter().filter(|x| **x == 0.0).count();
            assert!((0.3..0.95).contains(&(silent as f64 / cry.len() as f64)), "{number}: {silent} samples are silent");

            let noise = grains(&cry, RATE_HZ, rng);
            let (early, late) = noise.split_at(28_000);
            assert!((0.7..1.4).contains(&(power(early) / power(late))), "{number}");
        }
    }
}
