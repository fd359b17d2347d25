//! Every reader of `fuzz/src/readers.rs` on mutated copies of its seeds: no input may make it panic, hang or end the process.
//!
//! `WAIL_FUZZ_SECONDS=60` gives each reader that time instead of 300 inputs. A failure names the file with the input that caused
//! it; inputs are the same in every run.
#![allow(clippy::unwrap_used)]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;
#[path = "../crates/features/tests/hostile/mutator.rs"]
mod mutator;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Inputs of each reader if no time is given.
const INPUTS: u64 = 300;

/// An input that takes longer counts as one that never ends. Intact seeds take milliseconds.
const WATCHDOG: Duration = Duration::from_secs(60);

/// The folder of seeds, filled.
static CORPUS: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = Path::new(ROOT);
    assert!(std::process::Command::new(root.join("fuzz/seed.sh")).status().unwrap().success());
    root.join("fuzz/corpus")
});

/// Runs `read` on the seeds of `target`, intact and mutated.
fn run(target: &str, read: fn(&[u8])) {
    let entries = std::fs::read_dir(CORPUS.join(target)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let input = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{target}.input"));
    let (still_alive, alive) = channel();
    let watched = input.clone();
    std::thread::spawn(move || watch(&alive, &watched));

    seeds.iter().for_each(|seed| read(seed));
    let seconds = std::env::var("WAIL_FUZZ_SECONDS").ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let start = Instant::now();
    let mut number = 0;
    while seconds.map_or(number < INPUTS, |seconds| start.elapsed() < seconds) {
        let mut rng = ChaCha8Rng::seed_from_u64(number);
        let good = &seeds[number as usize % seeds.len()];
        let other = &seeds[number as usize / seeds.len() % seeds.len()];
        let mutated = mutator::mutate(good, other, &mut rng);
        // Before it is read, so that it is there even if the process ends.
        std::fs::write(&input, &mutated).unwrap();
        still_alive.send(()).unwrap();
        let result = std::panic::catch_unwind(|| read(&mutated));
        assert!(result.is_ok(), "{target}, input {number}: {} makes its reader panic", input.display());
        number += 1;
    }
    println!("{target}: {number} inputs in {:.0} s", start.elapsed().as_secs_f64());
    std::fs::remove_file(input).unwrap();
}

/// Ends the process if nothing arrives for too long.
fn watch(alive: &Receiver<()>, input: &Path) {
    loop {
        match alive.recv_timeout(WATCHDOG) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("{}: its reader does not end", input.display());
                std::process::abort();
            }
        }
    }
}

macro_rules! readers {
    ($($target:ident)*) => {
        const READERS: &[&str] = &[$(stringify!($target)),*];
        $(#[test]
        fn $target() {
            run(stringify!($target), fuzz::readers::$target);
        })*
    };
}

readers! { annotations audio config journal onnx pytorch recorder_csv recording_table run_folder safetensors split_csv tflite }

#[test]
fn every_fuzz_target_is_here() {
    let targets = std::fs::read_dir(Path::new(ROOT).join("fuzz/fuzz_targets")).unwrap();
    let mut targets: Vec<String> =
        targets.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    targets.sort();
    assert_eq!(targets, READERS);
}
