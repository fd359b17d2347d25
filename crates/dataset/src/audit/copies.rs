//! The same sound in several files: candidates by fingerprint, verified by correlation.

mod correlation;
pub(super) mod fingerprint;
mod landmark_index;

use rayon::prelude::*;
use serde::Serialize;

use super::families::Families;
use correlation::{Match, best_match};
use fingerprint::{Landmark, STEP_LENGTH};
use landmark_index::LandmarkIndex;

/// Increased whenever the same fingerprints give other copies than before; so is [`SPLITS_VERSION`](crate::SPLITS_VERSION).
pub(super) const COPIES_VERSION: u32 = 1;

/// Number of landmarks that must agree on one lag before two recordings are compared.
pub const MIN_VOTES: usize = 12;
/// Smallest correlation of two recordings with the same sound.
pub const MIN_CORRELATION: f64 = 0.6;
/// Largest difference between the true lag and the lag of the landmarks, samples at 8 kHz: two steps.
const LAG_REACH: usize = 2 * STEP_LENGTH;
/// Number of candidates that are compared before the families are updated.
const BATCH: usize = 64;
/// Sample rate of the waveforms, Hz.
const RATE_HZ: f64 = 8000.0;

/// Two recordings with the same sound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Copy {
    /// Index of one recording.
    pub a: usize,
    /// Index of the other, larger than `a`.
    pub b: usize,
    /// Absolute normalised correlation of the differenced 8 kHz waveforms over their overlap, 0.6 to 1.
    pub correlation: f64,
    /// Position of the start of `b` in `a`; negative if `b` starts earlier.
    pub lag_seconds: f64,
}

/// Two recordings whose landmarks agree on a lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub a: usize,
    pub b: usize,
    pub votes: usize,
    /// Position of the start of `b` in `a`, in steps.
    pub lag_steps: isize,
}

/// Pairs with at least `min_votes` landmarks at one lag, most votes first. `landmarks` has one list per recording.
pub(super) fn candidates(landmarks: &[&[Landmark]], min_votes: usize) -> Vec<Candidate> {
    let index = LandmarkIndex::new(landmarks);
    let mut candidates: Vec<Candidate> = (0..landmarks.len())
        .into_par_iter()
        .map_init(|| vec![0; landmarks.len()], |shared, a| candidates_of(a, landmarks[a], &index, shared, min_votes))
        .flatten_iter()
        .collect();
    candidates.sort_by_key(|candidate| (std::cmp::Reverse(candidate.votes), candidate.a, candidate.b));
    candidates
}

/// The candidates of recording `a` among later recordings. `shared`, `[n_recordings]`, is overwritten.
fn candidates_of(
    a: usize,
    landmarks: &[Landmark],
    index: &LandmarkIndex,
    shared: &mut [u16],
    min_votes: usize,
) -> Vec<Candidate> {
    // Few of the recordings that share a landmark share many, so they are counted before their lags are collected and sorted.
    shared.fill(0);
    for landmark in landmarks {
        for (b, _) in index.later(landmark, a) {
            shared[b] = shared[b].saturating_add(1);
        }
    }
    let mut votes: Vec<(u32, i32)> = Vec::new();
    for landmark in landmarks {
        let near = index.later(landmark, a).filter(|(b, _)| usize::from(shared[*b]) >= min_votes);
        votes.extend(near.map(|(b, step)| (b as u32, i32::from(landmark.step()) - i32::from(step))));
    }
    votes.sort_unstable();
    let best = votes.chunk_by(|x, y| x.0 == y.0).filter_map(|votes| {
        let (count, lag) = most_agreed(votes);
        let candidate = Candidate { a, b: votes[0].0 as usize, votes: count, lag_steps: lag as isize };
        (count >= min_votes).then_some(candidate)
    });
    best.collect()
}

/// The number of votes for the best lag, including those one step away, and that lag. `votes` are sorted by lag
/// and not empty.
fn most_agreed(votes: &[(u32, i32)]) -> (usize, i32) {
    let counts: Vec<(i32, usize)> = votes.chunk_by(|x, y| x.1 == y.1).map(|same| (same[0].1, same.len())).collect();
    let near = |lag: i32| counts.iter().find(|(other, _)| *other == lag).map_or(0, |(_, count)| *count);
    let agreed = counts.iter().map(|(lag, count)| (count + near(lag - 1) + near(lag + 1), *count, *lag));
    agreed.max_by_key(|(all, own, lag)| (*all, *own, -lag)).map_or((0, 0), |(all, _, lag)| (all, lag))
}

/// Compares candidates, most votes first, and joins the copies in `families`. Pairs that are already in one family are
/// skipped, so that a sound with a hundred copies needs a hundred comparisons. `waveform` returns a recording at 8 kHz,
/// or `None` if it can no longer be read.
pub(super) fn verified(
    candidates: &[Candidate],
    families: &mut Families,
    waveform: impl Fn(usize) -> Option<Vec<f32>> + Sync,
) -> Vec<Copy> {
    let mut copies = Vec::new();
    for batch in candidates.chunks(BATCH) {
        let open: Vec<&Candidate> = batch.iter().filter(|pair| !families.joined(pair.a, pair.b)).collect();
        let found: Vec<Copy> = open.par_iter().filter_map(|pair| compare(pair, &waveform)).collect();
        for copy in &found {
            families.join(copy.a, copy.b);
        }
        copies.extend(found);
    }
    copies.sort_by_key(|copy| (copy.a, copy.b));
    copies
}

/// A compared pair with its result; the two thresholds were chosen by these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// Index of one recording.
    pub a: usize,
    /// Index of the other, larger than `a`.
    pub b: usize,
    /// Number of landmarks that agree on one lag.
    pub votes: usize,
    /// Absolute normalised correlation over the overlap, 0 to 1; 0 if the overlap is too small.
    pub correlation: f64,
}

/// Compares every candidate, related or not.
pub(super) fn compared(candidates: &[Candidate], waveform: impl Fn(usize) -> Option<Vec<f32>> + Sync) -> Vec<Compared> {
    let compare = |pair: &Candidate| {
        let correlation = found(pair, &waveform).map_or(0.0, |found| found.correlation);
        Compared { a: pair.a, b: pair.b, votes: pair.votes, correlation }
    };
    candidates.par_iter().map(compare).collect()
}

fn found(pair: &Candidate, waveform: impl Fn(usize) -> Option<Vec<f32>>) -> Option<Match> {
    let expected = pair.lag_steps * STEP_LENGTH as isize;
    best_match(&waveform(pair.a)?, &waveform(pair.b)?, expected, LAG_REACH)
}

fn compare(pair: &Candidate, waveform: impl Fn(usize) -> Option<Vec<f32>>) -> Option<Copy> {
    let found = found(pair, waveform)?;
    (found.correlation >= MIN_CORRELATION).then_some(Copy {
        a: pair.a,
        b: pair.b,
        correlation: found.correlation,
        lag_seconds: found.lag as f64 / RATE_HZ,
    })
}

#[cfg(test)]
mod tests {
    use super::fingerprint::Fingerprinter;
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Four seconds of a synthetic voice: a gliding fundamental like that of a cry, four overtones and a little noise.
    fn sound(seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut phase, mut pitch_hz) = (0.0_f64, 450.0);
        let mut samples = Vec::new();
        for _ in 0..16 {
            let to_hz = rng.random_range(350.0..650.0);
            for i in 0..2000 {
                phase += std::f64::consts::TAU * (pitch_hz + (to_hz - pitch_hz) * f64::from(i) / 2000.0) / RATE_HZ;
                let voice: f64 =
                    (1..=5).map(|overtone| (f64::from(overtone) * phase).sin() / f64::from(overtone)).sum();
                samples.push((0.2 * voice) as f32 + rng.random_range(-0.002..0.002));
            }
            pitch_hz = to_hz;
        }
        samples
    }

    fn found(sounds: &[Vec<f32>]) -> Vec<Copy> {
        let fingerprinter = Fingerprinter::new();
        let landmarks: Vec<Vec<Landmark>> = sounds.iter().map(|sound| fingerprinter.landmarks(sound)).collect();
        let lists: Vec<&[Landmark]> = landmarks.iter().map(Vec::as_slice).collect();
        let mut families = Families::new(sounds.len());
        verified(&candidates(&lists, MIN_VOTES), &mut families, |index| Some(sounds[index].clone()))
    }

    /// A shift by nearly half of 8 ms, which moved the peaks of this glide when frames were 8 ms apart.
    #[test]
    fn copies_shifted_between_frames_are_found() {
        let original = sound(952);
        let copies = found(&[sound(1952), original.clone(), sound(2952), original[10_141..].to_vec()]);
        assert_eq!(copies.iter().map(|copy| (copy.a, copy.b)).collect::<Vec<_>>(), [(1, 3)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn copies_are_found_at_any_shift_and_gain(
            seed in 0_u64..1000,
            shift in 0_usize..12_000,
            gain in 0.001_f32..100.0,
        ) {
            let original = sound(seed);
            let copy: Vec<f32> = original[shift..].iter().map(|x| gain * x).collect();
            let copies = found(&[sound(seed + 1000), original, sound(seed + 2000), copy]);
            prop_assert_eq!(copies.len(), 1);
            prop_assert_eq!((copies[0].a, copies[0].b), (1, 3));
            prop_assert_eq!(copies[0].lag_seconds, shift as f64 / RATE_HZ);
            prop_assert!(copies[0].correlation > 0.999);
        }
    }

    #[test]
    fn many_copies_of_a_sound_form_one_family() {
        let original = sound(1);
        let many: Vec<Vec<f32>> = (0..30).map(|i| original[100 * i..].to_vec()).collect();
        let mut families = Families::new(many.len());
        found(&many).iter().for_each(|copy| families.join(copy.a, copy.b));
        assert_eq!(families.sets().len(), 1);
        assert_eq!(families.sets()[0].len(), 30);
    }
}
