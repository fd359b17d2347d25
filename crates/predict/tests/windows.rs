//! Windows of a recording: the same answer by every way, where they begin and end, and what is refused.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use model::{Compute, DeviceName, EngineName};
use predict::{Classifier, Error, Listener, Options, Prediction, Span, Window, Windows};

const OPTIONS: Options = Options { top_k: 3, min_confidence: None, coverage: None };
const RATE_HZ: u32 = 16_000;

fn classifier() -> Classifier {
    let compute = Compute::new(DeviceName::Cpu, EngineName::Rten).unwrap();
    Classifier::find(None, Path::new(""), &compute).unwrap()
}

/// 16-bit samples of `seconds`: a tone that rises from 200 Hz and swells, so that no two windows are the same.
fn sweep(seconds: f64) -> Vec<i16> {
    let n = (seconds * f64::from(RATE_HZ)) as usize;
    let sample = |i: usize| {
        let time = i as f64 / f64::from(RATE_HZ);
        (2000.0 * (1.0 + time) * (std::f64::consts::TAU * (200.0 + 60.0 * time) * time).sin()) as i16
    };
    (0..n).map(sample).collect()
}

/// The samples as a WAV file.
fn wav(samples: &[i16]) -> Vec<u8> {
    let n_bytes = 2 * samples.len() as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + n_bytes).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(RATE_HZ.to_le_bytes());
    bytes.extend((2 * RATE_HZ).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(n_bytes.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// Passes `samples` to a listener in pieces of `piece` samples; returns the windows after all pieces, and those of the end.
fn listen(windows: Windows, samples: &[i16], piece: usize) -> [Vec<(Span, Prediction)>; 2] {
    let classifier = classifier();
    let mut listener = Listener::new(&classifier, windows, OPTIONS, RATE_HZ).unwrap();
    let mut found = [vec![], vec![]];
    for samples in samples.chunks(piece) {
        let samples: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        let sink = &mut |window: Window| -> Result<(), Error> {
            found[0].push((window.span, window.prediction));
            Ok(())
        };
        listener.push(&samples, sink).unwrap();
    }
    assert_eq!(listener.seconds(), samples.len() as f64 / f64::from(RATE_HZ));
    let sink = &mut |window: Window| -> Result<(), Error> {
        found[1].push((window.span, window.prediction));
        Ok(())
    };
    listener.finish(sink).unwrap();
    found
}

fn times(found: &[(Span, Prediction)]) -> Vec<(f64, f64)> {
    found.iter().map(|(span, _)| (span.start_seconds, span.end_seconds)).collect()
}

#[test]
fn a_window_has_the_answer_of_a_recording_that_starts_there_by_every_way() {
    let classifier = classifier();
    let samples = sweep(12.0);
    let bytes = wav(&samples);
    let windows = Windows { window_seconds: 7.0, hop_seconds: 2.5 };
    let expected: Vec<Prediction> = [0.0, 2.5, 5.0, 7.5]
        .map(|start| {
            let start = (start * f64::from(RATE_HZ)) as usize;
            classifier.classify(&wav(&samples[start..]), Some("wav"), &OPTIONS).unwrap()
        })
        .into();
    assert_ne!(expected[0].all_probs, expected[3].all_probs, "the windows differ");

    let clips = classifier.cut(&bytes, Some("wav"), Some(&windows)).unwrap();
    let most = classifier.max_images_len(Some(&windows)).unwrap();
    assert_eq!(
        (clips.images.len(), most),
        (5 * classifier.features().record_len(), 48 * classifier.features().record_len())
    );
    let cut: Vec<Prediction> = classifier.outputs(&clips.images).unwrap()[1..]
        .iter()
        .map(|output| classifier.decide(output, &OPTIONS, vec![]).unwrap())
        .collect();
    let mut streamed = vec![];
    let file = tempfile::NamedTempFile::with_suffix(".wav").unwrap();
    std::fs::write(&file, &bytes).unwrap();
    let (seconds, warnings) = classifier
        .listen_to_file(file.path(), windows, &OPTIONS, |window| -> Result<(), Error> {
            streamed.push((window.span, window.prediction));
            Ok(())
        })
        .unwrap();
    assert_eq!((seconds, warnings), (12.0, vec![]));
    let spans = [(0.0, 7.0), (2.5, 9.5), (5.0, 12.0), (7.5, 12.0)];
    assert_eq!(clips.windows.iter().map(|span| (span.start_seconds, span.end_seconds)).collect::<Vec<_>>(), spans);
    let ways = [1, 777, 50_000].map(|piece| listen(windows, &samples, piece).concat());
    for way in [&streamed].into_iter().chain(&ways) {
        assert_eq!(times(way), spans);
    }
    let ways =
        ways.into_iter().chain([streamed]).map(|way| way.into_iter().map(|(_, prediction)| prediction).collect());
    for way in ways.chain([cut]) {
        let way: Vec<Prediction> = way;
        for (found, expected) in way.iter().zip(&expected) {
            assert_eq!((&found.label, found.not_a_cry), (&expected.label, expected.not_a_cry));
            for (label, probability) in &expected.all_probs {
                assert!((found.all_probs[label] - probability).abs() < 1e-6, "{label}");
            }
        }
    }
}

#[test]
fn a_window_is_complete_once_the_resampler_has_what_follows_it() {
    let windows = Windows { window_seconds: 2.0, hop_seconds: 1.0 };
    for (seconds, early, late) in [
        (0.0, vec![], vec![]),
        (0.5, vec![], vec![(0.0, 0.5)]),
        (2.0, vec![], vec![(0.0, 2.0), (1.0, 2.0)]),
        (2.1, vec![(0.0, 2.0)], vec![(1.0, 2.1)]),
        (3.5, vec![(0.0, 2.0), (1.0, 3.0)], vec![(2.0, 3.5)]),
    ] {
        let found = listen(windows, &sweep(seconds), 1000);
        assert_eq!((times(&found[0]), times(&found[1])), (early, late), "{seconds} s");
    }
}

#[test]
fn a_window_is_complete_with_the_last_sample_that_the_resampler_needs() {
    // 2 s and the 0.05 s after them.
    let needed = 2 * RATE_HZ as usize + RATE_HZ as usize / 20;
    let windows = Windows { window_seconds: 2.0, hop_seconds: 2.0 };
    let samples = sweep(3.0);
    for (n_samples, expected) in [(needed - 1, 0), (needed, 1)] {
        assert_eq!(listen(windows, &samples[..n_samples], 1000)[0].len(), expected, "{n_samples} samples");
    }
}

#[test]
fn the_reach_of_the_windows_decides_how_much_of_a_recording_is_used() {
    let classifier = classifier();
    let bytes = wav(&sweep(9.0));
    let of = |windows: Option<Windows>| classifier.cut(&bytes, Some("wav"), windows.as_ref()).unwrap();
    assert_eq!(of(None).warnings, ["only the first 7 s were used"]);
    assert_eq!((of(None).windows.len(), of(None).images.len()), (0, classifier.features().record_len()));
    // 240 windows of 0.5 s every 0.1 s end at 24.4 s.
    let short = of(Some(Windows { window_seconds: 0.5, hop_seconds: 0.1 }));
    assert_eq!((short.warnings.len(), short.windows.len(), short.levels_dbfs.len()), (0, 88, 88));
    let long = of(Some(Windows { window_seconds: 7.0, hop_seconds: 1.0 }));
    assert_eq!((long.warnings.len(), long.windows.len()), (0, 6));
}

#[test]
fn windows_and_coverages_that_the_model_does_not_have_are_refused_before_any_sound() {
    let classifier = classifier();
    let bad = Windows { window_seconds: 7.5, hop_seconds: 1.0 };
    let good = Windows { window_seconds: 7.0, hop_seconds: 7.0 };
    let coverage = Options { coverage: Some(0.123), ..OPTIONS };
    assert!(matches!(Listener::new(&classifier, bad, OPTIONS, RATE_HZ).err(), Some(Error::Windows(_))));
    assert!(matches!(Listener::new(&classifier, good, coverage, RATE_HZ).err(), Some(Error::Coverage { .. })));
    assert!(matches!(classifier.cut(b"no sound", None, Some(&bad)), Err(Error::Windows(_))));
    assert!(matches!(classifier.max_images_len(Some(&bad)), Err(Error::Windows(_))));
    assert!(matches!(classifier.classify(b"no sound", None, &coverage), Err(Error::Coverage { .. })));
    assert!(matches!(classifier.classify(b"no sound", None, &OPTIONS), Err(Error::Sound(_))));
}
