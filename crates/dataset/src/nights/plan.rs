//! What sounds when in a night, at which level: all that is drawn before anything is rendered.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::config::NightsConfig;
use crate::signal::{log_uniform, samples};
use crate::sounds::{BACKGROUNDS, EndlessKind, KINDS, Kind};
use crate::synth::{Baby, CLASSES, ClassVoice};

/// Length of an episode of crying, s. It ends with the last burst that ends before.
const CRY_SECONDS: [f64; 2] = [20.0, 200.0];
/// Least time without crying between two episodes, s.
const CALM_SECONDS: f64 = 30.0;
/// Length of a stretch of another sound, s.
const SOUND_SECONDS: [f64; 2] = [5.0, 60.0];
/// Mean time from the start of such a stretch to that of the next, s.
const SOUND_EVERY_SECONDS: f64 = 90.0;

/// Levels, dBFS (root mean square).
const CRY_DBFS: [f64; 2] = [-45.0, -20.0];
const SOUND_DBFS: [f64; 2] = [-50.0, -25.0];
const BACKGROUND_DBFS: [f64; 2] = [-75.0, -45.0];
const MICROPHONE_DBFS: [f64; 2] = [-90.0, -70.0];

/// Reverberation time of a room, s.
const ROOM_SECONDS: [f64; 2] = [0.15, 0.9];

/// Family of the episodes of crying, and their label.
pub(super) const CRY: &str = "cry";
/// Speech over music.
const TELEVISION: &str = "television";
/// The families of [`KINDS`] that come and go, and [`TELEVISION`].
const FAMILIES: [&str; 9] =
    ["machines", "tones", "clicks", "weather", "music", "speech", "laughter", "animals", TELEVISION];

/// What a random draw is for. No two share a stream.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Room,
    Cries,
    Sounds,
    Background,
    Microphone,
}

/// The generator of night number `night` for one purpose.
pub(super) fn generator(seed: u64, night: usize, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(8 * night as u64 + purpose as u64);
    rng
}

/// A night before it is rendered. Times are in samples at 8 kHz.
pub(super) struct Plan {
    pub n_samples: usize,
    pub baby: Baby,
    /// Reverberation time, s.
    pub room_seconds: f64,
    /// Seed of the echoes.
    pub room_seed: u64,
    /// Level of the microphone's noise.
    pub microphone_dbfs: f64,
    /// What sounds all night, and its level.
    pub background: &'static EndlessKind,
    pub background_dbfs: f64,
    /// Ordered by their starts.
    pub events: Vec<Event>,
}

/// What sounds for some time.
pub(super) struct Event {
    pub start: usize,
    pub n_samples: usize,
    pub dbfs: f64,
    /// Seed of all further draws.
    pub seed: u64,
    pub source: Source,
}

/// What an event is.
pub(super) enum Source {
    /// A baby that cries for this reason.
    Cry(&'static ClassVoice),
    /// Another sound.
    Kind(&'static Kind),
    /// Someone speaks over music.
    Television { voices: &'static Kind, music: &'static Kind },
}

impl Source {
    pub(super) fn family(&self) -> &'static str {
        match self {
            Self::Cry(_) => CRY,
            Self::Kind(kind) => kind.family,
            Self::Television { .. } => TELEVISION,
        }
    }

    pub(super) fn kind(&self) -> String {
        match self {
            Self::Cry(class) => class.label.into(),
            Self::Kind(kind) => kind.name.into(),
            Self::Television { voices, music } => format!("{}+{}", voices.name, music.name),
        }
    }
}

impl Plan {
    /// The plan of night number `night`, counted from 0. A longer night begins like a shorter one. What would not end before the night
    /// does is left out.
    pub(super) fn draw(config: &NightsConfig, night: usize) -> Self {
        let rng = |purpose| generator(config.seed, night, purpose);
        let n_samples = samples(3600.0 * config.hours).max(1);
        let mut events = cries(&mut rng(Purpose::Cries), config.cries_per_hour, n_samples);
        events.extend(sounds(&mut rng(Purpose::Sounds), n_samples));
        events.sort_by_key(|event| event.start);
        let room = &mut rng(Purpose::Room);
        let background = &BACKGROUNDS[room.random_range(0..BACKGROUNDS.len())];
        Self {
            n_samples,
            baby: Baby::draw(room),
            room_seconds: within(room, ROOM_SECONDS),
            room_seed: room.random(),
            microphone_dbfs: within(room, MICROPHONE_DBFS),
            background,
            background_dbfs: within(room, BACKGROUND_DBFS),
            events,
        }
    }
}

fn cries(rng: &mut ChaCha8Rng, per_hour: f64, n_samples: usize) -> Vec<Event> {
    let [least, most] = CRY_SECONDS;
    let mean_seconds = (most - least) / (most / least).ln(); // of the log-uniform distribution
    let mean_gap = 3600.0 / per_hour - mean_seconds - CALM_SECONDS; // infinite where nobody cries
    let mut events = Vec::new();
    let mut at = exponential(rng, mean_gap);
    while samples(at) < n_samples {
        let seconds = log_uniform(rng, least, most);
        let source = Source::Cry(&CLASSES[rng.random_range(0..CLASSES.len())]);
        events.push(event(rng, [at, seconds], CRY_DBFS, source));
        at += seconds + CALM_SECONDS + exponential(rng, mean_gap);
    }
    events.retain(|event| event.start + event.n_samples <= n_samples);
    events
}

fn sounds(rng: &mut ChaCha8Rng, n_samples: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let mut at = exponential(rng, SOUND_EVERY_SECONDS);
    while samples(at) < n_samples {
        let seconds = log_uniform(rng, SOUND_SECONDS[0], SOUND_SECONDS[1]);
        let source = match FAMILIES[rng.random_range(0..FAMILIES.len())] {
            TELEVISION => Source::Television { voices: any_of(rng, "speech"), music: any_of(rng, "music") },
            family => Source::Kind(any_of(rng, family)),
        };
        events.push(event(rng, [at, seconds], SOUND_DBFS, source));
        at += exponential(rng, SOUND_EVERY_SECONDS);
    }
    events.retain(|event| event.start + event.n_samples <= n_samples);
    events
}

/// An event that starts and lasts so many seconds, at a level within `dbfs`.
fn event(rng: &mut ChaCha8Rng, [start, seconds]: [f64; 2], dbfs: [f64; 2], source: Source) -> Event {
    let dbfs = within(rng, dbfs);
    Event { start: samples(start), n_samples: samples(seconds), dbfs, seed: rng.random(), source }
}

fn any_of(rng: &mut ChaCha8Rng, family: &str) -> &'static Kind {
    let first = KINDS.iter().position(|kind| kind.family == family).unwrap_or_default();
    let n = KINDS.iter().filter(|kind| kind.family == family).count();
    &KINDS[first + rng.random_range(0..n)]
}

fn within(rng: &mut ChaCha8Rng, [least, most]: [f64; 2]) -> f64 {
    rng.random_range(least..most)
}

fn exponential(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    -mean * rng.random_range(1e-9..1.0_f64).ln()
}
