//! A planned recording as samples: a pulsed source with breath noise, through formants, in bursts with breaths between
//! them, through the recorder's microphone.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::SAMPLE_RATE_HZ;
use super::plan::PlannedRecording;

const RATE: f64 = SAMPLE_RATE_HZ as f64;

/// Formants of an infant's vocal tract: centre and bandwidth, Hz.
const FORMANTS_HZ: [(f64, f64); 3] = [(1050.0, 120.0), (2450.0, 200.0), (3500.0, 300.0)];

/// Mono samples at [`SAMPLE_RATE_HZ`], within ±1, 6 to 7.5 s.
pub(crate) fn render(recording: &PlannedRecording) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(recording.seed);
    let n_samples = (rng.random_range(6.0..7.5) * RATE) as usize;
    let mut samples = vec![0.0; n_samples];
    let mut tract = Tract::new(recording.recorder.formant_scale);
    let class = recording.class;
    let vary = |rng: &mut ChaCha8Rng, value: f64| value * rng.random_range(0.75..1.33);
    let pitch_hz = recording.recorder.f0_hz * class.pitch * rng.random_range(0.92..1.08);
    let pause_seconds = vary(&mut rng, class.pause_seconds);
    let burst_seconds = vary(&mut rng, class.burst_seconds);

    let mut at = (rng.random_range(0.0..0.5) * RATE) as usize;
    while at < n_samples {
        let pause = (vary(&mut rng, pause_seconds) * RATE) as usize;
        let loudness = class.inhalation * rng.random_range(0.3..1.0);
        let inhaled = pause - pause / 3; // the end of the pause
        for (i, sample) in samples.iter_mut().skip(at + pause / 3).take(inhaled).enumerate() {
            let x = i as f64 / inhaled as f64;
            *sample = tract.filter(0.3 * loudness * noise(&mut rng)) * (TAU * x / 2.0).sin();
        }
        let start = at + pause;
        let burst = (vary(&mut rng, burst_seconds) * RATE) as usize;
        let mut source = Source { phase: 0.0, pitch_hz: pitch_hz * rng.random_range(0.95..1.05), drift: 0.0 };
        for (i, sample) in samples.iter_mut().enumerate().skip(start).take(burst) {
            let x = (i - start) as f64 / burst as f64;
            let voice = source.next(contour(&class.contour, x), class.roughness, &mut rng);
            let (rate_hz, depth) = class.tremor;
            let tremor = 1.0 - depth * (0.5 + 0.5 * (TAU * rate_hz * i as f64 / RATE).sin());
            let sound = (1.0 - class.breath) * voice + class.breath * noise(&mut rng);
            *sample = tract.filter(sound) * tremor * envelope(x);
        }
        at = start + burst;
    }
    through_microphone(&mut samples, recording, &mut rng);
    samples
}

/// The glottal source: a sawtooth, whose steps PolyBLEP rounds so that it does not alias (Välimäki and Huovilainen 2007).
struct Source {
    phase: f64,
    pitch_hz: f64,
    drift: f64,
}

impl Source {
    fn next(&mut self, contour: f64, roughness: f64, rng: &mut ChaCha8Rng) -> f64 {
        self.drift = 0.98 * self.drift + roughness * noise(rng);
        let step = (self.pitch_hz * contour * (1.0 + self.drift) / RATE).clamp(0.0, 0.45);
        self.phase = (self.phase + step).fract();
        let blep = if self.phase < step {
            let t = self.phase / step;
            t + t - t * t - 1.0
        } else if self.phase > 1.0 - step {
            let t = (self.phase - 1.0) / step;
            t * t + t + t + 1.0
        } else {
            0.0
        };
        2.0 * self.phase - 1.0 - blep
    }
}

/// The vocal tract: one two-pole resonator a formant, in parallel (Klatt 1980).
struct Tract(Vec<Resonator>);

struct Resonator {
    gain: f64,
    feedback: [f64; 2],
    past: [f64; 2],
}

impl Tract {
    fn new(scale: f64) -> Self {
        let resonator = |(centre_hz, bandwidth_hz): (f64, f64)| {
            let radius = (-TAU / 2.0 * bandwidth_hz / RATE).exp();
            let angle = TAU * (centre_hz * scale).min(0.48 * RATE) / RATE;
            Resonator {
                gain: (1.0 - radius * radius) / 2.0,
                feedback: [2.0 * radius * angle.cos(), -radius * radius],
                past: [0.0; 2],
            }
        };
        Self(FORMANTS_HZ.into_iter().map(resonator).collect())
    }

    fn filter(&mut self, sample: f64) -> f64 {
        let direct = 0.05 * sample;
        direct
            + self
                .0
                .iter_mut()
                .map(|r| {
                    let out = r.gain * sample + r.feedback[0] * r.past[0] + r.feedback[1] * r.past[1];
                    r.past = [out, r.past[0]];
                    out
                })
                .sum::<f64>()
    }
}

/// Linear between the four points.
fn contour(points: &[f64; 4], x: f64) -> f64 {
    let at = 3.0 * x.clamp(0.0, 1.0);
    let index = (at as usize).min(2);
    points[index] + (at - index as f64) * (points[index + 1] - points[index])
}

/// Quick rise, slow fall, 0 to 1.
fn envelope(x: f64) -> f64 {
    (x / 0.08).min(1.0) * ((1.0 - x) / 0.3).clamp(0.0, 1.0).sqrt()
}

/// Loss of height, room noise, hum, and the recorder's level.
fn through_microphone(samples: &mut [f64], recording: &PlannedRecording, rng: &mut ChaCha8Rng) {
    let recorder = &recording.recorder;
    let keep = 1.0 - (-TAU * recorder.lowpass_hz / RATE).exp();
    let mut low = 0.0;
    for sample in samples.iter_mut() {
        low += keep * (*sample - low);
        *sample = low;
    }
    let peak = samples.iter().fold(1e-9, |peak: f64, sample| peak.max(sample.abs()));
    let (hum, hum_hz) = recorder.hum;
    for (i, sample) in samples.iter_mut().enumerate() {
        let hum = hum * (TAU * hum_hz * i as f64 / RATE).sin();
        *sample = (recorder.gain * (*sample / peak + recorder.noise * noise(rng) + hum)).clamp(-1.0, 1.0);
    }
}

/// Uniform in ±1.
fn noise(rng: &mut ChaCha8Rng) -> f64 {
    rng.random_range(-1.0..1.0)
}
