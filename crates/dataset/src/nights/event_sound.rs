//! One event of a night as a sound in its room, at its level.

use features::{add_room, band_limit};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::plan::{Event, Plan, Source};
use crate::signal::{RATE, samples};
use crate::sounds::SAMPLE_RATE_HZ;
use crate::synth::{Baby, ClassVoice, cry};

/// Highest frequency of an event, Hz: a tenth above it, nothing is left that resampling to 16 kHz could change.
const HIGHEST_HZ: f64 = 3400.0;
/// Highest peak of an event. One that would be louder at its level is rendered at a lower level.
const MAX_PEAK: f64 = 0.9;
/// Time in which a sound other than a cry rises from nothing, and falls to it, s.
const FADE_SECONDS: f64 = 0.05;
/// Level of a television's music relative to its voices.
const MUSIC_LEVEL: f64 = 0.5;
/// Length of a bout of crying, which has a rhythm and a pitch of its own, s.
const BOUT_SECONDS: [f64; 2] = [8.0, 20.0];
/// Longest additional pause between two bouts, s.
const PAUSE_SECONDS: f64 = 2.0;

/// A sound of a night.
pub(super) struct EventSound {
    /// At 8 kHz, from the start of the event on. The echoes go on after its end.
    pub samples: Vec<f32>,
    /// Length without the echoes, samples.
    pub n_samples: usize,
    /// Level from start to end, dBFS (root mean square).
    pub dbfs: f64,
}

impl EventSound {
    /// `None` if the event is silent.
    pub(super) fn render(event: &Event, plan: &Plan) -> Option<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(event.seed);
        let n = event.n_samples;
        let mut dry = match &event.source {
            Source::Cry(class) => episode(&mut rng, n, &plan.baby, class),
            Source::Kind(kind) => kind.render_dry(&mut rng, n),
            Source::Television { voices, music } => {
                let mut sound = voices.render_dry(&mut rng, n);
                let music = music.render_dry(&mut rng, n);
                let gain = MUSIC_LEVEL * root_mean_square(&sound) / root_mean_square(&music).max(1e-9);
                sound.iter_mut().zip(&music).for_each(|(sample, music)| *sample += gain * music);
                sound
            }
        };
        if !matches!(event.source, Source::Cry(_)) {
            fade(&mut dry);
        }
        let n_samples = dry.len();
        let mut sound: Vec<f32> = dry.into_iter().map(|sample| sample as f32).collect();
        sound.resize(n_samples + samples(plan.room_seconds), 0.0);
        add_room(&mut sound, SAMPLE_RATE_HZ, plan.room_seconds, &mut ChaCha8Rng::seed_from_u64(plan.room_seed));
        band_limit(&mut sound, SAMPLE_RATE_HZ, [0.0, HIGHEST_HZ]);

        let peak = sound.iter().fold(0.0, |peak: f64, sample| peak.max(f64::from(sample.abs())));
        let level = root_mean_square(&sound[..n_samples]);
        if level == 0.0 {
            return None;
        }
        let gain = (10_f64.powf(event.dbfs / 20.0) / level).min(MAX_PEAK / peak);
        sound.iter_mut().for_each(|sample| *sample *= gain as f32);
        Some(Self { samples: sound, n_samples, dbfs: 20.0 * (gain * level).log10() })
    }
}

/// An episode of crying in bouts, from its first burst to the end of its last, at most `n_samples` long.
fn episode(rng: &mut ChaCha8Rng, n_samples: usize, baby: &Baby, class: &ClassVoice) -> Vec<f64> {
    let mut sound = Vec::new();
    let mut end = 0;
    while sound.len() < n_samples {
        let mut bout = vec![0.0; samples(rng.random_range(BOUT_SECONDS[0]..BOUT_SECONDS[1]))];
        let mut bursts = cry(rng, &mut bout, baby, class);
        bursts.retain(|burst| burst.end <= bout.len());
        let whole = bursts.last().map_or(0, |burst| burst.end);
        let from = if sound.is_empty() { bursts.first().map_or(0, |burst| burst.start) } else { 0 };
        let ends = bursts.iter().map(|burst| sound.len() + burst.end - from);
        end = ends.rev().find(|end| *end <= n_samples).unwrap_or(end);
        sound.extend_from_slice(&bout[from..whole]);
        sound.resize(sound.len() + samples(rng.random_range(0.0..PAUSE_SECONDS)), 0.0);
    }
    sound.truncate(end);
    sound
}

fn fade(sound: &mut [f64]) {
    let n = FADE_SECONDS * RATE;
    let last = sound.len().saturating_sub(1);
    for (i, sample) in sound.iter_mut().enumerate() {
        *sample *= (i.min(last - i) as f64 / n).min(1.0);
    }
}

pub(super) fn root_mean_square<T: Copy + Into<f64>>(sound: &[T]) -> f64 {
    (sound.iter().map(|sample| (*sample).into().powi(2)).sum::<f64>() / sound.len().max(1) as f64).sqrt()
}
