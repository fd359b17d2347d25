//! Seeded sounds that are no cries: what a gate before the classes learns to refuse.
//!
//! Each kind belongs to a family; a gate that is trained without a family is tested on sounds of a sort that it has never heard. They
//! are made by formulas, heard through a drawn room and microphone, and stand for what a device beside a cot may hear. How far scores on
//! them hold for real sounds is another question: `scripts/evaluate/not_a_cry.py` asks it.

mod events;
mod music;
mod steady;
mod voices;

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::folder::{Named, write_folder, write_wav};
use crate::signal::{LowPass, Noise, RATE, Sine, log_uniform, reverberate, samples};

/// Changes whenever the same seed gives another sound than before: caches hash it.
pub const SOUNDS_VERSION: u32 = 2;

/// Rate of the sounds, Hz.
pub const SAMPLE_RATE_HZ: u32 = RATE as u32;

/// File that marks a folder of such sounds and tells its settings.
const MARKER: &str = "sounds.json";

/// A kind of sound.
pub struct Kind {
    /// Its name: letters and `_`.
    pub name: &'static str,
    /// What it belongs to.
    pub family: &'static str,
    /// Fills a silent buffer, at any level.
    make: fn(&mut ChaCha8Rng, &mut [f64]),
    /// Whether a room, a microphone and noise come between the sound and its recording.
    through_air: bool,
}

const fn kind(family: &'static str, name: &'static str, make: fn(&mut ChaCha8Rng, &mut [f64])) -> Kind {
    Kind { name, family, make, through_air: true }
}

/// All kinds, by family.
pub static KINDS: [Kind; 36] = [
    Kind { through_air: false, ..kind("silence", "digital_silence", steady::digital_silence) },
    Kind { through_air: false, ..kind("silence", "dithered_silence", steady::dithered_silence) },
    Kind { through_air: false, ..kind("silence", "room", steady::room) },
    kind("noise", "white_noise", steady::white_noise),
    kind("noise", "pink_noise", steady::pink_noise),
    kind("noise", "brown_noise", steady::brown_noise),
    kind("noise", "hiss", steady::hiss),
    kind("machines", "mains_hum", steady::mains_hum),
    kind("machines", "fan", steady::fan),
    kind("machines", "vacuum", steady::vacuum),
    kind("machines", "engine", steady::engine),
    kind("machines", "traffic", events::traffic),
    kind("tones", "tone", events::tone),
    kind("tones", "sweep", events::sweep),
    kind("tones", "beeps", events::beeps),
    kind("clicks", "clicks", events::clicks),
    kind("clicks", "knocks", events::knocks),
    kind("clicks", "rustle", events::rustle),
    kind("weather", "water", events::water),
    kind("weather", "rain", events::rain),
    kind("weather", "wind", events::wind),
    kind("music", "plucked_chords", music::plucked_chords),
    kind("music", "melody", music::melody),
    kind("music", "drums", music::drums),
    kind("music", "music_box", music::music_box),
    kind("music", "band", music::band),
    kind("speech", "adult_speech", voices::adult_speech),
    kind("speech", "child_speech", voices::child_speech),
    kind("speech", "chatter", voices::chatter),
    kind("speech", "babble", voices::babble),
    kind("laughter", "adult_laughter", voices::adult_laughter),
    kind("laughter", "baby_laughter", voices::baby_laughter),
    kind("animals", "birds", voices::birds),
    kind("animals", "barks", voices::barks),
    kind("animals", "calls", voices::calls),
    kind("animals", "insects", voices::insects),
];

impl Kind {
    /// One sound of this kind: mono samples at [`SAMPLE_RATE_HZ`], within ±1, `seconds` long. The same seed gives the same sound.
    pub fn render(&self, seed: u64, seconds: f64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut sound = vec![0.0; samples(seconds).max(1)];
        let onset = if self.through_air && rng.random_bool(0.3) { rng.random_range(0..sound.len() / 2 + 1) } else { 0 };
        (self.make)(&mut rng, &mut sound[onset..]);
        if self.through_air {
            record(&mut rng, &mut sound);
        }
        sound.into_iter().map(|sample| sample.clamp(-1.0, 1.0) as f32).collect()
    }
}

/// A room, a microphone that loses lows and heights, noise and hum, a level, and sometimes too much of it.
fn record(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    if rng.random_bool(0.6) {
        reverberate(sound, log_uniform(rng, 0.15, 1.2), rng.random_range(0.1..1.0));
    }
    let (mut lows, mut heights) =
        (LowPass::new(log_uniform(rng, 10.0, 250.0)), LowPass::new(log_uniform(rng, 1200.0, 3900.0)));
    let dull = rng.random_bool(0.6);
    for sample in sound.iter_mut() {
        let high = *sample - lows.filter(*sample);
        *sample = if dull { heights.filter(high) } else { high };
    }
    let peak = sound.iter().fold(1e-9, |peak: f64, sample| peak.max(sample.abs()));
    let (mut noise, level) = (Noise::any(rng), log_uniform(rng, 3e-4, 0.1));
    let (mut sine, hum) = (Sine::new(rng), if rng.random_bool(0.3) { log_uniform(rng, 3e-4, 0.03) } else { 0.0 });
    let hum_hz = if rng.random() { 50.0 } else { 60.0 };
    let gain = if rng.random_bool(0.1) { rng.random_range(1.0..4.0) } else { log_uniform(rng, 0.02, 0.95) };
    for sample in sound {
        *sample = gain * (*sample / peak + level * noise.next(rng) + hum * sine.next(hum_hz));
    }
}

/// What is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoundsConfig {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Sounds of each kind, at least 1.
    pub n_per_kind: usize,
}

/// Writes sounds of 3 to 7.5 s as `dir/<kind>/<number>.wav`. Sounds with the same settings that are already there are left as they are.
///
/// # Errors
/// [`Error::Synthetic`] if none are asked for or `dir` holds anything else, [`Error::Io`] if it cannot be written.
pub fn write_sounds(dir: &Path, config: &SoundsConfig) -> Result<(), Error> {
    if config.n_per_kind == 0 {
        return Err(Error::Synthetic("at least 1 sound of each kind is needed".into()));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut files = Vec::new();
    for kind in &KINDS {
        for number in 0..config.n_per_kind {
            files.push(PlannedSound { kind, number, seed: rng.random(), seconds: rng.random_range(3.0..7.5) });
        }
    }
    write_folder(dir, MARKER, SOUNDS_VERSION, config, &files, |path, sound| {
        write_wav(path, sound.kind.render(sound.seed, sound.seconds).into_iter().map(f64::from))
    })
}

/// A sound before it is heard.
struct PlannedSound {
    kind: &'static Kind,
    number: usize,
    seed: u64,
    seconds: f64,
}

impl Named for PlannedSound {
    fn path(&self) -> String {
        format!("{}/{:04}.wav", self.kind.name, self.number)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Corpus;
    use std::collections::BTreeSet;

    fn power(sound: &[f32]) -> f64 {
        sound.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / sound.len() as f64
    }

    #[test]
    fn every_kind_is_heard_varies_with_its_seed_and_stays_within_range() {
        for kind in &KINDS {
            let sounds: Vec<Vec<f32>> = (0..6).map(|seed| kind.render(seed, 5.0)).collect();
            for sound in &sounds {
                assert_eq!(sound.len(), 40_000, "{}", kind.name);
                assert!(sound.iter().all(|x| (-1.0..=1.0).contains(x)), "{}", kind.name);
                assert!(kind.family == "silence" || power(sound) > 1e-7, "{}: power {}", kind.name, power(sound));
            }
            assert_eq!(sounds[0], kind.render(0, 5.0), "{}", kind.name);
            assert!(sounds[1..].iter().any(|sound| *sound != sounds[0]), "{}", kind.name);
        }
    }

    #[test]
    fn names_are_distinct_and_silence_can_be_all_zeros() {
        let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), KINDS.len());
        let silence = &KINDS[0];
        assert!((0..8).any(|seed| silence.render(seed, 1.0).iter().all(|x| *x == 0.0)));
        assert!((0..8).any(|seed| silence.render(seed, 1.0).iter().any(|x| *x != 0.0)));
    }

    /// Loudness in steps of 10 ms: laughter comes in 4 to 6 bursts a second, which is what tells it from a cry's long ones.
    #[test]
    fn laughter_pulses_as_laughter_does() {
        let kind = KINDS.iter().find(|kind| kind.name == "baby_laughter").unwrap();
        let mut at_pulse_rate = 0.0;
        let mut slower = 0.0;
        for seed in 0..20 {
            let sound = kind.render(seed, 6.0);
            let loudness: Vec<f64> = sound.chunks(80).map(|step| power(step).sqrt()).collect();
            let mean = loudness.iter().sum::<f64>() / loudness.len() as f64;
            let modulation = |hz: f64| {
                let angle = |i: usize| std::f64::consts::TAU * hz * i as f64 / 100.0;
                let (mut re, mut im) = (0.0, 0.0);
                for (i, level) in loudness.iter().enumerate() {
                    re += (level - mean) * angle(i).cos();
                    im += (level - mean) * angle(i).sin();
                }
                (re * re + im * im) / (mean * mean)
            };
            at_pulse_rate += (0..24).map(|i| modulation(3.8 + 0.1 * f64::from(i))).sum::<f64>() / 24.0;
            slower += (0..10).map(|i| modulation(1.5 + 0.1 * f64::from(i))).sum::<f64>() / 10.0;
        }
        assert!(at_pulse_rate > slower, "{at_pulse_rate} against {slower}");
    }

    #[test]
    fn a_folder_of_sounds_is_reproducible_and_one_class_a_kind() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, seed| {
            write_sounds(&folder.path().join(name), &SoundsConfig { seed, n_per_kind: 2 }).unwrap();
            Corpus::scan(&folder.path().join(name)).unwrap()
        };
        let corpus = write("one", 1);
        assert_eq!(corpus.class_counts(), [2; KINDS.len()]);
        assert_eq!(corpus.fingerprint(), write("again", 1).fingerprint());
        assert_eq!(corpus.fingerprint(), write("one", 1).fingerprint());
        assert_ne!(corpus.fingerprint(), write("other", 2).fingerprint());
        assert!(write_sounds(&folder.path().join("one"), &SoundsConfig { seed: 1, n_per_kind: 3 }).is_err());
        assert!(write_sounds(&folder.path().join("none"), &SoundsConfig { seed: 1, n_per_kind: 0 }).is_err());
    }
}
