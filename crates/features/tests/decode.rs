//! Every supported format, from the fixtures of `scripts/goldens/audio_fixtures.sh`: a sweep whose formula is known.

use crate::sound::wav;
use features::{Audio, Error, Extractor, FeatureConfig};

fn fixture(file: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new("tests/fixtures").join(file)).unwrap()
}

fn decode(bytes: &[u8], extension: Option<&str>) -> Result<Audio, Error> {
    Extractor::new(&FeatureConfig::default()).unwrap().decode(bytes, extension)
}

fn decode_fixture(file: &str) -> Audio {
    decode(&fixture(file), file.rsplit('.').next()).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// 0.4 s from 300 to 1100 Hz.
fn sweep(gain: f64, rate_hz: u32) -> Vec<f32> {
    let value = |t: f64| (gain * (std::f64::consts::TAU * (300.0 * t + 1000.0 * t * t)).sin()) as f32;
    (0..rate_hz * 2 / 5).map(|i| value(f64::from(i) / f64::from(rate_hz))).collect()
}

#[test]
fn lossless_formats_give_the_sweep_up_to_quantisation() {
    let half_step_16 = 0.5 / 32_768.0 + 1e-7; // plus the rounding to float32
    let cases = [
        ("pcm_u8.wav", 0.5, 0.5 / 128.0 + 1e-7),
        ("pcm_s16le.wav", 0.5, half_step_16),
        ("pcm_s24le.wav", 0.5, 1.5e-7),
        ("pcm_s32le.wav", 0.5, 1e-7),
        ("pcm_f32le.wav", 0.5, 1e-7),
        ("pcm_f64le.wav", 0.5, 1e-7),
        // The steps of mu-law grow with the signal: 1/32 above about 1/2.
        ("pcm_mulaw.wav", 0.5, 0.5 / 32.0 + 1e-7),
        // The gain is the mean of the channels' gains; each channel is rounded.
        ("extensible_4_channels.wav", 0.125, half_step_16),
        ("stereo.flac", 0.125, half_step_16),
    ];
    for (file, gain, tolerance) in cases {
        let audio = decode_fixture(file);
        assert_eq!((audio.sample_rate_hz, audio.samples.len()), (8000, 3200), "{file}");
        assert!(audio.warnings.is_empty(), "{file}: {:?}", audio.warnings);
        let expected = sweep(gain, 8000);
        let most = audio.samples.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most <= tolerance, "{file}: {most}");
    }
}

#[test]
fn lossless_compression_gives_the_same_samples() {
    let expected = decode_fixture("pcm_s16le.wav");
    for file in ["pcm_s16le.caf", "mono.flac", "alac.m4a"] {
        assert_eq!(decode_fixture(file).samples, expected.samples, "{file}");
    }
}

#[test]
fn the_source_describes_the_headers() {
    for (file, container, codec, n_channels, bits) in [
        ("pcm_s16le.wav", "wave", "pcm_s16le", 1, 16),
        ("pcm_s24le.wav", "wave", "pcm_s24le", 1, 24),
        ("extensible_4_channels.wav", "wave", "pcm_s16le", 4, 16),
        ("stereo.flac", "flac", "flac", 2, 16),
        ("pcm_s16le.caf", "caf", "pcm_s16le", 1, 16),
    ] {
        let source = decode_fixture(file).source;
        assert_eq!((source.container.as_str(), source.codec.as_str()), (container, codec), "{file}");
        let numbers = (source.n_channels, source.bits_per_sample, source.n_frames);
        assert_eq!(numbers, (n_channels, Some(bits), Some(3200)), "{file}");
    }
    for (file, container, codec) in
        [("mono.mp3", "mp3", "mp3"), ("vorbis.ogg", "ogg", "vorbis"), ("aac.m4a", "isomp4", "aac")]
    {
        let source = decode_fixture(file).source;
        assert_eq!((source.container.as_str(), source.codec.as_str()), (container, codec), "{file}");
        assert_eq!(source.bits_per_sample, None, "{file}");
    }
}

/// Correlation of `samples`, from index `delay` on, with `expected`, -1 to 1.
fn correlation(samples: &[f32], delay: usize, expected: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let sound = &samples[delay..delay + expected.len()];
    dot(sound, expected) / (dot(sound, sound) * dot(expected, expected)).sqrt()
}

#[test]
fn lossy_formats_correlate_with_the_sweep() {
    // Extra samples at the end fill the last block of the codec. AAC also starts with a block that primes the decoder, which
    // only a container can say.
    let cases = [
        ("adpcm_ms.wav", 8000, 0.5, 0, 872),
        ("vorbis.ogg", 16_000, 0.5, 0, 0),
        ("mono.mp3", 16_000, 0.5, 0, 0),
        ("stereo.mp3", 44_100, 0.375, 0, 0),
        ("aac.m4a", 16_000, 0.5, 0, 0),
        ("aac.aac", 16_000, 0.5, 1024, 768),
    ];
    for (file, rate_hz, gain, delay, extra) in cases {
        let audio = decode_fixture(file);
        assert_eq!(audio.sample_rate_hz, rate_hz, "{file}");
        assert!(audio.warnings.is_empty(), "{file}: {:?}", audio.warnings);
        let expected = sweep(gain, rate_hz);
        assert_eq!(audio.samples.len(), delay + expected.len() + extra, "{file}");
        // ffmpeg's AAC encoder overshoots at the abrupt start of the sweep; the others reach 0.997.
        assert!(correlation(&audio.samples, delay, &expected) > 0.99, "{file}");
        let energy = |samples: &[f32]| samples.iter().map(|x| x * x).sum::<f32>();
        assert!((energy(&audio.samples) / energy(&expected) - 1.0).abs() < 0.1, "{file}");
    }
}

#[test]
fn the_extension_is_only_a_hint() {
    for file in [
        "mono.flac",
        "mono.mp3",
        "vorbis.ogg",
        "aac.m4a",
        "pcm_s16le.caf",
        "pcm_s24le.wav",
        "levels_s16be.aiff",
        "levels_gsm.wav",
    ] {
        let expected = decode_fixture(file);
        for extension in [None, Some(""), Some("xyz"), Some("wav"), Some("mp3")] {
            assert_eq!(decode(&fixture(file), extension).unwrap(), expected, "{file} as {extension:?}");
        }
    }
}

#[test]
fn only_as_much_as_the_clip_needs_is_decoded() {
    let needed = (7.05 * 8000.0) as usize; // the clip and the reach of the resampler
    let n = 20 * 8000;
    let pcm = wav::pcm16(8000, 1, &(0..n).map(|i| i as i16).collect::<Vec<_>>());
    assert_eq!(decode(&pcm, None).unwrap().samples.len(), needed);

    // NaN is an error within the clip and is not read beyond it.
    for (bad, accepted) in [(needed - 1, false), (needed, true)] {
        let sample = |i| if i == bad { f32::NAN } else { (i % 100) as f32 / 100.0 };
        let data: Vec<u8> = (0..n).flat_map(|i| sample(i).to_le_bytes()).collect();
        let format = wav::Format { tag: 3, channels: 1, rate_hz: 8000, bits: 32 };
        let float = wav::claiming(format, data.len() as u32, &data);
        match decode(&float, None) {
            Ok(audio) => assert!(accepted && audio.samples.len() == needed),
            Err(error) => assert!(!accepted && matches!(error, Error::NotFinite(at) if at == bad), "{error}"),
        }
    }
}
