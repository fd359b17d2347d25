//! The conditions under which a classifier is tested for robustness, from the recording as it is to a noisy room or a telephone.

use features::{Extractor, add_below, add_room, at_gain, band_limit, pink_noise, through_mp3, through_opus};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::sounds;

/// Increased whenever a condition gives another sound. Run identities hash it.
pub const CONDITIONS_VERSION: u32 = 2;

/// A condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// What it is called in tables.
    pub name: &'static str,
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Nothing,
    /// Level of the sound above pink noise, dB.
    PinkNoise(f64),
    /// Level of the sound above many voices, dB.
    Babble(f64),
    /// Lowest and highest frequency, Hz.
    Band([f64; 2]),
    /// Bits a second.
    Opus(u32),
    /// Bits a second.
    Mp3(u32),
    /// Reverberation time, s.
    Room(f64),
    /// Gain, dB.
    Gain(f64),
}

/// All conditions; the first one leaves a recording as it is.
pub const CONDITIONS: [Condition; 19] = [
    Condition { name: "as recorded", change: Change::Nothing },
    Condition { name: "pink noise, 20 dB", change: Change::PinkNoise(20.0) },
    Condition { name: "pink noise, 10 dB", change: Change::PinkNoise(10.0) },
    Condition { name: "pink noise, 5 dB", change: Change::PinkNoise(5.0) },
    Condition { name: "pink noise, 0 dB", change: Change::PinkNoise(0.0) },
    Condition { name: "babble, 20 dB", change: Change::Babble(20.0) },
    Condition { name: "babble, 10 dB", change: Change::Babble(10.0) },
    Condition { name: "babble, 5 dB", change: Change::Babble(5.0) },
    Condition { name: "babble, 0 dB", change: Change::Babble(0.0) },
    Condition { name: "telephone band, 300 to 3400 Hz", change: Change::Band([300.0, 3400.0]) },
    Condition { name: "wideband call, 50 to 7000 Hz", change: Change::Band([50.0, 7000.0]) },
    Condition { name: "Opus, 16 kbit/s", change: Change::Opus(16_000) },
    Condition { name: "Opus, 8 kbit/s", change: Change::Opus(8000) },
    Condition { name: "MP3, 32 kbit/s", change: Change::Mp3(32_000) },
    Condition { name: "MP3, 16 kbit/s", change: Change::Mp3(16_000) },
    Condition { name: "room, 0.5 s", change: Change::Room(0.5) },
    Condition { name: "room, 1 s", change: Change::Room(1.0) },
    Condition { name: "distance, -20 dB", change: Change::Gain(-20.0) },
    Condition { name: "distance, -40 dB", change: Change::Gain(-40.0) },
];

impl Condition {
    /// `waveform`, `[n]` at the rate of `extractor`, under this condition. Random draws come from `seed`.
    ///
    /// # Errors
    /// [`Error::Features`] if a codec refuses the sound.
    pub fn apply(&self, mut waveform: Vec<f32>, extractor: &Extractor, seed: u64) -> Result<Vec<f32>, Error> {
        let rate_hz = extractor.config().waveform_rate_hz();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        match self.change {
            Change::Nothing => (),
            Change::PinkNoise(below_db) => {
                let noise = pink_noise(waveform.len(), rate_hz, &mut rng);
                add_below(&mut waveform, &noise, below_db);
            }
            Change::Babble(below_db) => {
                let seconds = waveform.len() as f64 / f64::from(rate_hz);
                let babble = sounds::many_voices(seed, seconds);
                add_below(&mut waveform, &extractor.at_own_rate(&babble, sounds::SAMPLE_RATE_HZ), below_db);
            }
            Change::Band(band_hz) => band_limit(&mut waveform, rate_hz, band_hz),
            Change::Opus(bits_per_second) => {
                waveform = through_opus(&waveform, rate_hz, bits_per_second).map_err(Error::Features)?;
            }
            Change::Mp3(bits_per_second) => {
                waveform = through_mp3(&waveform, rate_hz, bits_per_second).map_err(Error::Features)?;
            }
            Change::Room(seconds) => add_room(&mut waveform, rate_hz, seconds, &mut rng),
            Change::Gain(gain_db) => at_gain(&mut waveform, gain_db),
        }
        Ok(waveform)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use features::FeatureConfig;

    use super::*;

    #[test]
    fn every_condition_has_its_name_and_changes_a_sound_as_its_seed_says() {
        let names: BTreeSet<&str> = CONDITIONS.iter().map(|condition| condition.name).collect();
        assert_eq!(names.len(), CONDITIONS.len());
        for config in [FeatureConfig::default(), FeatureConfig::yamnet()] {
            let extractor = Extractor::new(&config).unwrap();
            let rate_hz = config.waveform_rate_hz();
            let phase = |i: u32| i as f32 / rate_hz as f32 * std::f32::consts::TAU;
            // Of frequencies in and outside of each band.
            let tones = |i: u32| (440.0 * phase(i)).sin() + (20.0 * phase(i)).sin() + (3800.0 * phase(i)).sin();
            let sound: Vec<f32> = (0..rate_hz).map(|i| 0.1 * tones(i)).collect();
            for condition in &CONDITIONS {
                let changed = |seed| condition.apply(sound.clone(), &extractor, seed).unwrap();
                let [one, again, other] = [1, 1, 2].map(changed);
                assert!(one == again && one.len() == sound.len(), "{}", condition.name);
                assert_eq!(one == sound, condition.change == Change::Nothing, "{}", condition.name);
                let is_random = matches!(condition.change, Change::PinkNoise(_) | Change::Babble(_) | Change::Room(_));
                assert_eq!(one != other, is_random, "{}", condition.name);
                assert!(one.iter().all(|sample| sample.is_finite()), "{}", condition.name);
            }
        }
    }

    #[test]
    fn silence_and_no_sound_stay_so() {
        let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
        for condition in &CONDITIONS {
            for n in [0, 100] {
                let changed = condition.apply(vec![0.0; n], &extractor, 1).unwrap();
                assert!(changed.len() == n && changed.iter().all(|sample| sample.abs() < 1e-4), "{}", condition.name);
            }
        }
    }
}
