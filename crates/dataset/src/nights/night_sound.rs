//! A night as a sound, in blocks: what is in memory does not grow with the length of the night.

use features::{Extractor, FeatureConfig};
use rand_chacha::ChaCha8Rng;

use super::event_sound::{EventSound, root_mean_square};
use super::plan::{Plan, Purpose, generator};
use crate::Error;
use crate::signal::{RATE, noise, samples};
use crate::sounds::{self, Endless};

/// Sample rate of the nights, Hz.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Family of what sounds all night.
pub(super) const BACKGROUND: &str = "background";

/// Samples of a block at 8 kHz.
const BLOCK: usize = 32_000;
/// Samples at 8 kHz around a block on which its resampled sound depends.
const REACH: usize = (features::RESAMPLER_REACH_SECONDS * RATE) as usize;
/// Root mean square of [`noise`].
const NOISE_LEVEL: f64 = 0.577_350_269_189_625_8;
/// How much of a background its level is measured in, s.
const LEVEL_SECONDS: f64 = 30.0;

/// What sounded, as the tables say it. Times are in samples at 8 kHz.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub start: usize,
    pub end: usize,
    pub family: &'static str,
    pub kind: String,
    pub dbfs: f64,
}

/// A night that is rendered block by block.
pub(super) struct NightSound {
    plan: Plan,
    /// Events that have been rendered.
    n_begun: usize,
    background: Endless,
    background_rng: ChaCha8Rng,
    background_gain: f64,
    microphone_rng: ChaCha8Rng,
    microphone_gain: f64,
    extractor: Extractor,
    /// Samples that have been mixed at 8 kHz.
    n_mixed: usize,
    /// What is known of the sound after them: the rest of the events that have begun.
    ahead: Vec<f32>,
    /// [`REACH`] samples before the next block, and what is mixed of the rest.
    window: Vec<f32>,
    /// What sounded so far, ordered by start.
    pub heard: Vec<Heard>,
}

impl NightSound {
    /// # Errors
    /// [`Error::Features`] if there is no resampler for its rate.
    pub(super) fn new(plan: Plan, seed: u64, night: usize) -> Result<Self, Error> {
        let start = || {
            let mut rng = generator(seed, night, Purpose::Background);
            let background = (plan.background.start)(&mut rng);
            (background, rng)
        };
        let (mut sample, mut rng) = start();
        let beginning: Vec<f64> = (0..samples(LEVEL_SECONDS)).map(|_| sample(&mut rng)).collect();
        let (background, background_rng) = start();
        let amplitude = |dbfs: f64| 10_f64.powf(dbfs / 20.0);
        let whole = Heard {
            start: 0,
            end: plan.n_samples,
            family: BACKGROUND,
            kind: plan.background.name.into(),
            dbfs: plan.background_dbfs,
        };
        Ok(Self {
            background,
            background_rng,
            background_gain: amplitude(plan.background_dbfs) / root_mean_square(&beginning),
            microphone_rng: generator(seed, night, Purpose::Microphone),
            microphone_gain: amplitude(plan.microphone_dbfs) / NOISE_LEVEL,
            extractor: Extractor::new(&FeatureConfig::yamnet()).map_err(Error::Features)?,
            n_begun: 0,
            n_mixed: 0,
            ahead: Vec::new(),
            window: vec![0.0; REACH],
            heard: vec![whole],
            plan,
        })
    }

    /// All samples at 16 kHz, of any amplitude, each once.
    pub(super) fn samples(&mut self) -> impl Iterator<Item = f64> {
        let n = self.plan.n_samples * (SAMPLE_RATE_HZ / sounds::SAMPLE_RATE_HZ) as usize;
        std::iter::repeat_with(|| self.next_block()).flatten().take(n)
    }

    /// The next block at 16 kHz.
    fn next_block(&mut self) -> Vec<f64> {
        while self.window.len() < REACH + BLOCK + REACH {
            self.mix_block();
        }
        let resampled = self.extractor.at_own_rate(&self.window[..REACH + BLOCK + REACH], sounds::SAMPLE_RATE_HZ);
        self.window.drain(..BLOCK);
        let (rng, gain) = (&mut self.microphone_rng, self.microphone_gain);
        let block = resampled.into_iter().skip(2 * REACH).take(2 * BLOCK);
        block.map(|sample| f64::from(sample) + gain * noise(rng)).collect()
    }

    /// Adds a block at 8 kHz to the window.
    fn mix_block(&mut self) {
        self.begin_events();
        if self.ahead.len() < BLOCK {
            self.ahead.resize(BLOCK, 0.0);
        }
        let (next, rng, gain) = (&mut self.background, &mut self.background_rng, self.background_gain);
        self.window.extend(self.ahead.drain(..BLOCK).map(|sample| sample + (gain * next(rng)) as f32));
        self.n_mixed += BLOCK;
    }

    /// Renders the events that start in the next block.
    fn begin_events(&mut self) {
        while let Some(event) = self.plan.events.get(self.n_begun).filter(|event| event.start < self.n_mixed + BLOCK) {
            self.n_begun += 1;
            let Some(sound) = EventSound::render(event, &self.plan) else { continue };
            let from = event.start - self.n_mixed;
            if self.ahead.len() < from + sound.samples.len() {
                self.ahead.resize(from + sound.samples.len(), 0.0);
            }
            self.ahead[from..].iter_mut().zip(&sound.samples).for_each(|(sample, other)| *sample += other);
            self.heard.push(Heard {
                start: event.start,
                end: event.start + sound.n_samples,
                family: event.source.family(),
                kind: event.source.kind(),
                dbfs: sound.dbfs,
            });
        }
    }

    /// Reverberation time of the room, s.
    pub(super) fn room_seconds(&self) -> f64 {
        self.plan.room_seconds
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::config::NightsConfig;
    use super::*;

    #[test]
    fn what_is_in_memory_does_not_grow_with_the_night() {
        let config = NightsConfig { seed: 3, hours: 0.5, cries_per_hour: 30.0, ..NightsConfig::default() };
        let mut night = NightSound::new(Plan::draw(&config, 0), config.seed, 0).unwrap();
        // An episode of 200 s with its echoes, and three blocks.
        let most = samples(201.0) + 3 * BLOCK;
        let mut longest = 0;
        while night.n_mixed < night.plan.n_samples {
            assert_eq!(night.next_block().len(), 2 * BLOCK);
            longest = longest.max(night.ahead.len() + night.window.len());
            assert!(longest <= most, "{longest}");
        }
        assert!(longest > samples(60.0) && night.heard.len() > 20, "{longest}, {}", night.heard.len());
    }
}
