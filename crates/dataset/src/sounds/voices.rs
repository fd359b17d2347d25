//! Voices other than cries: speech, babble, laughter, animals.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::signal::{Sine, Source, Tract, add, envelope, log_uniform, noise, samples};

/// First three formants of the vowels in heed, head, hod, hawed, who'd and heard, Hz: means of male speakers (Peterson and
/// Barney 1952).
const VOWELS_HZ: [[f64; 3]; 6] = [
    [270.0, 2290.0, 3010.0],
    [530.0, 1840.0, 2480.0],
    [730.0, 1090.0, 2440.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
    [490.0, 1350.0, 1690.0],
];

/// A speaker: pitch in Hz, factor on the formants, relative random drift of the pitch.
struct Speaker {
    pitch_hz: f64,
    scale: f64,
    roughness: f64,
}

impl Speaker {
    fn man(rng: &mut ChaCha8Rng) -> Self {
        Self {
            pitch_hz: log_uniform(rng, 80.0, 160.0),
            scale: rng.random_range(0.92..1.05),
            roughness: rng.random_range(0.002..0.02),
        }
    }

    fn woman(rng: &mut ChaCha8Rng) -> Self {
        Self {
            pitch_hz: log_uniform(rng, 160.0, 270.0),
            scale: rng.random_range(1.08..1.25),
            roughness: rng.random_range(0.002..0.015),
        }
    }

    fn adult(rng: &mut ChaCha8Rng) -> Self {
        if rng.random() { Self::man(rng) } else { Self::woman(rng) }
    }

    fn child(rng: &mut ChaCha8Rng) -> Self {
        Self {
            pitch_hz: log_uniform(rng, 240.0, 400.0),
            scale: rng.random_range(1.25..1.5),
            roughness: rng.random_range(0.004..0.02),
        }
    }

    fn baby(rng: &mut ChaCha8Rng) -> Self {
        Self {
            pitch_hz: log_uniform(rng, 280.0, 520.0),
            scale: rng.random_range(1.45..1.8),
            roughness: rng.random_range(0.005..0.03),
        }
    }

    fn tract(&self, vowel: usize) -> Tract {
        let [f1, f2, f3] = VOWELS_HZ[vowel % VOWELS_HZ.len()];
        Tract::new(&[(f1, 70.0), (f2, 110.0), (f3, 170.0)], self.scale)
    }
}

/// Speech of an adult.
pub(super) fn adult_speech(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let speaker = Speaker::adult(rng);
    speech(rng, sound, &speaker);
}

/// Speech of a child.
pub(super) fn child_speech(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let speaker = Speaker::child(rng);
    speech(rng, sound, &speaker);
}

/// Several people talking at once, as in a kitchen or on television.
pub(super) fn chatter(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    for _ in 0..rng.random_range(3..=5) {
        let speaker = if rng.random_bool(0.8) { Speaker::adult(rng) } else { Speaker::child(rng) };
        speech(rng, sound, &speaker);
    }
}

/// Phrases of 3 to 7 syllables per second. Many syllables begin with the noise of a consonant; the pitch falls over a
/// phrase.
fn speech(rng: &mut ChaCha8Rng, sound: &mut [f64], speaker: &Speaker) {
    let rate = rng.random_range(3.0..7.0);
    let mut at = samples(rng.random_range(0.0..1.0));
    while at < sound.len() {
        let n_syllables = rng.random_range(3..=14);
        for syllable in 0..n_syllables {
            let fall = 1.12 - 0.3 * f64::from(syllable) / f64::from(n_syllables);
            let length = samples(rng.random_range(0.6..1.4) / rate);
            if rng.random_bool(0.7) {
                consonant(rng, sound, at, length / 3);
            }
            let stress = rng.random_range(0.4..1.0);
            let mut tract = speaker.tract(rng.random_range(0..6));
            let mut source = Source::new(speaker.pitch_hz * fall * rng.random_range(0.92..1.12));
            add(sound, at + length / 4, 3 * length / 4, |x| {
                let voice = source.next(1.05 - 0.1 * x, speaker.roughness, rng) + 0.04 * noise(rng);
                stress * envelope(x, 0.15) * tract.filter(voice)
            });
            at += length;
        }
        at += samples(rng.random_range(0.15..1.2));
    }
}

/// The noise of an s, an f or a plosive.
fn consonant(rng: &mut ChaCha8Rng, sound: &mut [f64], at: usize, length: usize) {
    let mut mouth = Tract::new(&[(log_uniform(rng, 1200.0, 3700.0), 700.0)], 1.0);
    let level = log_uniform(rng, 0.02, 0.3);
    add(sound, at, length, |x| level * envelope(x, 0.2) * mouth.filter(noise(rng)));
}

/// A content baby: coos and babble in slow syllables with pauses.
pub(super) fn babble(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let speaker = Speaker::baby(rng);
    let mut at = samples(rng.random_range(0.0..1.0));
    while at < sound.len() {
        let vowel = rng.random_range(0..6);
        let seconds = log_uniform(rng, 0.12, 0.5);
        for _ in 0..rng.random_range(1..=5) {
            let (mut tract, length) = (speaker.tract(vowel), samples(seconds * rng.random_range(0.8..1.2)));
            let mut source = Source::new(speaker.pitch_hz * rng.random_range(0.85..1.1));
            let bend = rng.random_range(-0.25..0.25);
            let level = rng.random_range(0.4..1.0);
            add(sound, at, length, |x| {
                let voice = 0.85 * source.next(1.0 + bend * x, speaker.roughness, rng) + 0.15 * noise(rng);
                level * envelope(x, 0.3) * tract.filter(voice)
            });
            at += length + samples(rng.random_range(0.03..0.12));
        }
        at += samples(rng.random_range(0.4..2.0));
    }
}

/// Laughter of an adult.
pub(super) fn adult_laughter(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let mut speaker = Speaker::adult(rng);
    speaker.pitch_hz *= rng.random_range(1.2..2.0);
    laughter(rng, sound, &speaker);
}

/// Laughter of a baby, sometimes with shrieks of joy or with an adult talking.
pub(super) fn baby_laughter(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let mut speaker = Speaker::baby(rng);
    speaker.pitch_hz *= log_uniform(rng, 0.85, 1.35);
    laughter(rng, sound, &speaker);
    if rng.random_bool(0.3) {
        shrieks(rng, sound, &speaker);
    }
    if rng.random_bool(0.3) {
        let (mut talk, adult) = (vec![0.0; sound.len()], Speaker::adult(rng));
        speech(rng, &mut talk, &adult);
        let level = log_uniform(rng, 0.1, 0.7);
        sound.iter_mut().zip(talk).for_each(|(sample, other)| *sample += level * other);
    }
}

/// A few short high notes whose pitch leaps up and falls.
fn shrieks(rng: &mut ChaCha8Rng, sound: &mut [f64], speaker: &Speaker) {
    for _ in 0..rng.random_range(1..=3) {
        let (at, length) = (rng.random_range(0..sound.len()), samples(rng.random_range(0.12..0.4)));
        let (mut tract, mut source) = (speaker.tract(0), Source::new(speaker.pitch_hz * rng.random_range(1.5..2.5)));
        let (level, leap) = (rng.random_range(0.4..1.0), rng.random_range(0.1..0.5));
        add(sound, at, length, |x| {
            let voice =
                source.next(1.0 + leap * (4.0 * x * (1.0 - x) - 0.5), speaker.roughness, rng) + 0.1 * noise(rng);
            level * envelope(x, 0.2) * tract.filter(voice)
        });
    }
}

/// Bouts of 2 to 12 short bursts, 4 to 6 per second (Bachorowski, Smoski and Owren 2001). Each burst is breath, voice,
/// breath. Pitch and loudness fall over a bout, and an inhalation follows it.
fn laughter(rng: &mut ChaCha8Rng, sound: &mut [f64], speaker: &Speaker) {
    let mut at = samples(rng.random_range(0.0..1.0));
    while at < sound.len() {
        let (n_bursts, per_second) = (rng.random_range(2..=12), rng.random_range(3.8..6.2));
        let (vowel, fall) = (rng.random_range(1..6), rng.random_range(0.2..0.5));
        let start_hz = speaker.pitch_hz * rng.random_range(0.9..1.5);
        let breath = rng.random_range(0.1..0.9);
        for burst in 0..n_bursts {
            let x = f64::from(burst) / f64::from(n_bursts);
            let length = samples(rng.random_range(0.85..1.15) / per_second);
            let voiced = (length as f64 * rng.random_range(0.4..0.7)) as usize;
            let (mut tract, mut source) = (speaker.tract(vowel), Source::new(start_hz * (1.0 - fall * x)));
            let level = (1.0 - 0.6 * x) * rng.random_range(0.7..1.0);
            let (mut puff, puff_level) = (speaker.tract(vowel), breath * level);
            add(sound, at, length, |x| puff_level * envelope(x, 0.3) * puff.filter(noise(rng)));
            add(sound, at + (length - voiced) / 2, voiced, |x| {
                let voice = source.next(1.1 - 0.25 * x, speaker.roughness, rng) + breath * noise(rng);
                level * envelope(x, 0.2) * tract.filter(voice)
            });
            at += length;
        }
        let drawn = samples(rng.random_range(0.2..0.6));
        let mut throat = speaker.tract(2);
        let level = 0.3 * breath;
        add(sound, at, drawn, |x| level * x * throat.filter(noise(rng)));
        at += drawn + samples(rng.random_range(0.0..1.2));
    }
}

/// Birds: phrases of fast glides.
pub(super) fn birds(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let mut at = samples(rng.random_range(0.0..0.8));
    while at < sound.len() {
        let (low_hz, length) = (log_uniform(rng, 1200.0, 3000.0), samples(log_uniform(rng, 0.03, 0.25)));
        let (bend, trill_hz) = (rng.random_range(-0.4..0.4), log_uniform(rng, 10.0, 60.0));
        let level = log_uniform(rng, 0.1, 1.0);
        for _ in 0..rng.random_range(1..=8) {
            let (mut sine, mut trill) = (Sine::new(rng), Sine::new(rng));
            add(sound, at, length, |x| {
                let hz = low_hz * (1.0 + bend * x + 0.08 * trill.next(trill_hz));
                level * envelope(x, 0.2) * sine.next(hz.min(3900.0))
            });
            at += length + length / 2;
        }
        at += samples(rng.random_range(0.2..1.5));
    }
}

/// Dogs: short rough bursts in groups of one to four.
pub(super) fn barks(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let (pitch_hz, scale) = (log_uniform(rng, 130.0, 700.0), rng.random_range(0.7..1.5));
    let mut at = samples(rng.random_range(0.0..1.0));
    while at < sound.len() {
        for _ in 0..rng.random_range(1..=4) {
            let length = samples(rng.random_range(0.08..0.3));
            let mut tract = Tract::new(&[(650.0, 150.0), (1300.0, 250.0), (2600.0, 400.0)], scale);
            let mut source = Source::new(pitch_hz * rng.random_range(0.9..1.1));
            add(sound, at, length, |x| {
                let bark = 0.6 * source.next(1.3 - 0.6 * (2.0 * x - 0.7).powi(2), 0.06, rng) + 0.4 * noise(rng);
                envelope(x, 0.1) * tract.filter(bark)
            });
            at += length + samples(rng.random_range(0.1..0.35));
        }
        at += samples(rng.random_range(0.3..2.0));
    }
}

/// Cats, and at other pitches hens and cows: single calls with an opening and closing mouth.
pub(super) fn calls(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let (pitch_hz, scale) = (log_uniform(rng, 120.0, 700.0), rng.random_range(0.8..1.7));
    let mut at = samples(rng.random_range(0.0..1.5));
    while at < sound.len() {
        let length = samples(log_uniform(rng, 0.15, 1.0));
        let mut open = Tract::new(&[(900.0, 120.0), (1500.0, 200.0), (2700.0, 300.0)], scale);
        let mut closed = Tract::new(&[(350.0, 80.0), (1900.0, 200.0), (2800.0, 300.0)], scale);
        let mut source = Source::new(pitch_hz * rng.random_range(0.9..1.1));
        add(sound, at, length, |x| {
            let voice = source.next(0.8 + 0.8 * x * (1.0 - x), 0.02, rng) + 0.05 * noise(rng);
            let mouth = 4.0 * x * (1.0 - x);
            envelope(x, 0.25) * (mouth * open.filter(voice) + (1.0 - mouth) * closed.filter(voice))
        });
        at += length + samples(rng.random_range(0.6..3.0));
    }
}

/// Crickets and other insects: a high tone in fast pulses.
pub(super) fn insects(rng: &mut ChaCha8Rng, sound: &mut [f64]) {
    let (hz, pulse_hz) = (log_uniform(rng, 2000.0, 3800.0), log_uniform(rng, 8.0, 70.0));
    let (mut tone, mut pulse, mut verse) = (Sine::new(rng), Sine::new(rng), Sine::new(rng));
    let verse_hz = log_uniform(rng, 0.2, 2.0);
    sound.fill_with(|| {
        let loud = pulse.next(pulse_hz).max(0.0) * (0.3 + verse.next(verse_hz)).clamp(0.0, 1.0);
        loud * tone.next(hz)
    });
}
