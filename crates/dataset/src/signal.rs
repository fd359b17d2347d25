//! What synthetic sounds are made of: a pulsed source, resonators, filters, noises, a room.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Rate of everything that is made here, Hz.
pub(crate) const RATE: f64 = 8000.0;

/// Uniform in ±1.
pub(crate) fn noise(rng: &mut ChaCha8Rng) -> f64 {
    rng.random_range(-1.0..1.0)
}

/// Samples in so many seconds.
pub(crate) fn samples(seconds: f64) -> usize {
    (seconds * RATE) as usize
}

/// A value between `low` and `high`, their ratios equally likely: pitches and times are heard so.
pub(crate) fn log_uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    (low.ln() + (high / low).ln() * rng.random::<f64>()).exp()
}

/// A sine of a pitch that may change from sample to sample.
pub(crate) struct Sine(f64);

impl Sine {
    /// One that begins at a random phase.
    pub(crate) fn new(rng: &mut ChaCha8Rng) -> Self {
        Self(rng.random())
    }

    /// The next sample, in ±1.
    pub(crate) fn next(&mut self, hz: f64) -> f64 {
        self.0 = (self.0 + hz / RATE).fract();
        (TAU * self.0).sin()
    }
}

/// A sawtooth, whose steps PolyBLEP rounds so that it does not alias (Välimäki and Huovilainen 2007): the glottal source, and
/// whatever else buzzes.
pub(crate) struct Source {
    phase: f64,
    pitch_hz: f64,
    drift: f64,
}

impl Source {
    /// A source of `pitch_hz`.
    pub(crate) fn new(pitch_hz: f64) -> Self {
        Self { phase: 0.0, pitch_hz, drift: 0.0 }
    }

    /// The next sample, in ±1, at `contour` times the pitch; `roughness` is how much that wanders.
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
    /// One at `centre_hz`, at most 0.48 of the rate, that is `bandwidth_hz` wide.
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

/// A vocal tract: resonators in parallel, and a little of what goes in.
pub(crate) struct Tract(Vec<Resonator>);

impl Tract {
    /// One with formants of these centres and bandwidths, Hz; `scale` is a factor on the centres.
    pub(crate) fn new(formants_hz: &[(f64, f64)], scale: f64) -> Self {
        Self(formants_hz.iter().map(|(centre_hz, width_hz)| Resonator::new(centre_hz * scale, *width_hz)).collect())
    }

    /// The next sample.
    pub(crate) fn filter(&mut self, sample: f64) -> f64 {
        0.05 * sample + self.0.iter_mut().map(|resonator| resonator.filter(sample)).sum::<f64>()
    }
}

/// A first-order low-pass.
pub(crate) struct LowPass {
    keep: f64,
    low: f64,
}

impl LowPass {
    /// One that begins to fall at `cutoff_hz`.
    pub(crate) fn new(cutoff_hz: f64) -> Self {
        Self { keep: 1.0 - (-TAU * cutoff_hz / RATE).exp(), low: 0.0 }
    }

    /// The next sample.
    pub(crate) fn filter(&mut self, sample: f64) -> f64 {
        self.low += self.keep * (sample - self.low);
        self.low
    }
}

/// Noise whose power falls with the frequency.
pub(crate) enum Noise {
    /// Not at all.
    White,
    /// By 3 dB an octave, as a sum of low-passes (P. Kellet's filter, as musicdsp.org archive 76 gives it).
    Pink([f64; 3]),
    /// By 6 dB an octave above 10 Hz.
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

    /// Any of them.
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

/// A room: four combs in parallel, then an all-pass (Schroeder 1962), added to the sound with weight `wet`; sound falls by 60 dB in
/// `seconds`.
pub(crate) fn reverberate(sound: &mut [f64], seconds: f64, wet: f64) {
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

/// Adds `note` to `sound` from sample `at` on, for `length` samples or as long as there is room; `note` gets its own time, 0 to 1.
pub(crate) fn add(sound: &mut [f64], at: usize, length: usize, mut note: impl FnMut(f64) -> f64) {
    for (i, sample) in sound.iter_mut().skip(at).take(length).enumerate() {
        *sample += note(i as f64 / length as f64);
    }
}

/// Rises over the first `attack` of a note, then falls to 0 at its end; `x` is the note's time, 0 to 1.
pub(crate) fn envelope(x: f64, attack: f64) -> f64 {
    (x / attack).min(1.0) * ((1.0 - x) / 0.3).clamp(0.0, 1.0).sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Power of `sound` at `hz`, by Goertzel's recursion.
    fn power_at(sound: &[f64], hz: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, sample) in sound.iter().enumerate() {
            re += sample * (TAU * hz * i as f64 / RATE).cos();
            im += sample * (TAU * hz * i as f64 / RATE).sin();
        }
        re * re + im * im
    }

    #[test]
    fn noises_fall_as_their_colours_say() {
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
    fn a_room_rings_on_and_fades() {
        let mut sound = vec![0.0; samples(2.0)];
        sound[0] = 1.0;
        reverberate(&mut sound, 0.5, 1.0);
        let energy = |from: f64, to: f64| sound[samples(from)..samples(to)].iter().map(|x| x * x).sum::<f64>();
        assert!(energy(0.1, 0.3) > 0.0);
        let fall_db = 10.0 * (energy(0.1, 0.3) / energy(0.6, 0.8)).log10();
        assert!((fall_db - 60.0).abs() < 6.0, "{fall_db} dB in 0.5 s");
    }
}
