//! Damaged and malicious files: each gives a typed error or the sound that could be recovered, in little memory.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "hostile/limited.rs"]
mod limited;
#[path = "sound/wav.rs"]
mod wav;

use features::{Audio, Error, Extractor, FeatureConfig, Warning};
use limited::limited;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn decode(bytes: &[u8], extension: Option<&str>) -> Result<Audio, Error> {
    Extractor::new(&FeatureConfig::default()).unwrap().decode(bytes, extension)
}

fn fixture(file: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new("tests/fixtures").join(file)).unwrap()
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Malformed(_) => "malformed",
        Error::Unsupported(_) => "unsupported",
        Error::Limit(_) => "limit",
        Error::Empty => "empty",
        Error::NotFinite(_) => "not finite",
        other => panic!("{other}"),
    }
}

/// 16-bit PCM, or what claims to be another codec, as a Core Audio file (Apple Core Audio Format Specification 1.0).
fn caf(codec: &[u8; 4], rate_hz: f64, channels: u32, frames_per_packet: u32) -> Vec<u8> {
    let mut bytes = b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20".to_vec();
    bytes.extend(rate_hz.to_be_bytes());
    bytes.extend(codec);
    bytes.extend([0; 4]);
    for field in [channels.wrapping_mul(2), frames_per_packet, channels, 16] {
        bytes.extend(field.to_be_bytes());
    }
    bytes.extend(b"data\0\0\0\0\0\0\x10\x04\0\0\0\0");
    bytes.extend((0..4096).map(|i| i as u8));
    bytes
}

/// Float samples.
fn float_wav(channels: u16, rate_hz: u32, samples: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    wav::claiming(wav::Format { tag: 3, channels, rate_hz, bits: 32 }, data.len() as u32, &data)
}

fn pcm(channels: u16, rate_hz: u32) -> Vec<u8> {
    wav::pcm16(rate_hz, channels, &(0..8000).collect::<Vec<_>>())
}

#[test]
fn bad_files_give_the_right_kind_of_error() {
    limited(|| {
        assert!(decode(&caf(b"lpcm", 8000.0, 1, 1), None).is_ok(), "the CAF itself is valid");
        let noise: Vec<u8> = ChaCha8Rng::seed_from_u64(1).random_iter().take(10_000).collect();
        let tone = [0.1, 0.2, 0.3, 0.4];
        let with = |sample| [0.1, 0.2, sample, 0.4];
        let mut huge_chunk = pcm(1, 8000);
        huge_chunk.splice(12..12, *b"JUNK\xff\xff\xff\xff");
        let cases: Vec<(&str, Vec<u8>, &str)> = vec![
            ("no bytes", vec![], "empty"),
            ("header only", wav::pcm16(8000, 1, &[]), "empty"),
            ("header only, float", float_wav(1, 8000, &[]), "empty"),
            ("text", b"This is not a sound file, it only says so.\n".repeat(100), "unsupported"),
            ("random bytes", noise, "unsupported"),
            ("zeros", vec![0; 10_000], "unsupported"),
            ("4 bytes", b"RIFF".to_vec(), "unsupported"),
            ("NaN", float_wav(1, 8000, &with(f32::NAN)), "not finite"),
            ("infinity", float_wav(1, 8000, &with(f32::NEG_INFINITY)), "not finite"),
            ("0 Hz", pcm(1, 0), "unsupported"),
            ("1 Hz", pcm(1, 1), "unsupported"),
            ("3999 Hz", pcm(1, 3999), "unsupported"),
            ("192001 Hz", pcm(1, 192_001), "unsupported"),
            ("4.29 GHz", pcm(1, u32::MAX), "unsupported"),
            ("0 Hz, float", float_wav(1, 0, &tone), "unsupported"),
            ("1 Hz, float", float_wav(1, 1, &tone), "unsupported"),
            ("4.29 GHz, float", float_wav(1, u32::MAX, &tone), "unsupported"),
            ("0 Hz, CAF", caf(b"lpcm", 0.0, 1, 1), "unsupported"),
            ("NaN Hz, CAF", caf(b"lpcm", f64::NAN, 1, 1), "unsupported"),
            ("infinite rate, CAF", caf(b"lpcm", f64::INFINITY, 1, 1), "unsupported"),
            ("negative rate, CAF", caf(b"lpcm", -8000.0, 1, 1), "unsupported"),
            ("0 channels", pcm(0, 8000), "unsupported"),
            ("9 channels", pcm(9, 8000), "unsupported"),
            ("100 channels", pcm(100, 8000), "unsupported"),
            ("65535 channels", pcm(65_535, 8000), "unsupported"),
            ("0 channels, float", float_wav(0, 8000, &tone), "unsupported"),
            ("9 channels, float", float_wav(9, 8000, &tone), "unsupported"),
            ("100 channels, float", float_wav(100, 8000, &tone), "unsupported"),
            ("65535 channels, float", float_wav(65_535, 8000, &tone), "unsupported"),
            ("4 billion channels, CAF", caf(b"lpcm", 8000.0, u32::MAX, 1), "unsupported"),
            ("2 frames a packet, CAF", caf(b"lpcm", 8000.0, 1, 2), "unsupported"),
            ("0 frames a packet, CAF", caf(b"lpcm", 8000.0, 1, 0), "unsupported"),
            ("4 billion frames a packet, ALAC in CAF", caf(b"alac", 8000.0, 1, u32::MAX), "limit"),
            ("65537 frames a packet, ALAC in CAF", caf(b"alac", 8000.0, 1, 65_537), "limit"),
            (
                "65536 frames a packet, ALAC in CAF without its description",
                caf(b"alac", 8000.0, 1, 65_536),
                "unsupported",
            ),
            ("4 GB chunk before the sound", huge_chunk, "malformed"),
        ];
        for (case, bytes, expected) in &cases {
            for extension in [None, Some("wav"), Some("mp3")] {
                let error = decode(bytes, extension).expect_err(case);
                assert_eq!(kind(&error), *expected, "{case}: {error}");
            }
        }
    });
}

#[test]
fn unsupported_formats_are_named_with_advice() {
    // The same track, as if it were of another codec.
    let mp4 = |code: &[u8; 4]| {
        let mut bytes = fixture("aac.m4a");
        for (before, after) in [(b"mp4a", code), (b"esds", b"free")] {
            let at = bytes.windows(4).position(|window| window == before).unwrap();
            bytes[at..at + 4].copy_from_slice(after);
        }
        bytes
    };
    let matroska = |codec: &[u8]| {
        let mut bytes = fixture("opus.webm");
        let at = bytes.windows(6).position(|window| window == b"A_OPUS").unwrap();
        bytes[at..at + 6].copy_from_slice(codec);
        bytes
    };
    // Layer II, mono, 384 kbit/s at 48 kHz.
    let mpeg: Vec<u8> = (0..4).flat_map(|_| [&[0xff, 0xfd, 0xe4, 0xc0][..], &[0; 1148]].concat()).collect();
    let cases = [
        (fixture("amr.amr"), "AMR narrow-band"),
        (mp4(b"samr"), "AMR narrow-band"),
        (mp4(b"sawb"), "AMR wide-band"),
        (mp4(b"ac-3"), "AC-3 (Dolby Digital)"),
        (mp4(b"xyz1"), "the codec \"xyz1\" in MP4"),
        (matroska(b"A_AC3\0"), "AC-3 (Dolby Digital)"),
        (matroska(b"A_TTA1"), "the codec \"A_TTA1\" in Matroska"),
        (fixture("wma2.wma"), "Windows Media Audio (WMA, ASF)"),
        (mpeg, "MPEG audio layer II with 384 kbit/s in mono, which its standard excludes,"),
    ];
    for (bytes, name) in cases {
        let expected = format!("{name} is not decoded; convert it to WAV: ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav");
        for extension in [None, Some("wav"), Some("mp3"), Some("m4a")] {
            match decode(&bytes, extension) {
                Err(Error::Unsupported(message)) => assert_eq!(message, expected),
                other => panic!("{name}: {:?}", other.map(|audio| audio.source)),
            }
        }
    }
}

#[test]
fn an_mp4_without_its_index_is_called_cut() {
    let bytes = fixture("aac.m4a");
    match decode(&bytes[..bytes.len() / 2], Some("m4a")) {
        Err(Error::Malformed(message)) => assert!(message.contains("its index (the moov box) is missing"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_remaining_sound_of_a_cut_file_is_used() {
    limited(|| {
        let ten_hours = 36_000 * 8000 * 2;
        let samples: Vec<u8> = (0..8000).map(|i| (i / 3) as u8).collect();
        let format = |tag, bits| wav::Format { tag, channels: 1, rate_hz: 8000, bits };
        for (case, format, size, n_samples) in [
            ("10 hours", format(1, 16), ten_hours, 4000),
            ("3 GB", format(1, 16), 3_000_000_000, 4000),
            ("10 hours, 24 bit", format(1, 24), ten_hours, 2666),
            ("3 GB, 24 bit", format(1, 24), 3_000_000_000, 2666),
        ] {
            let audio = decode(&wav::claiming(format, size, &samples), None).expect(case);
            assert_eq!(audio.warnings, [Warning::Truncated], "{case}");
            assert_eq!(audio.samples.len(), n_samples, "{case}");
        }
    });
}
