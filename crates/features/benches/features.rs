//! Time from bytes to image, by step and in total, on one thread: `cargo bench -p features`. The time includes dropping
//! the result, because the next file reuses its memory.
//!
//! Two benchmarks need the recordings of cry512, from `WAIL_DATA` or `../shared/data`.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use features::{Extractor, FeatureConfig};

fn main() {
    if RECORDINGS.is_empty() {
        eprintln!("SKIPPED, real recordings: cry512 was not found; set WAIL_DATA to its folder");
    }
    divan::main();
}

/// Sample rate and channels of the synthetic clips: those of cry512.
const CLIPS: [(u32, u16); 2] = [(8000, 1), (44_100, 2)];

static RECORDINGS: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("WAIL_DATA").map_or(shared, PathBuf::from);
    let mut files = Vec::new();
    collect(&if data.join("raw").is_dir() { data } else { data.join("cry512") }, &mut files);
    files.sort();
    files
});

/// Adds the WAV files below `folder`; a missing folder has none.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "wav") {
            files.push(path);
        }
    }
}

fn extractor() -> Extractor {
    Extractor::new(&FeatureConfig::default()).unwrap()
}

/// 7 s of noise as a 16-bit PCM WAV file.
fn clip((rate_hz, channels): (u32, u16)) -> Vec<u8> {
    let block = 2 * channels;
    let n_bytes = 7 * rate_hz * u32::from(block);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((n_bytes + 36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend((rate_hz * u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend(n_bytes.to_le_bytes());
    let mut noise: u32 = 1;
    bytes.extend((0..n_bytes).map(|_| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    }));
    bytes
}

#[divan::bench(args = CLIPS)]
fn decode(bencher: Bencher, kind: (u32, u16)) {
    let (extractor, bytes) = (extractor(), clip(kind));
    bencher.bench(|| drop(extractor.decode(black_box(&bytes), None)));
}

/// Resampling, clipping and padding; only a copy at 8 kHz.
#[divan::bench(args = CLIPS)]
fn waveform(bencher: Bencher, kind: (u32, u16)) {
    let extractor = extractor();
    let audio = extractor.decode(&clip(kind), None).unwrap();
    bencher.bench(|| drop(extractor.waveform(black_box(&audio))));
}

#[divan::bench]
fn log_mel(bencher: Bencher) {
    let extractor = extractor();
    let waveform = extractor.waveform(&extractor.decode(&clip(CLIPS[0]), None).unwrap());
    bencher.bench(|| drop(extractor.log_mel(black_box(&waveform))));
}

#[divan::bench]
fn resize(bencher: Bencher) {
    let extractor = extractor();
    let log_mel = vec![0.5; 128 * 219];
    bencher.bench(|| drop(extractor.image(black_box(&log_mel))));
}

#[divan::bench(args = CLIPS)]
fn bytes_to_image(bencher: Bencher, kind: (u32, u16)) {
    let (extractor, bytes) = (extractor(), clip(kind));
    bencher.bench(|| drop(extractor.record_from_bytes(black_box(&bytes), None)));
}

/// All of cry512, already in memory.
#[divan::bench(sample_count = 7, sample_size = 1)]
fn recordings_in_memory(bencher: Bencher) {
    let extractor = extractor();
    let recordings: Vec<Vec<u8>> = RECORDINGS.iter().map(|path| std::fs::read(path).unwrap()).collect();
    bencher.counter(ItemsCount::new(recordings.len())).bench(|| {
        for bytes in &recordings {
            black_box(extractor.record_from_bytes(bytes, None).unwrap());
        }
    });
}

/// All of cry512, read from files in the page cache.
#[divan::bench(sample_count = 7, sample_size = 1)]
fn recordings_from_files(bencher: Bencher) {
    let extractor = extractor();
    bencher.counter(ItemsCount::new(RECORDINGS.len())).bench_local(|| {
        for path in RECORDINGS.iter() {
            black_box(extractor.record_from_file(path).unwrap());
        }
    });
}
