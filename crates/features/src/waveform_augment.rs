//! Augmentation of waveforms: random rooms, microphones, noise and background sounds, drawn anew for each view.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// Echoes a second in a simulated room.
const ECHOES_PER_SECOND: f64 = 400.0;

/// Random changes of a waveform before it becomes an encoder input.
///
/// Applied in this order, each independently with `probability`: circular time shift, background sound, reverberation,
/// noise, microphone filters, gain with clipping. Ranges are `[least, most]` and drawn from uniformly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WaveformAugment {
    /// Probability of each change, 0 to 1.
    pub probability: f64,
    /// Largest circular time shift, 0 to 60 s.
    pub shift_seconds: f64,
    /// Level of the background sound below the waveform, -20 to 60 dB (root mean square).
    pub mix_db: [f64; 2],
    /// Reverberation time: the decay by 60 dB takes this long, 0.05 to 2 s.
    pub reverberation_seconds: [f64; 2],
    /// Level of the noise, white to brown, below the waveform, -20 to 60 dB (root mean square).
    pub noise_db: [f64; 2],
    /// Corner frequency of the low-pass filter, 500 to 24000 Hz. At half the sample rate or above there is no low-pass.
    pub low_pass_hz: [f64; 2],
    /// Corner frequency of the high-pass filter, 0 to 1000 Hz.
    pub high_pass_hz: [f64; 2],
    /// Peak before clipping at full scale, -60 to 40 dB above full scale.
    pub gain_db: [f64; 2],
}

impl Default for WaveformAugment {
    fn default() -> Self {
        Self {
            probability: 0.5,
            shift_seconds: 7.0,
            mix_db: [3.0, 20.0],
            reverberation_seconds: [0.1, 0.6],
            noise_db: [5.0, 40.0],
            low_pass_hz: [1200.0, 4000.0],
            high_pass_hz: [0.0, 300.0],
            gain_db: [-20.0, 10.0],
        }
    }
}

impl WaveformAugment {
    /// Every problem with the values; empty if they can be used.
    pub fn validate(&self) -> Vec<Invalid> {
        let within = |[least, most]: [f64; 2], from: f64, to: f64| from <= least && least <= most && most <= to;
        Invalid::failed([
            ((0.0..=1.0).contains(&self.probability), "probability", "must be 0 to 1"),
            ((0.0..=60.0).contains(&self.shift_seconds), "shift_seconds", "must be 0 to 60"),
            (within(self.mix_db, -20.0, 60.0), "mix_db", "must be [least, most], -20 to 60"),
            (
                within(self.reverberation_seconds, 0.05, 2.0),
                "reverberation_seconds",
                "must be [least, most], 0.05 to 2",
            ),
            (within(self.noise_db, -20.0, 60.0), "noise_db", "must be [least, most], -20 to 60"),
            (within(self.low_pass_hz, 500.0, 24_000.0), "low_pass_hz", "must be [least, most], 500 to 24000"),
            (within(self.high_pass_hz, 0.0, 1000.0), "high_pass_hz", "must be [least, most], 0 to 1000"),
            (within(self.gain_db, -60.0, 40.0), "gain_db", "must be [least, most], -60 to 40"),
        ])
    }

    /// Changes `waveform`, `[n_samples]` in -1..=1 at `sample_rate_hz`, in place. `background` may be mixed in, from
    /// its first sample on. Digital silence stays silent unless background is mixed in.
    pub fn apply<R: Rng>(&self, waveform: &mut [f32], background: &[f32], sample_rate_hz: u32, rng: &mut R) {
        let rate = f64::from(sample_rate_hz);
        if rng.random_bool(self.probability) {
            self.shift(waveform, rate, rng);
        }
        if rng.random_bool(self.probability) {
            add_below(waveform, background, uniform(self.mix_db, rng));
        }
        if rng.random_bool(self.probability) {
            add_velvet_echoes(waveform, uniform(self.reverberation_seconds, rng), rate, rng);
        }
        if rng.random_bool(self.probability) {
            let below_db = uniform(self.noise_db, rng);
            let noise = coloured_noise(waveform.len(), rng.random_range(0.0..0.98), rng);
            add_below(waveform, &noise, below_db);
        }
        if rng.random_bool(self.probability) {
            self.filter(waveform, rate, rng);
        }
        if rng.random_bool(self.probability) {
            self.amplify(waveform, rng);
        }
    }

    fn shift<R: Rng>(&self, waveform: &mut [f32], rate: f64, rng: &mut R) {
        let most = (self.shift_seconds * rate) as usize;
        let by = rng.random_range(0..=most);
        waveform.rotate_right(by % waveform.len().max(1));
    }

    fn filter<R: Rng>(&self, waveform: &mut [f32], rate: f64, rng: &mut R) {
        let corner = uniform(self.low_pass_hz, rng);
        if corner < rate / 2.0 {
            Biquad::new(corner / rate, false).apply(waveform);
        }
        Biquad::new(uniform(self.high_pass_hz, rng).max(1.0) / rate, true).apply(waveform);
    }

    fn amplify<R: Rng>(&self, waveform: &mut [f32], rng: &mut R) {
        let peak = waveform.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        if peak > 0.0 {
            let factor = 10_f64.powf(uniform(self.gain_db, rng) / 20.0) as f32 / peak;
            waveform.iter_mut().for_each(|sample| *sample = (*sample * factor).clamp(-1.0, 1.0));
        }
    }
}

fn uniform<R: Rng>([least, most]: [f64; 2], rng: &mut R) -> f64 {
    least + (most - least) * rng.random::<f64>()
}

fn root_mean_square(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// Adds `other` to `waveform`, `[n]`, scaled to a root mean square `below_db` decibels below that of `waveform`.
pub fn add_below(waveform: &mut [f32], other: &[f32], below_db: f64) {
    let level = root_mean_square(other);
    if level > 0.0 {
        let factor = (root_mean_square(waveform) / level * 10_f64.powf(-below_db / 20.0)) as f32;
        waveform.iter_mut().zip(other).for_each(|(sample, other)| *sample += factor * other);
    }
}

/// White noise through a one-pole filter, `[n]`: a `pole` of 0 leaves it white, towards 1 it becomes brown.
fn coloured_noise<R: Rng>(n: usize, pole: f32, rng: &mut R) -> Vec<f32> {
    let mut last = 0.0;
    let mut next = || {
        last = pole * last + rng.random_range(-1.0..1.0);
        last
    };
    (0..n).map(|_| next()).collect()
}

/// Adds [`velvet_echoes`] of random loudness: together they are at most as loud as the waveform.
fn add_velvet_echoes<R: Rng>(waveform: &mut [f32], seconds: f64, rate: f64, rng: &mut R) {
    let loudness = rng.random::<f64>();
    velvet_echoes(waveform, seconds, rate, loudness, rng);
}

/// Reverberation by velvet noise (Järveläinen and Karjalainen, "Reverberation modeling using velvet noise", 2007): adds
/// echoes of random sign at random times, whose level decays by 60 dB in `seconds`. Together they are `loudness` times as loud
/// as the waveform.
pub(crate) fn velvet_echoes<R: Rng>(waveform: &mut [f32], seconds: f64, rate: f64, loudness: f64, rng: &mut R) {
    let dry = waveform.to_vec();
    let n_echoes = (seconds * ECHOES_PER_SECOND).ceil();
    let level = |at: f64| 10_f64.powf(-3.0 * at / seconds);
    // The squares of the levels sum to about the integral of their square, n_echoes / (6 ln 10).
    let loudness = loudness / (n_echoes / (6.0 * std::f64::consts::LN_10)).sqrt();
    for echo in 0..n_echoes as usize {
        let at = (echo as f64 + rng.random::<f64>()) / ECHOES_PER_SECOND;
        let gain = (if rng.random() { loudness } else { -loudness } * level(at)) as f32;
        let delay = 1 + (at * rate) as usize;
        let late = waveform.iter_mut().skip(delay);
        late.zip(&dry).for_each(|(sample, earlier)| *sample += gain * earlier);
    }
}

/// A second-order Butterworth filter by the bilinear transform (R. Bristow-Johnson, "Cookbook formulae for audio
/// equalizer biquad filter coefficients").
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

impl Biquad {
    /// `corner` is the corner frequency as a share of the sample rate, above 0 and below 0.5.
    fn new(corner: f64, high_pass: bool) -> Self {
        let (sin, cos) = (TAU * corner).sin_cos();
        let alpha = sin / (2.0 * FRAC_1_SQRT_2);
        let (outer, middle) = if high_pass { ((1.0 + cos) / 2.0, -1.0 - cos) } else { ((1.0 - cos) / 2.0, 1.0 - cos) };
        let a0 = 1.0 + alpha;
        Self { b: [outer / a0, middle / a0, outer / a0], a: [-2.0 * cos / a0, (1.0 - alpha) / a0] }
    }

    /// Filters in place in direct form II transposed, from rest.
    fn apply(&self, waveform: &mut [f32]) {
        let [mut first, mut second] = [0.0; 2];
        for sample in waveform {
            let x = f64::from(*sample);
            let y = self.b[0] * x + first;
            first = self.b[1] * x - self.a[0] * y + second;
            second = self.b[2] * x - self.a[1] * y;
            *sample = y as f32;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const RATE_HZ: u32 = 8000;

    fn tone(hz: f64, n: usize) -> Vec<f32> {
        (0..n).map(|i| (TAU * hz * i as f64 / f64::from(RATE_HZ)).sin() as f32).collect()
    }

    fn rng(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    #[test]
    fn equal_seeds_give_equal_views_and_other_seeds_other_views() {
        let augment = WaveformAugment { probability: 1.0, ..WaveformAugment::default() };
        let view = |seed: u64| {
            let mut waveform = tone(440.0, 8000);
            augment.apply(&mut waveform, &tone(300.0, 4000), RATE_HZ, &mut rng(seed));
            waveform
        };
        assert_eq!(view(1), view(1));
        assert_ne!(view(1), view(2));
        assert!(view(1).iter().all(|sample| (-1.0..=1.0).contains(sample)));
        let never = WaveformAugment { probability: 0.0, ..augment.clone() };
        let mut waveform = tone(440.0, 800);
        never.apply(&mut waveform, &[], RATE_HZ, &mut rng(1));
        assert_eq!(waveform, tone(440.0, 800));
        for n in [0, 1, 7] {
            let mut silence = vec![0.0; n];
            augment.apply(&mut silence, &[], RATE_HZ, &mut rng(1));
            assert_eq!(silence, vec![0.0; n], "silence stays silent at any length");
        }
    }

    #[test]
    fn drawn_settings_cover_their_range_evenly() {
        let mut rng = rng(4);
        let drawn: Vec<f64> = (0..10_000).map(|_| uniform([-2.0, 6.0], &mut rng)).collect();
        assert!(drawn.iter().all(|value| (-2.0..6.0).contains(value)));
        // The standard error of the mean of 10,000 draws is 8 / sqrt(12 * 10,000) = 0.023.
        assert!((drawn.iter().sum::<f64>() / 10_000.0 - 2.0).abs() < 0.1);
        assert!(drawn.iter().any(|value| *value < -1.9) && drawn.iter().any(|value| *value > 5.9));
    }

    #[test]
    fn silence_added_to_a_sound_changes_nothing_and_noise_is_white_without_a_pole() {
        let mut sound = tone(500.0, 800);
        add_below(&mut sound, &[0.0; 800], 10.0);
        assert_eq!(sound, tone(500.0, 800));
        let correlation = |pole: f32| {
            let noise = coloured_noise(20_000, pole, &mut rng(5));
            let product: f64 = noise.windows(2).map(|pair| f64::from(pair[0]) * f64::from(pair[1])).sum();
            product / noise.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>()
        };
        // Neighbours of a one-pole filter's output correlate by the pole.
        for pole in [0.0, 0.5, 0.9] {
            assert!((correlation(pole) - f64::from(pole)).abs() < 0.03, "{pole}: {}", correlation(pole));
        }
    }

    #[test]
    fn added_sound_has_the_requested_level() {
        let sound = tone(500.0, 8000);
        for below_db in [-6.0, 0.0, 20.0] {
            let mut mixed = sound.clone();
            add_below(&mut mixed, &coloured_noise(8000, 0.5, &mut rng(3)), below_db);
            let added: Vec<f32> = mixed.iter().zip(&sound).map(|(mixed, sound)| mixed - sound).collect();
            let ratio_db = 20.0 * (root_mean_square(&sound) / root_mean_square(&added)).log10();
            assert!((ratio_db - below_db).abs() < 0.01, "{ratio_db} for {below_db}");
        }
        // A sound added to itself, 20 dB lower, is a tenth louder.
        let mut louder = sound.clone();
        add_below(&mut louder, &sound, 20.0);
        assert!(louder.iter().zip(&sound).all(|(louder, sound)| (louder - 1.1 * sound).abs() < 1e-6));
    }

    /// A Butterworth filter passes half the power at its corner, and a second-order one falls by 12 dB per octave.
    #[test]
    fn filters_pass_half_the_power_at_the_corner_and_little_two_octaves_beyond() {
        for (high_pass, corner, stopped) in [(false, 1000.0, 3500.0), (true, 1000.0, 250.0)] {
            let gain_db = |hz: f64| {
                let mut sound = tone(hz, 8000);
                Biquad::new(corner / f64::from(RATE_HZ), high_pass).apply(&mut sound);
                20.0 * (root_mean_square(&sound[4000..]) / FRAC_1_SQRT_2).log10()
            };
            assert!((gain_db(1000.0) + 3.01).abs() < 0.05, "{}", gain_db(1000.0));
            assert!(gain_db(stopped) < -20.0, "{}", gain_db(stopped));
        }
    }

    #[test]
    fn echoes_follow_the_sound_and_decay() {
        let mut click = vec![0.0; 8000];
        click[0] = 1.0;
        add_velvet_echoes(&mut click, 0.4, f64::from(RATE_HZ), &mut rng(2));
        assert_eq!(click[0], 1.0);
        let [early, late] = [&click[1..1600], &click[1600..3200]].map(root_mean_square);
        // 30 dB in 0.2 s; the tolerance allows for the randomness of about 80 echoes in each part.
        let fall_db = 20.0 * (early / late).log10();
        assert!((24.0..36.0).contains(&fall_db), "{fall_db} dB");
        assert!(click[3300..].iter().all(|sample| *sample == 0.0));
        let energy: f64 = click[1..].iter().map(|sample| f64::from(*sample).powi(2)).sum();
        assert!(energy > 0.0 && energy < 1.3, "{energy}");
    }

    /// Each stretch of 2.5 ms after a click has one echo, which is as likely to be negative as positive.
    #[test]
    fn echoes_of_random_sign_are_spread_evenly() {
        const SPACING: usize = RATE_HZ as usize / ECHOES_PER_SECOND as usize;
        let mut click = vec![0.0; 4000];
        click[0] = 1.0;
        add_velvet_echoes(&mut click, 0.4, f64::from(RATE_HZ), &mut rng(6));
        // The loudness is drawn first, then the time and the sign of each echo.
        let mut draws = rng(6);
        let _: f64 = draws.random();
        for (i, stretch) in click[1..].chunks(SPACING).take(160).enumerate() {
            let (share, positive): (f64, bool) = (draws.random(), draws.random());
            let echoes: Vec<usize> = (0..SPACING).filter(|at| stretch[*at] != 0.0).collect();
            assert_eq!(echoes, [(share * SPACING as f64) as usize], "echo {i}");
            assert_eq!(stretch[echoes[0]] > 0.0, positive, "echo {i}");
        }
        assert!(click[1..].chunks(SPACING).skip(160).flatten().all(|sample| *sample == 0.0));
    }

    /// The energy of the echoes is the square of a number drawn evenly from 0 to 1: a third of the sound's on average.
    #[test]
    fn echoes_together_are_at_most_as_loud_as_the_sound() {
        let energy = |seed: u64| {
            let mut click = vec![0.0; 3300];
            click[0] = 1.0;
            add_velvet_echoes(&mut click, 0.4, f64::from(RATE_HZ), &mut rng(seed));
            click[1..].iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>()
        };
        let energies: Vec<f64> = (0..300).map(energy).collect();
        // The standard error of the mean is 0.3 / sqrt(300) = 0.017.
        let mean = energies.iter().sum::<f64>() / 300.0;
        assert!((mean - 1.0 / 3.0).abs() < 0.06, "{mean}");
        // The times of the first echoes are random: they are up to 9 % louder or quieter than their mean.
        assert!(energies.iter().all(|energy| *energy < 1.2));
    }

    #[test]
    fn time_shifts_are_circular_and_as_long_as_any_within_their_range() {
        let augment = WaveformAugment::default();
        let shifts: Vec<usize> = (0..200)
            .map(|seed| {
                let mut click = vec![0.0; 70_000];
                click[0] = 1.0;
                augment.shift(&mut click, RATE_HZ.into(), &mut rng(seed));
                click.iter().position(|sample| *sample == 1.0).unwrap()
            })
            .collect();
        assert!(shifts.iter().all(|shift| *shift <= 56_000));
        for tenth in 0..10 {
            assert!(shifts.iter().any(|shift| shift / 5600 == tenth), "a shift of {tenth} tenths of 7 s");
        }
        // A recording that is shorter than the shift.
        let mut short = [1.0, 2.0, 3.0];
        augment.shift(&mut short, RATE_HZ.into(), &mut rng(1));
        short.sort_by(f32::total_cmp);
        assert_eq!(short, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_low_pass_from_half_the_sample_rate_on_is_left_out() {
        for (corner, passes) in [(1000.0, false), (3999.0, false), (4000.0, true), (5000.0, true), (24_000.0, true)] {
            let augment =
                WaveformAugment { low_pass_hz: [corner; 2], high_pass_hz: [100.0; 2], ..WaveformAugment::default() };
            let mut expected = tone(3500.0, 800);
            if !passes {
                Biquad::new(corner / 8000.0, false).apply(&mut expected);
            }
            Biquad::new(100.0 / 8000.0, true).apply(&mut expected);
            let mut sound = tone(3500.0, 800);
            augment.filter(&mut sound, RATE_HZ.into(), &mut rng(1));
            assert_eq!(sound, expected, "{corner} Hz");
        }
    }

    #[test]
    fn the_gain_sets_the_peak_and_clips_at_full_scale() {
        let amplified = |sound: &[f32], gain_db: f64| {
            let mut sound = sound.to_vec();
            WaveformAugment { gain_db: [gain_db; 2], ..WaveformAugment::default() }.amplify(&mut sound, &mut rng(1));
            sound
        };
        for (gain_db, [low, high]) in
            [(0.0, [-0.5, 1.0]), (-20.0, [-0.05, 0.1]), (-40.0, [-0.005, 0.01]), (20.0, [-1.0, 1.0])]
        {
            let found = amplified(&[-0.1, 0.2, 0.0], gain_db);
            let off = [found[0] - low, found[1] - high, found[2]];
            assert!(off.iter().all(|off| off.abs() < 1e-7), "{gain_db} dB: {found:?}");
        }
        assert_eq!(amplified(&[0.0; 2], 10.0), [0.0; 2]);
    }

    #[test]
    fn every_problem_is_reported_with_its_key() {
        assert!(WaveformAugment::default().validate().is_empty());
        let wrong = WaveformAugment {
            probability: 2.0,
            mix_db: [3.0, 2.0],
            gain_db: [f64::NAN, 0.0],
            ..WaveformAugment::default()
        };
        let keys: Vec<&str> = wrong.validate().iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["probability", "mix_db", "gain_db"]);
    }
}
