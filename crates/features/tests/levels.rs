//! Uncompressed, companded, ADPCM and lossless codecs and GSM, loud, quiet and silent: against the sound that was encoded,
//! and the lossy ones also against ffmpeg. Files and goldens are from `scripts/goldens/audio_fixtures.sh`.

use features::{Audio, Extractor, FeatureConfig};

fn decode(file: &str) -> Audio {
    let bytes = std::fs::read(format!("tests/fixtures/levels_{file}")).unwrap();
    let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
    extractor.decode(&bytes, None).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The sweep of the fixtures at 8 kHz: `n` samples each at 0.003 of full scale, at 0.99, and silent.
fn levels(n: usize) -> Vec<f64> {
    let gains = [0.003, 0.99, 0.0];
    let sample = |i: usize| {
        let t = i as f64 / 8000.0;
        gains[i / n] * (std::f64::consts::TAU * (300.0 * t + 1000.0 * t * t)).sin()
    };
    (0..3 * n).map(sample).collect()
}

/// Signal-to-noise ratio, dB.
fn snr(samples: &[f32], expected: &[f64]) -> f64 {
    let noise = samples.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>();
    10.0 * (expected.iter().map(|x| x * x).sum::<f64>() / noise).log10()
}

/// Codecs by their files; the samples of each level; the signal-to-noise ratio of the loud and of the quiet part, dB; and
/// the largest sample of the silence. The numbers were measured and hold for ffmpeg, too: docs/reliability.md.
const CODECS: [(&[&str], usize, f64, f64, f32); 11] = [
    (&["u8.wav", "s8.caf", "s8.aiff", "s8.au"], 160, 49.3, 0.0, 0.0),
    (
        &[
            "s16le.wav",
            "s16le.caf",
            "s16be.caf",
            "s16be.aiff",
            "s16le.aifc",
            "s16be.au",
            "16.flac",
            "16.m4a",
            "alac.caf",
        ],
        160,
        97.8,
        47.4,
        0.0,
    ),
    (&["s24le.wav", "s24le.caf", "s24be.caf", "s24be.aiff", "s24be.au", "24.flac", "24.m4a"], 160, 139.4, 89.9, 0.0),
    (&["s32le.wav", "s32le.caf", "s32be.caf", "s32be.aiff", "s32be.au"], 160, 153.9, 143.8, 0.0),
    (
        &[
            "f32le.wav",
            "f64le.wav",
            "f32le.caf",
            "f32be.caf",
            "f64le.caf",
            "f64be.caf",
            "f32be.aifc",
            "f64be.aifc",
            "f32be.au",
            "f64be.au",
        ],
        160,
        153.9,
        151.9,
        0.0,
    ),
    (&["mulaw.wav", "mulaw.caf", "mulaw.aifc", "mulaw.au"], 160, 39.1, 25.6, 0.0),
    (&["alaw.wav", "alaw.caf", "alaw.aifc", "alaw.au"], 160, 39.0, 22.0, 2.5e-4),
    (&["ima_1.wav"], 400, 17.1, 31.1, 0.038),
    (&["ms_1.wav"], 400, 19.6, 22.8, 0.035),
    (&["ima4_1.caf", "ima4.aifc"], 400, 17.1, 31.3, 0.041),
    (&["gsm.wav"], 400, 19.0, -2.0, 0.21),
];

#[test]
fn every_codec_keeps_its_signal_to_noise_ratio() {
    for (files, n, loud, quiet, silent) in CODECS {
        let expected = levels(n);
        for file in files {
            let Audio { samples, sample_rate_hz, warnings, .. } = decode(file);
            assert_eq!((sample_rate_hz, warnings), (8000, vec![]), "{file}");
            assert!(
                (expected.len()..expected.len() + 128).contains(&samples.len()),
                "{file}: {} samples",
                samples.len()
            );
            let found = [n..2 * n, 0..n].map(|part| snr(&samples[part.clone()], &expected[part]));
            let largest = samples[2 * n..3 * n].iter().fold(0.0_f32, |largest, sample| largest.max(sample.abs()));
            let measured = format!("{file}: {:.1} and {:.1} dB, {largest:.1e} at silence", found[0], found[1]);
            assert!(found[0] >= loud && found[1] >= quiet && largest <= silent, "{measured}");
        }
    }
}

#[test]
fn lossy_codecs_give_the_samples_of_ffmpeg() {
    let files = [
        ("mulaw.wav", 1),
        ("alaw.wav", 1),
        ("ima_1.wav", 1),
        ("ima_2.wav", 2),
        ("ms_1.wav", 1),
        ("ms_2.wav", 2),
        ("ima4_1.caf", 1),
        ("ima4_2.caf", 2),
        ("ima4.aifc", 1),
        ("gsm.wav", 1),
    ];
    for (file, n_channels) in files {
        let golden = std::fs::read(format!("tests/goldens/levels_{}.s16", file.replace('.', "_"))).unwrap();
        let audio = decode(file);
        assert_eq!(audio.source.n_channels, n_channels, "{file}");
        assert_eq!(audio.source.n_frames, Some(audio.samples.len() as u64), "{file}");
        assert!(audio.samples == features::mono_from_pcm16(&golden, n_channels), "{file}");
    }
}
