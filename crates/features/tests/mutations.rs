//! Thousands of cut and damaged files of each format, under a memory limit: each gives a typed error or usable sound,
//! in time.
//!
//! `WAIL_MUTATIONS=100000` tries more than the default 20,000; `WAIL_MUTATION=N` tries only the N-th of each format.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "hostile/limited.rs"]
mod limited;
#[path = "hostile/mutator.rs"]
mod mutator;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use features::{Error, Extractor, FeatureConfig};
use limited::{doing, limited};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const MUTATIONS: u64 = 20_000;

/// Extensions of the supported formats.
const ALL: [&str; 14] =
    ["wav", "aiff", "aifc", "au", "caf", "flac", "mp3", "mp2", "ogg", "webm", "mka", "m4a", "mp4", "aac"];
/// Number of formats, with those counted as one that share a test below.
const FORMATS: u64 = 9;

/// Time limit for one file; each is a fraction of a second long.
const MAX_TIME: Duration = Duration::from_secs(2);
/// A file that takes longer counts as one that never ends.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Intact files of a format: all fixtures with these extensions.
fn good_files(extensions: &[&str]) -> Vec<(String, Vec<u8>)> {
    let names = std::fs::read_dir("tests/fixtures").unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let of_format = |name: &String| extensions.iter().any(|extension| name.ends_with(&format!(".{extension}")));
    let mut names: Vec<String> = names.filter(of_format).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), std::fs::read(format!("tests/fixtures/{name}")).unwrap())).collect()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}: not a number")))
}

/// Bytes to image. Checks the result and accepts only the errors that bad bytes may give.
fn use_file(extractor: &Extractor, bytes: &[u8], extension: Option<&str>) {
    match extractor.decode(bytes, extension) {
        Ok(audio) => {
            let max_samples = (7.05 * f64::from(audio.sample_rate_hz)).ceil() as usize;
            assert!((4000..=192_000).contains(&audio.sample_rate_hz), "{} Hz", audio.sample_rate_hz);
            assert!((1..=max_samples).contains(&audio.samples.len()), "{} samples", audio.samples.len());
            assert!(audio.samples.iter().all(|sample| sample.is_finite()), "all samples are finite");
            let image = extractor.image(&extractor.log_mel(&extractor.waveform(&audio)));
            assert!(image.len() == 224 * 224 && image.iter().all(|x| (0.0..=1.0).contains(x)), "an image in 0..1");
        }
        Err(Error::Malformed(_) | Error::Unsupported(_) | Error::Limit(_) | Error::Empty | Error::NotFinite(_)) => {}
        Err(other) => panic!("{other:?}"),
    }
}

/// Aborts the process if the number stays the same for too long.
fn watch(current: &'static AtomicU64) {
    std::thread::spawn(move || {
        let (mut seen, mut since) = (u64::MAX, Instant::now());
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let now = current.load(Ordering::Relaxed);
            if now != seen {
                (seen, since) = (now, Instant::now());
            } else if since.elapsed() > WATCHDOG {
                eprintln!("decoding does not end");
                std::process::abort();
            }
        }
    });
}

#[test]
fn fixtures_may_be_cut_anywhere() {
    limited(|| {
        let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
        for (name, bytes) in good_files(&ALL) {
            for length in (0..bytes.len().min(128)).chain((128..bytes.len()).step_by(bytes.len() / 200 + 1)) {
                doing(&format!("{name} cut to {length} bytes"));
                use_file(&extractor, &bytes[..length], name.rsplit('.').next());
            }
        }
    });
}

fn mutations_of(extensions: &'static [&'static str]) {
    limited(|| {
        static CURRENT: AtomicU64 = AtomicU64::new(0);
        watch(&CURRENT);
        let all = good_files(&ALL);
        let good = good_files(extensions);
        assert!(!good.is_empty());
        let count = number("WAIL_MUTATIONS").unwrap_or(MUTATIONS).div_ceil(FORMATS);
        let numbers = number("WAIL_MUTATION").map_or(0..count, |one| one..one + 1);
        let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
        for number in numbers {
            let (name, bytes) = &good[number as usize % good.len()];
            let mut rng = ChaCha8Rng::seed_from_u64(number);
            let (_, other) = &all[number as usize / good.len() % all.len()];
            let mutated = mutator::mutate(bytes, other, &mut rng);
            doing(&format!("{name}: replay with WAIL_MUTATION={number}"));
            CURRENT.store(number, Ordering::Relaxed);
            let time = || {
                let start = Instant::now();
                use_file(&extractor, &mutated, name.rsplit('.').next());
                start.elapsed()
            };
            // The fastest of three tries counts: other work on the machine may delay one of them.
            assert!((0..3).any(|_| time() < MAX_TIME), "{name}, mutation {number}, takes over {MAX_TIME:?}");
        }
    });
}

#[test]
fn mutations_of_wav() {
    mutations_of(&["wav"]);
}

#[test]
fn mutations_of_aiff() {
    mutations_of(&["aiff", "aifc"]);
}

#[test]
fn mutations_of_au() {
    mutations_of(&["au"]);
}

#[test]
fn mutations_of_flac() {
    mutations_of(&["flac"]);
}

#[test]
fn mutations_of_mpeg_audio() {
    mutations_of(&["mp3", "mp2"]);
}

#[test]
fn mutations_of_ogg() {
    mutations_of(&["ogg"]);
}

#[test]
fn mutations_of_webm() {
    mutations_of(&["webm", "mka"]);
}

#[test]
fn mutations_of_m4a_and_aac() {
    mutations_of(&["m4a", "mp4", "aac"]);
}

#[test]
fn mutations_of_caf() {
    mutations_of(&["caf"]);
}
