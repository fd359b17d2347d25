//! The last seconds of a source, and the clip of the episode that lasts.

use std::collections::VecDeque;

use model::EpisodeSettings;

use crate::clips::MAX_SECONDS;

/// Keeps the last seconds of a stream, from which the clip of an episode begins.
#[derive(Debug)]
pub(super) struct Recorder {
    sample_rate_hz: f64,
    before_seconds: f64,
    /// The last samples.
    recent: VecDeque<i16>,
    /// Number of samples that `recent` holds at most.
    n_recent: usize,
    /// Number of samples of the stream.
    n_samples: usize,
    clip: Option<Recording>,
}

/// A clip that is being recorded.
#[derive(Debug)]
struct Recording {
    /// Its first sample in the stream.
    first: usize,
    samples: Vec<i16>,
    onset_seconds: f64,
}

/// A clip.
#[derive(Debug, PartialEq)]
pub(super) struct Clip {
    pub samples: Vec<i16>,
    /// Where the onset is in it, s.
    pub onset_seconds: f64,
}

impl Recorder {
    /// Keeps `before_seconds` before the onset of episodes.
    pub fn new(sample_rate_hz: u32, before_seconds: f64) -> Self {
        let sample_rate_hz = f64::from(sample_rate_hz);
        Self { sample_rate_hz, before_seconds, recent: VecDeque::new(), n_recent: 0, n_samples: 0, clip: None }
    }

    /// Prepares for episodes that are found with `settings`: what is kept reaches back to before the onset of one that is confirmed.
    pub fn prepare(&mut self, settings: &EpisodeSettings) {
        let EpisodeSettings { window_seconds, hop_seconds, min_seconds, confirm_of, .. } = settings;
        let until_confirmed = 2.0 * window_seconds + hop_seconds * *confirm_of as f64 + min_seconds;
        self.n_recent = self.samples((self.before_seconds + until_confirmed).min(MAX_SECONDS));
    }

    /// Adds samples, full scale at ±1.
    pub fn push(&mut self, samples: &[f32]) {
        self.n_samples += samples.len();
        let max = self.samples(MAX_SECONDS);
        for sample in samples {
            let sample = (sample * 32_768.0) as i16;
            self.recent.push_back(sample);
            if let Some(clip) = self.clip.as_mut().filter(|clip| clip.samples.len() < max) {
                clip.samples.push(sample);
            }
        }
        let n_old = self.recent.len().saturating_sub(self.n_recent);
        self.recent.drain(..n_old);
    }

    /// An episode began at second `onset_seconds` of the stream.
    pub fn begin(&mut self, onset_seconds: f64) {
        let first_recent = self.n_samples - self.recent.len();
        let first = self.samples(onset_seconds - self.before_seconds).clamp(first_recent, self.n_samples);
        let mut samples: Vec<i16> = self.recent.iter().skip(first - first_recent).copied().collect();
        samples.truncate(self.samples(MAX_SECONDS));
        let onset_seconds = onset_seconds - first as f64 / self.sample_rate_hz;
        self.clip = Some(Recording { first, samples, onset_seconds: onset_seconds.max(0.0) });
    }

    /// The episode ended at second `end_seconds` of the stream.
    pub fn end(&mut self, end_seconds: f64) -> Option<Clip> {
        let Recording { first, mut samples, onset_seconds } = self.clip.take()?;
        samples.truncate(self.samples(end_seconds).saturating_sub(first));
        (!samples.is_empty()).then_some(Clip { samples, onset_seconds })
    }

    fn samples(&self, seconds: f64) -> usize {
        // Negative ones are 0.
        (seconds * self.sample_rate_hz).round() as usize
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// At 100 Hz, sample i is i, and 4 s may pass until an episode of these is confirmed.
    fn recorder() -> Recorder {
        let settings = EpisodeSettings {
            window_seconds: 1.0,
            hop_seconds: 0.5,
            min_seconds: 1.0,
            confirm_windows: 1,
            confirm_of: 2,
            ..EpisodeSettings::of_threshold(None, 7.0)
        };
        let mut recorder = Recorder::new(100, 2.0);
        recorder.prepare(&settings);
        recorder
    }

    fn hear(recorder: &mut Recorder, seconds: std::ops::Range<usize>) {
        for second in seconds {
            let samples: Vec<f32> = (100 * second..100 * (second + 1)).map(|i| i as f32 / 32_768.0).collect();
            recorder.push(&samples);
        }
    }

    fn range(samples: std::ops::Range<i16>) -> Vec<i16> {
        samples.collect()
    }

    #[test]
    fn a_clip_lasts_from_before_the_onset_to_the_end() {
        let mut recorder = recorder();
        hear(&mut recorder, 0..20);
        recorder.begin(17.5);
        hear(&mut recorder, 20..30);
        assert_eq!(recorder.end(25.0), Some(Clip { samples: range(1550..2500), onset_seconds: 2.0 }));
        assert_eq!(recorder.end(30.0), None, "it is taken");
        assert_eq!(recorder.recent.len(), 600, "memory is bounded");
    }

    #[test]
    fn at_the_start_of_a_stream_there_is_less_before_the_onset() {
        let mut recorder = recorder();
        hear(&mut recorder, 0..4);
        recorder.begin(0.5);
        assert_eq!(recorder.end(3.0), Some(Clip { samples: range(0..300), onset_seconds: 0.5 }));
    }

    #[test]
    fn a_long_episode_keeps_its_first_two_minutes_and_the_next_one_its_own() {
        let mut recorder = recorder();
        hear(&mut recorder, 0..4);
        recorder.begin(2.0);
        hear(&mut recorder, 4..200);
        assert_eq!(recorder.end(195.0), Some(Clip { samples: range(0..12_000), onset_seconds: 2.0 }));
        recorder.begin(198.0);
        assert_eq!(recorder.end(200.0), Some(Clip { samples: range(19_600..20_000), onset_seconds: 2.0 }));
    }
}
