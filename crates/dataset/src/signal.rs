//! Building blocks of synthetic sounds, all at 8 kHz: oscillators, resonators, filters, noise and reverberation.
//!
//! These generate sounds sample by sample. `features::WaveformAugment` changes recordings at any rate with other
//! methods (velvet noise, Butterworth filters); both are fixed by the versions that caches hash.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Sample rate of everything generated here, Hz.
pub(crate) const RATE: f64 = 8000.0;

/// A sample of white noise, uniform in ±1.
pub(crate) fn noise(rng: &mut ChaCha8Rng) -> f64 {
    rng.random_range(-1.0..1.0)
}

/// Number of samples in `seconds`.
pub(crate) fn samples(seconds: f64) -> usize {
    (seconds * RATE) as usize
}

/// A draw from the log-uniform distribution over `low` to `high`, which suits pitches and times.
pub(crate) fn log_uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    (low.ln() + (high / low).ln() * rng.random::<f64>()).exp()
}

/// A sine oscillator whose frequency may change from sample to sample. Holds the phase, 0 to 1.
pub(crate) struct Sine(f64);

impl Sine {
    /// Starts at a random phase.
    pub(crate) fn new(rng: &mut ChaCha8Rng) -> Self {
        Self(rng.random())
    }

    /// The next sample, within ±1.
    pub(crate) fn next(&mut self, hz: f64) -> f64 {
        self.0 = (self.0 + hz / RATE).fract();
        (TAU * self.0).sin()
    }
}

/// A sawtooth oscillator, band-limited by PolyBLEP (Välimäki and Huovilainen 2007): the glottal source of voices, and
/// anything else that buzzes.
pub(crate) struct Source {
    phase: f64,
    pitch_hz: f64,
    drift: f64,
}

impl Source {
    /// An oscillator at `pitch_hz`.
    pub(crate) fn new(pitch_hz: f64) -> Self {
        Self { phase: 0.0, pitch_hz, drift: 0.0 }
    }

    /// The next sample, within ±1, at `contour` times the pitch. `roughness` is the relative random drift of the pitch.
    pub(crate) fn next(&mut self, contour: f64, roughness: f64, rng: &mut ChaCha8Rng) -> f64 {
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

/// A two-pole resonator (Klatt 1980).
pub(crate) struct Resonator {
    gain: f64,
    feedback: [f64; 2],
    past: [f64; 2],
}

impl Resonator {
    /// A resonator at `centre_hz`, limited to 0.48 of the sample rate, with the given bandwidth.
    pub(crate) fn new(centre_hz: f64, bandwidth_hz: f64) -> Self {
        let radius = (-TAU / 2.0 * bandwidth_hz / RATE).exp();
        let angle = TAU * centre_hz.min(0.48 * RATE) / RATE;
        Self {
            gain: (1.0 - radius * radius) / 2.0,
            feedback: [2.0 * radius * angle.cos(), -radius * radius],
            past: [0.0; 2],
        }
    }

    /// The next sample.
    pub(crate) fn filter(&mut self, sample: f64) -> f64 {
        let out = self.gain * sample + self.feedback[0] * self.past[0] + self.feedback[1] * self.past[1];
        self.past = [out, self.past[0]];
        out
    }
}

/// A vocal tract: parallel resonators plus a little of the input.
pub(crate) struct Tract(Vec<Resonator>);

impl Tract {
    /// A tract with formants of these centres and bandwidths, Hz. `scale` multiplies the centres.
    pub(crate) fn new(formants_hz: &[(f64, f64)], scale: f64) -> Self {
        Self(formants_hz.iter().map(|(centre_hz, width_hz)| Resonator::new(centre_hz * scale, *width_hz)).collect())
    }

    /// The next sample.
    pub(crate) fn filter(&mut self, sample: f64) -> f64 {
        0.05 * sample + self.0.iter_mut().map(|resonator| resonator.filter(sample)).sum::<f64>()
    }
}

/// A first-order low-pass filter.
pub(crate) struct LowPass {
    keep: f64,
    low: f64,
}

impl LowPass {
    /// A filter with the corner frequency `cutoff_hz`.
    pub(crate) fn new(cutoff_hz: f64) -> Self {
        Self { keep: 1.0 - (-TAU * cutoff_hz / RATE).exp(), low: 0.0 }
    }

    /// The next sample.
    pub(crate) fn filter(&mut self, sample: f64) -> f64 {
        self.low += self.keep * (sample - self.low);
        self.low
    }
}

/// A noise generator, named by how its power falls with frequency.
pub(crate) enum Noise {
    /// Constant power.
    White,
    /// 3 dB per octave, as a sum of low-passes (P. Kellet's filter, musicdsp.org archive 76).
    Pink([f64; 3]),
    /// 6 dB per octave above 10 Hz.
    Brown(LowPass),
}

impl Noise {
    /// Pink noise.
    pub(crate) fn pink() -> Self {
        Self::Pink([0.0; 3])
    }

    /// Brown noise.
    pub(crate) fn brown() -> Self {
        Self::Brown(LowPass::new(10.0))
    }

    /// A random colour.
    pub(crate) fn any(rng: &mut ChaCha8Rng) -> Self {
        match rng.random_range(0..3) {
            0 => Self::White,
            1 => Self::pink(),
            _ => Self::brown(),
        }
    }

    /// The next sample, about ±1.
    pub(crate) fn next(&mut self, rng: &mut ChaCha8Rng) -> f64 {
        let white = noise(rng);
        match self {
            Self::White => white,
            Self::Pink(states) => {
                for (state, (keep, take)) in
                    states.iter_mut().zip([(0.99765, 0.0990460), (0.96300, 0.2965164), (0.57000, 1.0526913)])
                {
                    *state = keep * *state + take * white;
                }
                0.3 * (states.iter().sum::<f64>() + 0.1848 * white)
            }
            Self::Brown(low) => 8.0 * low.filter(white),
        }
    }
}

/// Reverberation after Schroeder (1962): four parallel comb filters, then an all-pass, added to the sound with weight
/// `wet`. It decays by 60 dB in `seconds`.
pub(crate) fn add_schroeder_reverberation(sound: &mut [f64], seconds: f64, wet: f64) {
    const COMBS_SECONDS: [f64; 4] = [0.0297, 0.0371, 0.0411, 0.0437];
    const ALL_PASS_SECONDS: f64 = 0.005;
    let mut echo = vec![0.0; sound.len()];
    for delay_seconds in COMBS_SECONDS {
        let delay = samples(delay_seconds);
        let feedback = 10_f64.powf(-3.0 * delay_seconds / seconds);
        let mut line = vec![0.0; delay];
        for (i, (out, sample)) in echo.iter_mut().zip(sound.iter()).enumerate() {
            let back = line[i % delay];
            line[i % delay] = sample + feedback * back;
            *out += 0.25 * back;
        }
    }
    let mut line = vec![0.0; samples(ALL_PASS_SECONDS)];
    for (i, (sample, echo)) in sound.iter_mut().zip(&echo).enumerate() {
        let at = i % line.len();
        let back = line[at] - 0.7 * echo;
        line[at] = echo + 0.7 * back;
        *sample += wet * back;
    }
}

/// Adds `note` to `sound` from sample `at` on, for `length` samples or up to the end. `note` is called with its own
/// time, 0 to 1.
pub(crate) fn add(sound: &mut [f64], at: usize, length: usize, mut note: impl FnMut(f64) -> f64) {
    for (i, sample) in sound.iter_mut().skip(at).take(length).enumerate() {
        *sample += note(i as f64 / length as f64);
    }
}

/// Amplitude of a note at its own time `x`, 0 to 1: rises during the first `attack`, falls to 0 at the end.
pub(crate) fn envelope(x: f64, attack: f64) -> f64 {
    (x / attack).min(1.0) * ((1.0 - x) / 0.3).clamp(0.0, 1.0).sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Power of `sound` at `hz`, from a single bin of the Fourier transform.
    fn power_at(sound: &[f64], hz: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, sample) in sound.iter().enumerate() {
            re += sample * (TAU * hz * i as f64 / RATE).cos();
            im += sample * (TAU * hz * i as f64 / RATE).sin();
        }
        re * re + im * im
    }

    #[test]
    fn noise_falls_by_the_decibels_of_its_colour() {
        for (make, expected_db) in
            [((|| Noise::White) as fn() -> Noise, 0.0), (Noise::pink, -3.0), (Noise::brown, -6.0)]
        {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut noise = make();
            let sound: Vec<f64> = (0..samples(8.0)).map(|_| noise.next(&mut rng)).collect();
            let band =
                |from: f64| (0..200).map(|i| power_at(&sound, from * (1.0 + f64::from(i) / 2000.0))).sum::<f64>();
            let per_octave = 10.0 * (band(1600.0) / band(200.0)).log10() / 3.0;
            assert!((per_octave - expected_db).abs() < 0.8, "{per_octave} dB, expected {expected_db}");
        }
    }

    #[test]
    fn reverberation_decays_by_60_db_in_the_given_time() {
        let mut sound = vec![0.0; samples(2.0)];
        sound[0] = 1.0;
        add_schroeder_reverberation(&mut sound, 0.5, 1.0);
        let energy = |from: f64, to: f64| sound[samples(from)..samples(to)].iter().map(|x| x * x).sum::<f64>();
        assert!(energy(0.1, 0.3) > 0.0);
        let fall_db = 10.0 * (energy(0.1, 0.3) / energy(0.6, 0.8)).log10();
        assert!((fall_db - 60.0).abs() < 6.0, "{fall_db} dB in 0.5 s");
    }
}
