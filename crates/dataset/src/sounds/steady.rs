//! Steady sounds: silence, noise, hum, machines.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::endless::{Endless, fill};
use super::events;
use crate::signal::{LowPass, Noise, Resonator, Sine, Source, log_uniform, noise};

/// A constant: 0, or the DC offset of a microphone.
pub(super) fn digital_silence(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let level = if rng.random_bool(0.5) { 0.0 } else { 0.01 * noise(rng) };
    sound.fill(level);
}

/// Only the rounding noise of a converter: -1, 0 or 1 of 32,768.
pub(super) fn dithered_silence(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let share = log_uniform(rng, 0.01, 1.0);
    sound.fill_with(|| if rng.random_bool(share) { f64::from(rng.random_range(-1..=1)) / 32_768.0 } else { 0.0 });
}

/// A quiet room: low-passed noise of any colour, hum, microphone hiss and sometimes faint knocks or ticks, rounded to
/// 16 bits.
pub(super) fn room(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let (mut air, mut low_pass) = (Noise::any(rng), LowPass::new(log_uniform(rng, 100.0, 3000.0)));
    let (mut sine, hum_hz, hum) = (Sine::new(rng), hum_hz(rng), log_uniform(rng, 0.003, 0.3));
    let (level, hiss) = (log_uniform(rng, 1e-4, 0.1), log_uniform(rng, 0.003, 1.0));
    if rng.random_bool(0.4) {
        if rng.random() {
            events::knocks(rng, sound)
        } else {
            events::clicks(rng, sound)
        }
        let faint = log_uniform(rng, 0.3, 10.0);
        sound.iter_mut().for_each(|sample| *sample *= faint);
    }
    for sample in sound {
        *sample += low_pass.filter(air.next(rng)) + hum * sine.next(hum_hz) + hiss * noise(rng);
        *sample = (32_768.0 * level * *sample).round() / 32_768.0;
    }
}

/// White noise.
pub(super) fn white_noise(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    sound.fill_with(|| Noise::White.next(rng));
}

/// Pink noise.
pub(super) fn pink_noise(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    fill(rng, sound, endless_noise(Noise::pink()));
}

/// Brown noise.
pub(super) fn brown_noise(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    fill(rng, sound, endless_noise(Noise::brown()));
}

/// Noise of one colour.
pub(super) fn endless_noise(mut noise: Noise) -> Endless {
    Box::new(move |rng| noise.next(rng))
}

/// Noise around one to three frequencies: hissing valves, air, bad radios.
pub(super) fn hiss(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let mut bands: Vec<Resonator> = (0..rng.random_range(1..=3))
        .map(|_| Resonator::new(log_uniform(rng, 200.0, 3800.0), log_uniform(rng, 100.0, 1500.0)))
        .collect();
    sound.fill_with(|| {
        let white = noise(rng);
        0.1 * white + bands.iter_mut().map(|band| band.filter(white)).sum::<f64>()
    });
}

/// Mains hum: 50 or 60 Hz and its harmonics.
pub(super) fn mains_hum(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let hum = endless_hum(rng);
    fill(rng, sound, hum);
}

/// [`mains_hum`] without an end.
pub(super) fn endless_hum(rng: &mut ChaCha8Rng) -> Endless {
    let hz = hum_hz(rng);
    let fall = rng.random_range(0.5..0.98_f64);
    let mut harmonics: Vec<(f64, f64, Sine)> =
        (1..=20).map(|n| (f64::from(n) * hz, fall.powi(n) * rng.random_range(0.05..1.0), Sine::new(rng))).collect();
    Box::new(move |_| harmonics.iter_mut().map(|(hz, level, sine)| *level * sine.next(*hz)).sum())
}

/// A fan: noise of the air with the tone of the blades.
pub(super) fn fan(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let fan = endless_fan(rng);
    fill(rng, sound, fan);
}

/// [`fan`] without an end.
pub(super) fn endless_fan(rng: &mut ChaCha8Rng) -> Endless {
    let (mut air, mut low_pass) = (Noise::pink(), LowPass::new(log_uniform(rng, 300.0, 2500.0)));
    let (mut blades, mut turn) = (Source::new(log_uniform(rng, 20.0, 150.0)), Sine::new(rng));
    let (level, turn_hz, depth) = (log_uniform(rng, 0.02, 0.5), log_uniform(rng, 0.1, 6.0), rng.random_range(0.0..0.4));
    Box::new(move |rng| {
        let swell = 1.0 - depth * (0.5 + 0.5 * turn.next(turn_hz));
        swell * low_pass.filter(air.next(rng) + level * blades.next(1.0, 0.002, rng))
    })
}

/// Vacuum cleaners, hair dryers, mixers: a whining motor and the noise of its air. The motor may speed up at the start.
pub(super) fn vacuum(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let mut motor = Source::new(log_uniform(rng, 120.0, 900.0));
    let mut body = [(); 3].map(|()| Resonator::new(log_uniform(rng, 300.0, 3500.0), log_uniform(rng, 80.0, 400.0)));
    let (mut air, level) = (Noise::pink(), log_uniform(rng, 0.05, 1.0));
    let (rise, n) = (rng.random_range(0.0..0.3), sound.len() as f64);
    for (i, sample) in sound.iter_mut().enumerate() {
        let x = i as f64 / n;
        let speed = if x < rise { 0.4 + 0.6 * x / rise } else { 1.0 };
        let whine = motor.next(speed, 0.003, rng);
        let ringing = body.iter_mut().map(|body| body.filter(whine)).sum::<f64>();
        *sample = speed * (level * (0.3 * whine + ringing) + air.next(rng));
    }
}

/// An idling engine: pulses through a resonant body.
pub(super) fn engine(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let mut pulses = Source::new(log_uniform(rng, 12.0, 90.0));
    let mut body = [(); 3].map(|()| Resonator::new(log_uniform(rng, 60.0, 1500.0), log_uniform(rng, 40.0, 300.0)));
    let (mut air, mut sway) = (Noise::brown(), Sine::new(rng));
    let (level, sway_hz, depth) = (log_uniform(rng, 0.05, 0.7), log_uniform(rng, 0.1, 2.0), rng.random_range(0.0..0.3));
    sound.fill_with(|| {
        let pulse = pulses.next(1.0 + depth * sway.next(sway_hz), 0.03, rng);
        body.iter_mut().map(|body| body.filter(pulse)).sum::<f64>() + 0.05 * pulse + level * air.next(rng)
    });
}

fn hum_hz(rng: &mut ChaCha8Rng) -> f64 {
    if rng.random() { 50.0 } else { 60.0 }
}
