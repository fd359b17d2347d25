//! A segment of a file is the sound of the file between two times, in every format.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use features::{Error, Extractor, FeatureConfig, Segment, Warning};

fn extractor() -> Extractor {
    Extractor::new(&FeatureConfig::default()).unwrap()
}

fn segment(start_ms: u64, end_ms: Option<u64>) -> Segment {
    Segment { start: Duration::from_millis(start_ms), end: end_ms.map(Duration::from_millis) }
}

/// All samples of a file, and their rate, Hz.
fn whole(path: &Path) -> Option<(Vec<f32>, u32)> {
    let (mut samples, mut rate_hz) = (Vec::new(), 0);
    let sink = &mut |piece: &[f32], rate: u32| {
        samples.extend_from_slice(piece);
        rate_hz = rate;
        ControlFlow::Continue(())
    };
    extractor().stream_file(path, sink).ok().map(|_| (samples, rate_hz))
}

fn fixtures() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir("tests/fixtures").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

#[test]
fn a_segment_has_the_samples_between_its_times_in_every_format() {
    let extractor = extractor();
    let mut n_files = 0;
    for path in fixtures() {
        let Some((samples, rate_hz)) = whole(&path) else { continue };
        let n = |ms: usize| (ms * rate_hz as usize).div_euclid(1000);
        // Times at which every rate has whole samples.
        for (start, end) in [(0, 100), (20, 60), (100, 180)] {
            if n(end) > samples.len() || (n(start) * 1000) % rate_hz as usize != 0 {
                continue;
            }
            let found = extractor.decode_segment(&path, &segment(start as u64, Some(end as u64))).unwrap();
            assert_eq!(found.sample_rate_hz, rate_hz, "{}", path.display());
            assert!(found.samples == samples[n(start)..n(end)], "{}, {start} to {end} ms", path.display());
            assert_eq!(found.rest_seconds, 0.0, "{}", path.display());
            let others = [segment(start as u64, Some(end as u64)), segment(0, Some(50)), segment(start as u64, None)];
            let all = extractor.decode_segments(&path, &others);
            assert!(all[0].as_ref().unwrap() == &found, "{} in one pass", path.display());
            for (one, segment) in all.iter().zip(&others) {
                assert!(
                    one.as_ref().unwrap() == &extractor.decode_segment(&path, segment).unwrap(),
                    "{}",
                    path.display()
                );
            }
            n_files += usize::from(start > 0);
        }
    }
    assert!(n_files > 20, "{n_files}");
}

#[test]
fn a_segment_without_end_reaches_to_the_end_and_one_beyond_it_is_named() {
    let path = Path::new("tests/fixtures/pcm_s16le.wav");
    let (samples, rate_hz) = whole(path).unwrap();
    let seconds = samples.len() as f64 / f64::from(rate_hz);
    let extractor = extractor();
    let open = extractor.decode_segment(path, &segment(100, None)).unwrap();
    assert!(open.samples == samples[rate_hz as usize / 10..] && open.warnings.is_empty());
    let ms = (seconds * 1000.0) as u64;
    let beyond = extractor.decode_segment(path, &segment(100, Some(ms + 500))).unwrap();
    assert_eq!((beyond.samples == open.samples, &beyond.warnings[..]), (true, &[Warning::BeyondEnd][..]));
    let rounded = extractor.decode_segment(path, &segment(100, Some(ms + 5))).unwrap();
    assert!(rounded.warnings.is_empty(), "{:?}", rounded.warnings);
    let after = extractor.decode_segment(path, &segment(ms + 500, Some(ms + 900))).unwrap_err();
    assert!(matches!(after, Error::AfterEnd { seconds: found, .. } if (found - seconds).abs() < 1e-3), "{after}");
}

#[test]
fn a_segment_that_cannot_be_decoded_leaves_the_others_of_its_file() {
    let extractor = extractor();
    for name in ["mono.flac", "mono.mp3", "opus.ogg", "pcm_s16le.wav", "levels_gsm.wav"] {
        let path = Path::new("tests/fixtures").join(name);
        let found = extractor.decode_segments(&path, &[segment(10, Some(60)), segment(90_000, None)]);
        assert!(found[0].is_ok() && matches!(found[1], Err(Error::AfterEnd { .. })), "{name}");
    }
    assert!(extractor.decode_segments(Path::new("nowhere.mp3"), &[segment(0, None)])[0].is_err());
}

#[test]
fn a_long_segment_is_decoded_as_far_as_a_clip_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let samples: Vec<u8> = (0..8000 * 30).flat_map(|i| ((i % 30_000) as i16).to_le_bytes()).collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + samples.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    wav.extend((samples.len() as u32).to_le_bytes());
    std::fs::write(&path, [wav, samples].concat()).unwrap();
    let extractor = extractor();
    let found = extractor.decode_segment(&path, &segment(10_000, Some(25_000))).unwrap();
    assert!(found.samples.len() < 8000 * 8 && found.rest_seconds > 0.0, "{}", found.samples.len());
    assert_eq!(found.samples[..3], [20_000, 20_001, 20_002].map(|sample| sample as f32 / 32768.0));
    let record = extractor.record(&found);
    assert_eq!(record.len(), extractor.config().record_len());
}
