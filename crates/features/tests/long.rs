//! Of recordings of hours and files of a gigabyte, little more is read than the clip needs, in little memory.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "sound/flac.rs"]
mod flac;
#[path = "hostile/limited.rs"]
mod limited;
#[allow(dead_code)] // its `pcm16` is not used here
#[path = "sound/wav.rs"]
mod wav;

use std::io::Write;

use features::{Audio, Error, Extractor, FeatureConfig, Warning};
use limited::{doing, limited};

const GB: u64 = 1 << 30;
/// More than the bytes of a clip of these recordings.
const CLIP: u64 = 2 << 20;
/// More than is ever read for a clip: before the sound 32 MiB, then at most 8 channels of 64 bit at 192 kHz.
const ANY_CLIP: u64 = GB / 8;

/// Number of bytes that this process has read, according to Linux; `None` elsewhere.
fn n_bytes_read() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok())
}

/// Decodes a sparse file of `length` bytes that starts with `start` and continues with zeros. Fails if more than `at_most`
/// bytes are read.
fn decode_with_zeros(start: &[u8], length: u64, extension: &str, at_most: u64) -> Result<Audio, Error> {
    let mut file = tempfile::Builder::new().suffix(&format!(".{extension}")).tempfile().unwrap();
    file.write_all(start).unwrap();
    file.as_file().set_len(length).unwrap();
    let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
    let before = n_bytes_read();
    let decoded = extractor.decode_file(file.path());
    match before.zip(n_bytes_read()) {
        Some((before, after)) => {
            let n_bytes = after - before;
            assert!(n_bytes <= at_most, "{extension}: {n_bytes} of {length} bytes were read");
        }
        None => eprintln!("SKIPPED, the number of bytes that are read: only Linux tells it"),
    }
    decoded
}

#[test]
fn a_silent_flac_of_24_hours_is_read_only_as_far_as_needed() {
    limited(|| {
        let bytes = flac::silence(8000, 24 * 3600 * 8000);
        let audio = decode_with_zeros(&bytes, bytes.len() as u64, "flac", CLIP).unwrap();
        assert_eq!(audio.source.n_frames, Some(24 * 3600 * 8000));
        assert_eq!((audio.samples.len(), audio.warnings), (56_400, vec![Warning::Silent]));
    });
}

#[test]
fn wav_files_of_a_gigabyte_or_an_hour_are_read_only_as_far_as_needed() {
    limited(|| {
        for (tag, bits, length) in [(1, 16, GB), (1, 24, GB), (3, 64, GB), (1, 16, 44 + 3600 * 8000 * 2)] {
            let format = wav::Format { tag, channels: 1, rate_hz: 8000, bits };
            let start = wav::claiming(format, (length - 44) as u32, &[1, 2, 3, 0x3f, 1, 2, 3, 0x3f]);
            let audio = decode_with_zeros(&start, length, "wav", CLIP).unwrap();
            assert_eq!(audio.source.n_frames, Some((length - 44) / (u64::from(bits) / 8)), "{bits} bit");
            assert_eq!((audio.samples.len(), audio.warnings), (56_400, vec![]), "{bits} bit");
        }
    });
}

#[test]
fn a_night_of_more_than_4_gib_is_read_only_as_far_as_needed() {
    limited(|| {
        let n_frames = 9 * 3600 * 96_000_u64;
        let size = 2 * n_frames;
        let mut start = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
        for number in [size + 72, size, n_frames] {
            start.extend(number.to_le_bytes());
        }
        start.extend(
            b"\0\0\0\0fmt \x10\0\0\0\x01\0\x01\0\0\x77\x01\0\0\xee\x02\0\x02\0\x10\0data\xff\xff\xff\xff\x01\x02",
        );
        let audio = decode_with_zeros(&start, start.len() as u64 - 2 + size, "wav", CLIP).unwrap();
        assert_eq!((audio.source.n_frames, audio.sample_rate_hz), (Some(n_frames), 96_000));
        assert_eq!((audio.samples.len(), audio.warnings), (676_800, vec![]));
    });
}

#[test]
fn a_gigabyte_of_zeros_after_an_mp4_file_is_not_read() {
    limited(|| {
        for file in ["aac.m4a", "codec_mono.m4a", "codec_fragments.mp4"] {
            let bytes = std::fs::read(format!("tests/fixtures/{file}")).unwrap();
            let whole = decode_with_zeros(&bytes, bytes.len() as u64, "m4a", CLIP).unwrap();
            assert_eq!(decode_with_zeros(&bytes, GB, "m4a", CLIP).unwrap(), whole, "{file}");
        }
    });
}

#[test]
fn a_gigabyte_of_zeros_or_of_headers_is_not_read_to_its_end() {
    limited(|| {
        let mut names: Vec<_> = std::fs::read_dir("tests/fixtures").unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        for name in names.into_iter().map(|name| name.into_string().unwrap()) {
            let bytes = std::fs::read(format!("tests/fixtures/{name}")).unwrap();
            for share in [1, 2, 20] {
                doing(&format!("a {share}th of {name}"));
                // Some decoders recover from the damage, some do not. None may read on.
                let extension = name.rsplit('.').next().unwrap();
                let _ = decode_with_zeros(&bytes[..bytes.len() / share], GB, extension, ANY_CLIP);
            }
        }
        let empty_chunks = [b"RIFF\xff\xff\xff\xffWAVE".as_slice(), &b"JUNK\0\0\0\0".repeat(1 << 20)].concat();
        assert!(matches!(decode_with_zeros(&empty_chunks, GB, "wav", ANY_CLIP), Err(Error::Limit(_))));
    });
}
