//! Class, recorder and file name of each synthetic recording, drawn one after the other so that they do not depend on
//! threads.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::config::SynthConfig;
use super::voice::{CLASSES, ClassVoice};

/// Probability that the next recording of a class has the recorder of the previous one.
const SAME_RECORDER: f64 = 0.45;
/// Probability that it has a recorder that any class has already used. The real corpus has 2 to 3 recordings per
/// recorder.
const KNOWN_RECORDER: f64 = 0.10;

/// A recording before it is rendered.
pub(crate) struct PlannedRecording {
    pub class: &'static ClassVoice,
    pub recorder: Recorder,
    pub file_name: String,
    /// Seed of all further draws for this recording.
    pub seed: u64,
}

/// One phone and the one baby that it records.
#[derive(Clone)]
pub(crate) struct Recorder {
    /// As the app writes it: in upper case on iPhones.
    uuid: String,
    iphone: bool,
    gender: char,
    age: &'static str,
    pub baby: Baby,
    /// Corner frequency of the microphone's low-pass, Hz.
    pub lowpass_hz: f64,
    /// Peak of the recordings, 0 to 1.
    pub gain: f64,
    /// Noise level of room and microphone, relative to the peak.
    pub noise: f64,
    /// Level of the mains hum relative to the peak, and its frequency, Hz.
    pub hum: (f64, f64),
}

/// The voice of a baby.
#[derive(Clone, Copy)]
pub(crate) struct Baby {
    /// Fundamental frequency, Hz.
    pub f0_hz: f64,
    /// Vocal tract: factor on all formants.
    pub formant_scale: f64,
}

impl Baby {
    pub(crate) fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self { f0_hz: rng.random_range(380.0..520.0), formant_scale: rng.random_range(0.88..1.12) }
    }
}

/// Draws all recordings of a corpus, class by class.
pub(crate) fn plan(config: &SynthConfig) -> Vec<PlannedRecording> {
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut recorders: Vec<Recorder> = Vec::new();
    let mut planned = Vec::with_capacity(config.n_recordings);
    for (class, count) in CLASSES.iter().zip(class_counts(config.n_recordings)) {
        let mut last: Option<Recorder> = None;
        for _ in 0..count {
            let draw: f64 = rng.random();
            let recorder = match last.take() {
                Some(recorder) if draw < SAME_RECORDER => recorder,
                _ if draw > 1.0 - KNOWN_RECORDER && !recorders.is_empty() => {
                    recorders[rng.random_range(0..recorders.len())].clone()
                }
                _ => {
                    recorders.push(Recorder::draw(&mut rng));
                    recorders[recorders.len() - 1].clone()
                }
            };
            let file_name = recorder.file_name(class.code, &mut rng);
            planned.push(PlannedRecording { class, recorder: recorder.clone(), file_name, seed: rng.random() });
            last = Some(recorder);
        }
    }
    planned
}

/// Recordings per class: the shares of the real corpus, at least 3 per class. The largest class absorbs the rounding.
fn class_counts(total: usize) -> Vec<usize> {
    let whole: usize = CLASSES.iter().map(|class| class.share).sum();
    let mut counts: Vec<usize> =
        CLASSES.iter().map(|class| ((class.share * total + whole / 2) / whole).max(3)).collect();
    let largest = CLASSES.iter().enumerate().max_by_key(|(_, class)| class.share).map_or(0, |(index, _)| index);
    let others: usize = counts.iter().sum::<usize>() - counts[largest];
    counts[largest] = total - others;
    counts
}

impl Recorder {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let iphone = rng.random_bool(0.4);
        let hex = format!("{:032x}", rng.random::<u128>());
        let uuid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        Self {
            uuid: if iphone { uuid.to_uppercase() } else { uuid },
            iphone,
            gender: if rng.random() { 'm' } else { 'f' },
            age: ["04", "48", "26", "72", "22"][rng.random_range(0..5)],
            baby: Baby::draw(rng),
            lowpass_hz: rng.random_range(1800.0..3800.0),
            gain: rng.random_range(0.15..0.95),
            noise: 10_f64.powf(rng.random_range(-3.0..-1.2)),
            hum: (rng.random_range(0.0..0.02), if rng.random() { 50.0 } else { 60.0 }),
        }
    }

    /// `<app instance>-<time>-<app version>-<gender>-<age>-<reason>.wav`. The time is in ms on Android and in s on
    /// iPhones.
    fn file_name(&self, code: &str, rng: &mut ChaCha8Rng) -> String {
        let seconds: u64 = rng.random_range(1_430_000_000..1_437_500_000);
        let millis: u64 = rng.random_range(0..1000);
        let Self { uuid, gender, age, .. } = self;
        if self.iphone {
            format!("{uuid}-{seconds}-1.0-{gender}-{age}-{code}.wav")
        } else {
            format!("{uuid}-{seconds}{millis:03}-1.7-{gender}-{age}-{code}.wav")
        }
    }
}
