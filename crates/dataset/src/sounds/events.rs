//! Tones, alarms, impacts, water, wind and traffic.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::endless::{Endless, fill};
use crate::signal::{LowPass, RATE, Resonator, Sine, add, log_uniform, noise, samples};

/// One to three steady tones, which may beat or throb.
pub(super) fn tone(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let (mut throb, throb_hz, depth) = (Sine::new(rng), log_uniform(rng, 0.3, 15.0), rng.random_range(0.0..0.8));
    let mut tones: Vec<(f64, f64, Sine)> = (0..rng.random_range(1..=3))
        .map(|_| (log_uniform(rng, 60.0, 3800.0), rng.random_range(0.2..1.0), Sine::new(rng)))
        .collect();
    sound.fill_with(|| {
        let tones: f64 = tones.iter_mut().map(|(hz, level, sine)| *level * sine.next(*hz)).sum();
        tones * (1.0 - depth * (0.5 + 0.5 * throb.next(throb_hz)))
    });
}

/// A tone that glides between two pitches, once or repeatedly, like a siren.
pub(super) fn sweep(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let (low_hz, high_hz) = (log_uniform(rng, 80.0, 900.0), log_uniform(rng, 1000.0, 3800.0));
    let (period, both_ways) = (samples(log_uniform(rng, 0.3, 8.0)), rng.random_bool(0.6));
    let (mut sine, overtone) = (Sine::new(rng), rng.random_range(0.0..0.5));
    let mut octave = Sine::new(rng);
    for (i, sample) in sound.iter_mut().enumerate() {
        let x = (i % period) as f64 / period as f64;
        let up = if both_ways { 1.0 - (2.0 * x - 1.0).abs() } else { x };
        let hz = low_hz * (high_hz / low_hz).powf(up);
        *sample = sine.next(hz) + if hz < 1900.0 { overtone * octave.next(2.0 * hz) } else { 0.0 };
    }
}

/// Alarms, telephones, appliances: short tones at regular intervals, in groups.
pub(super) fn beeps(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let pitches_hz = [(); 3].map(|()| log_uniform(rng, 400.0, 3500.0));
    let n_pitches = rng.random_range(1..=3);
    let (length, distance) = (samples(log_uniform(rng, 0.04, 0.6)), rng.random_range(1.2..3.0));
    let (in_group, hardness) = (rng.random_range(1..=4), rng.random_range(1.0..6.0_f64));
    let pause = samples(rng.random_range(0.2..1.5));
    let (mut at, mut count) = (0, 0);
    while at < sound.len() {
        let (mut sine, hz) = (Sine::new(rng), pitches_hz[count % n_pitches]);
        add(sound, at, length, |x| {
            (hardness * sine.next(hz)).tanh() * (x / 0.05).min(1.0) * ((1.0 - x) / 0.1).clamp(0.0, 1.0)
        });
        at += (length as f64 * distance) as usize;
        count += 1;
        if count % in_group == 0 {
            at += pause;
        }
    }
}

/// Clicks of switches, clocks and keys, at regular or random intervals.
pub(super) fn clicks(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let (per_second, even) = (log_uniform(rng, 0.7, 12.0), rng.random_bool(0.4));
    let pitch_hz = log_uniform(rng, 800.0, 3800.0);
    let mut at = samples(rng.random_range(0.0..0.5));
    while at < sound.len() {
        let (fade_hz, level) = (log_uniform(rng, 200.0, 1500.0), rng.random_range(0.3..1.0));
        strike(rng, sound, at, &[(pitch_hz, fade_hz)], level);
        at += samples(if even { 1.0 } else { -rng.random_range(1e-3..1.0_f64).ln() } / per_second).max(1);
    }
}

/// Knocks on wood, footsteps, falling objects: a few low modes that decay fast.
pub(super) fn knocks(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let body = [(); 3].map(|()| (log_uniform(rng, 80.0, 1200.0), log_uniform(rng, 15.0, 120.0)));
    let mut at = samples(rng.random_range(0.0..0.8));
    while at < sound.len() {
        let distance = log_uniform(rng, 0.1, 0.6);
        for _ in 0..rng.random_range(1..=5) {
            let level = rng.random_range(0.4..1.0);
            strike(rng, sound, at, &body, level);
            at += samples(distance * rng.random_range(0.9..1.1));
        }
        at += samples(rng.random_range(0.3..2.5));
    }
}

/// Paper, plastic bags, fire, touching the microphone: very many small clicks of varying density.
pub(super) fn rustle(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let (mut swell, swell_hz) = (Sine::new(rng), log_uniform(rng, 0.2, 3.0));
    let (share, mut low_pass) = (log_uniform(rng, 0.003, 0.2), LowPass::new(log_uniform(rng, 800.0, 3900.0)));
    sound.fill_with(|| {
        let loud = (0.5 + 0.5 * swell.next(swell_hz)).powi(2);
        let click = if rng.random_bool(share * loud) { noise(rng) } else { 0.0 };
        low_pass.filter(click)
    });
}

/// A struck body. `modes` are its frequencies and their bandwidths, Hz; a larger bandwidth decays faster.
fn strike(rng: &mut ChaCha8Rng, sound: &mut [f64], at: usize, modes: &[(f64, f64)], level: f64) {
    let push = samples(0.002);
    let mut modes: Vec<Resonator> = modes.iter().map(|(hz, width)| Resonator::new(*hz, *width)).collect();
    for (i, sample) in sound.iter_mut().skip(at).take(samples(0.5)).enumerate() {
        let force = if i < push { level * noise(rng) } else { 0.0 };
        *sample += 0.3 * force + modes.iter_mut().map(|mode| mode.filter(20.0 * force)).sum::<f64>();
    }
}

/// Dripping or running water: bubbles, each a decaying sine of rising pitch (Minnaert 1933).
pub(super) fn water(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let per_second = log_uniform(rng, 2.0, 200.0);
    let (low_hz, spread) = (log_uniform(rng, 300.0, 900.0), rng.random_range(1.5..4.0));
    let mut at = 0;
    while at < sound.len() {
        let hz = log_uniform(rng, low_hz, low_hz * spread);
        let (level, fade, rise) =
            (log_uniform(rng, 0.05, 1.0), log_uniform(rng, 20.0, 120.0), rng.random_range(0.0..1.0));
        let length = samples(6.0 / fade);
        let seconds = length as f64 / RATE;
        let mut sine = Sine::new(rng);
        add(sound, at, length, |x| level * (-fade * seconds * x).exp() * sine.next(hz * (1.0 + rise * x)));
        at += samples(-rng.random_range(1e-3..1.0_f64).ln() / per_second).max(1);
    }
    let (mut low_pass, level) = (LowPass::new(2500.0), log_uniform(rng, 0.001, 0.1));
    sound.iter_mut().for_each(|sample| *sample += level * low_pass.filter(noise(rng)));
}

/// Rain: a dense noise of drops with louder ones among them.
pub(super) fn rain(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let rain = endless_rain(rng);
    fill(rng, sound, rain);
}

/// [`rain`] without an end.
pub(super) fn endless_rain(rng: &mut ChaCha8Rng) -> Endless {
    let (mut low_pass, share) = (LowPass::new(log_uniform(rng, 1000.0, 3900.0)), log_uniform(rng, 0.0005, 0.02));
    Box::new(move |rng| {
        let drop = if rng.random_bool(share) { 6.0 * noise(rng) } else { 0.0 };
        low_pass.filter(0.3 * noise(rng) + drop)
    })
}

/// Wind and waves: noise around a slowly wandering frequency, with swells.
pub(super) fn wind(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let centre_hz = log_uniform(rng, 120.0, 1200.0);
    let mut sways = [(); 3].map(|()| (Sine::new(rng), log_uniform(rng, 0.07, 1.5)));
    let mut past = [0.0; 2];
    sound.fill_with(|| {
        let [a, b, c] = &mut sways;
        let hz = centre_hz * (1.0 + 0.4 * a.0.next(a.1) + 0.2 * b.0.next(b.1));
        // A resonator of changing frequency: its two poles are recomputed for each sample.
        let (radius, angle) = (0.97, TAU * hz / RATE);
        let out = 0.03 * noise(rng) + 2.0 * radius * angle.cos() * past[0] - radius * radius * past[1];
        past = [out, past[0]];
        out * (0.6 + 0.4 * c.0.next(c.1))
    });
}

/// Passing cars: low noise that swells and fades, brighter when near.
pub(super) fn traffic(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let mut far = LowPass::new(log_uniform(rng, 100.0, 500.0));
    sound.fill_with(|| 0.3 * far.filter(noise(rng)));
    for _ in 0..rng.random_range(1..=3) {
        let length = samples(rng.random_range(1.5..6.0));
        let at = rng.random_range(0..sound.len());
        let (mut dull, mut bright) = (LowPass::new(300.0), LowPass::new(log_uniform(rng, 800.0, 3000.0)));
        let (mut motor, motor_hz) = (Sine::new(rng), log_uniform(rng, 50.0, 200.0));
        add(sound, at.saturating_sub(length / 2), length, |x| {
            let near = (1.0 - (2.0 * x - 1.0).abs()).powi(2);
            let white = noise(rng);
            let pitch = motor_hz * (1.06 - 0.12 * x); // Doppler at 70 km/h
            near * (dull.filter(white) + near * bright.filter(white) + 0.1 * motor.next(pitch))
        });
    }
}
