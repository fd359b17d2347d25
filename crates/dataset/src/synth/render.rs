//! Renders a planned recording: bursts of a voice with breath noise through formants, inhalations between them, and the
//! microphone of the recorder.

use std::f64::consts::TAU;
use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::plan::{Baby, PlannedRecording};
use super::voice::ClassVoice;
use crate::signal::{LowPass, RATE, Source, Tract, envelope, noise};

/// Formants of an infant vocal tract: centre and bandwidth, Hz.
const FORMANTS_HZ: [(f64, f64); 3] = [(1050.0, 120.0), (2450.0, 200.0), (3500.0, 300.0)];

/// Mono samples at [`RATE`], within ±1, 6 to 7.5 s long.
pub(crate) fn render(recording: &PlannedRecording) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(recording.seed);
    let n_samples = (rng.random_range(6.0..7.5) * RATE) as usize;
    let mut samples = vec![0.0; n_samples];
    cry(&mut rng, &mut samples, &recording.recorder.baby, recording.class);
    through_microphone(&mut samples, recording, &mut rng);
    samples
}

/// Fills silent `samples` with bursts of crying and the inhalations before them. Returns where the bursts are; the last one may be
/// cut off.
pub(crate) fn cry(rng: &mut ChaCha8Rng, samples: &mut [f64], baby: &Baby, class: &ClassVoice) -> Vec<Range<usize>> {
    let n_samples = samples.len();
    let mut bursts = Vec::new();
    let mut tract = Tract::new(&FORMANTS_HZ, baby.formant_scale);
    let vary = |rng: &mut ChaCha8Rng, value: f64| value * rng.random_range(0.75..1.33);
    let pitch_hz = baby.f0_hz * class.pitch * rng.random_range(0.92..1.08);
    let pause_seconds = vary(rng, class.pause_seconds);
    let burst_seconds = vary(rng, class.burst_seconds);

    let mut at = (rng.random_range(0.0..0.5) * RATE) as usize;
    while at < n_samples {
        let pause = (vary(rng, pause_seconds) * RATE) as usize;
        let loudness = class.inhalation * rng.random_range(0.3..1.0);
        let inhaled = pause - pause / 3; // the last two thirds of the pause
        for (i, sample) in samples.iter_mut().skip(at + pause / 3).take(inhaled).enumerate() {
            let x = i as f64 / inhaled as f64;
            *sample = tract.filter(0.3 * loudness * noise(rng)) * (TAU * x / 2.0).sin();
        }
        let start = at + pause;
        let burst = (vary(rng, burst_seconds) * RATE) as usize;
        let mut source = Source::new(pitch_hz * rng.random_range(0.95..1.05));
        for (i, sample) in samples.iter_mut().enumerate().skip(start).take(burst) {
            let x = (i - start) as f64 / burst as f64;
            let voice = source.next(contour(&class.contour, x), class.roughness, rng);
            let (rate_hz, depth) = class.tremor;
            let tremor = 1.0 - depth * (0.5 + 0.5 * (TAU * rate_hz * i as f64 / RATE).sin());
            let sound = (1.0 - class.breath) * voice + class.breath * noise(rng);
            *sample = tract.filter(sound) * tremor * envelope(x, 0.08);
        }
        at = start + burst;
        bursts.push(start..at);
    }
    bursts
}

/// Linear interpolation between the four points at `x`, 0 to 1.
fn contour(points: &[f64; 4], x: f64) -> f64 {
    let at = 3.0 * x.clamp(0.0, 1.0);
    let index = (at as usize).min(2);
    points[index] + (at - index as f64) * (points[index + 1] - points[index])
}

/// Applies the low-pass, room noise, hum and level of the recorder.
fn through_microphone(samples: &mut [f64], recording: &PlannedRecording, rng: &mut ChaCha8Rng) {
    let recorder = &recording.recorder;
    let mut low_pass = LowPass::new(recorder.lowpass_hz);
    samples.iter_mut().for_each(|sample| *sample = low_pass.filter(*sample));
    let peak = samples.iter().fold(1e-9, |peak: f64, sample| peak.max(sample.abs()));
    let (hum, hum_hz) = recorder.hum;
    for (i, sample) in samples.iter_mut().enumerate() {
        let hum = hum * (TAU * hum_hz * i as f64 / RATE).sin();
        *sample = (recorder.gain * (*sample / peak + recorder.noise * noise(rng) + hum)).clamp(-1.0, 1.0);
    }
}
