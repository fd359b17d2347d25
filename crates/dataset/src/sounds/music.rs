//! Music: plucked chords, melodies, drums, music boxes.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::signal::{LowPass, RATE, Sine, Source, add, envelope, log_uniform, noise, samples};

/// Semitones of the scale of melodies and chords.
const MAJOR: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];

/// Frequency of the note `degree` steps of the scale above `tonic_hz`, Hz.
fn pitch_hz(tonic_hz: f64, degree: usize) -> f64 {
    let semitones = MAJOR[degree % 7] + 12 * (degree / 7) as i32;
    tonic_hz * 2_f64.powf(f64::from(semitones) / 12.0)
}

/// Chords on plucked strings (Karplus and Strong 1983), played at once or strummed.
pub(super) fn plucked_chords(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let tonic_hz = log_uniform(rng, 80.0, 220.0);
    let beat = samples(log_uniform(rng, 0.25, 1.2));
    let (strum, fade) = (samples(rng.random_range(0.0..0.04)), rng.random_range(0.985..0.999));
    let mut at = 0;
    while at < sound.len() {
        let root = rng.random_range(0..7);
        for (voice, step) in [0, 2, 4, 7].into_iter().enumerate() {
            let mut string: Vec<f64> = vec![0.0; (RATE / pitch_hz(tonic_hz, root + step)).round().max(2.0) as usize];
            string.fill_with(|| noise(rng));
            for (i, sample) in sound.iter_mut().skip(at + voice * strum).take(4 * beat).enumerate() {
                let here = i % string.len();
                let out = string[here];
                string[here] = fade * 0.5 * (out + string[(i + 1) % string.len()]);
                *sample += 0.3 * out;
            }
        }
        at += beat * rng.random_range(1..=2);
    }
}

/// A melody on a flute, a violin or an organ: harmonics with vibrato.
pub(super) fn melody(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let tonic_hz = log_uniform(rng, 130.0, 700.0);
    let (beat_seconds, fall) = (log_uniform(rng, 0.15, 0.7), rng.random_range(0.2..0.7_f64));
    let (vibrato_hz, vibrato, attack) =
        (rng.random_range(4.5..7.0), rng.random_range(0.0..0.015), rng.random_range(0.02..0.3));
    let (mut at, mut degree) = (0, rng.random_range(0..7));
    while at < sound.len() {
        let length = samples(beat_seconds * f64::from(rng.random_range(1..=4)));
        let (hz, mut shake) = (pitch_hz(tonic_hz, degree), Sine::new(rng));
        let mut harmonics = [(); 8].map(|()| Sine::new(rng));
        add(sound, at, length, |x| {
            let hz = hz * (1.0 + vibrato * shake.next(vibrato_hz));
            let harmonics = harmonics.iter_mut().enumerate().filter(|(n, _)| (*n as f64 + 1.0) * hz < 3900.0);
            let note: f64 = harmonics.map(|(n, sine)| fall.powi(n as i32) * sine.next((n as f64 + 1.0) * hz)).sum();
            note * envelope(x, attack)
        });
        at += length;
        degree = (degree as i32 + rng.random_range(-2..=2)).clamp(0, 10) as usize;
    }
}

/// A drum kit: bass drum, snare and hi-hat in a repeated pattern.
pub(super) fn drums(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let beat = samples(log_uniform(rng, 0.12, 0.35));
    let pattern: Vec<(bool, bool, bool)> =
        (0..8).map(|i| (i % 4 == 0 || rng.random_bool(0.15), i % 4 == 2, rng.random_bool(0.7))).collect();
    let levels = [(); 3].map(|()| rng.random_range(0.2..1.0));
    for (index, at) in (0..sound.len()).step_by(beat).enumerate() {
        let (bass, snare, hat) = pattern[index % pattern.len()];
        let mut sine = Sine::new(rng);
        if bass {
            add(sound, at, samples(0.25), |x| {
                2.0 * levels[0] * (-6.0 * x).exp() * sine.next(45.0 + 120.0 * (-12.0 * x).exp())
            });
        }
        if snare {
            add(sound, at, samples(0.2), |x| levels[1] * (-7.0 * x).exp() * (noise(rng) + 0.5 * sine.next(190.0)));
        }
        if hat {
            let mut low = LowPass::new(2500.0);
            add(sound, at, samples(0.06), |x| {
                let white = noise(rng);
                0.6 * levels[2] * (-6.0 * x).exp() * (white - low.filter(white))
            });
        }
    }
}

/// A music box or chimes: high notes, each with a few inharmonic partials that decay.
pub(super) fn music_box(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let tonic_hz = log_uniform(rng, 400.0, 1100.0);
    let (beat_seconds, fade) = (log_uniform(rng, 0.15, 0.6), log_uniform(rng, 1.5, 8.0));
    let mut at = 0;
    while at < sound.len() {
        let (hz, length) = (pitch_hz(tonic_hz, rng.random_range(0..10)), samples(6.0 / fade));
        let level = rng.random_range(0.4..1.0);
        let seconds = length as f64 / RATE;
        for (ratio, share) in [(1.0, 1.0), (2.76, 0.4), (5.4, 0.2)] {
            if ratio * hz < 3900.0 {
                add(sound, at, length, |x| {
                    let t = seconds * x;
                    level * share * (-fade * ratio.sqrt() * t).exp() * (TAU * ratio * hz * t).sin()
                });
            }
        }
        at += samples(beat_seconds * f64::from(rng.random_range(1..=2)));
    }
}

/// A band on the radio: bass, chords and drums together.
pub(super) fn band(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    plucked_chords(rng, sound);
    drums(rng, sound);
    let (tonic_hz, beat) = (log_uniform(rng, 50.0, 110.0), samples(log_uniform(rng, 0.2, 0.5)));
    for at in (0..sound.len()).step_by(beat) {
        let (mut string, mut dull) = (Source::new(pitch_hz(tonic_hz, rng.random_range(0..5))), LowPass::new(500.0));
        add(sound, at, beat, |x| envelope(x, 0.05) * dull.filter(string.next(1.0, 0.0, rng)));
    }
}
