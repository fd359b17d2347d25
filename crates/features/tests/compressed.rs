//! Compressed sound: the same samples as ffmpeg decodes, and files as encoders, recorders and editors leave them.
//!
//! Fixtures `codec_*` and `pauses_*` and their decoded samples are from `scripts/goldens/audio_fixtures.sh`.

use crate::sound::wav;
use features::{Audio, Error, Extractor, FeatureConfig, Warning};

fn fixture(file: &str) -> Vec<u8> {
    std::fs::read(format!("tests/fixtures/{file}")).unwrap()
}

fn decode(bytes: &[u8]) -> Result<Audio, Error> {
    Extractor::new(&FeatureConfig::default()).unwrap().decode(bytes, None)
}

fn decode_fixture(file: &str) -> Audio {
    decode(&fixture(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What ffmpeg decodes from some of the samples of `file`.
fn golden(file: &str) -> Vec<f32> {
    let bytes = std::fs::read(format!("tests/goldens/{}.f32", file.replace('.', "_"))).unwrap();
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Signal to noise of `found` against `expected`, dB.
fn snr_db(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let energy = |samples: &mut dyn Iterator<Item = f64>| samples.map(|x| x * x).sum::<f64>();
    let signal = energy(&mut expected.iter().map(|x| f64::from(*x)));
    let noise = energy(&mut found.iter().zip(expected).map(|(a, b)| f64::from(a - b)));
    10.0 * (signal / noise.max(f64::MIN_POSITIVE)).log10()
}

/// Where `part` is in `bytes`.
fn position(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).expect("the part is there")
}

#[test]
fn each_codec_gives_the_samples_of_ffmpeg() {
    // The signal to noise ratio on the loud and on the quiet part as measured, less 3 dB, which leaves room for other
    // processors; above 200 dB the samples are equal. In silence, the largest difference.
    for (file, codec, loud_db, quiet_db, silent) in [
        ("codec_mono.mp3", "mp3", 120.0, 112.0, 1e-8),
        ("codec_stereo.mp3", "mp3", 122.0, 114.0, 1e-8),
        ("codec_mono.mp2", "mp2", 128.0, 116.0, 1e-8),
        ("codec_stereo.mp2", "mp2", 122.0, 119.0, 1e-8),
        ("codec_mono.ogg", "vorbis", 137.0, 132.0, 1e-8),
        ("codec_stereo.webm", "vorbis", 138.0, 138.0, 1e-8),
        ("codec_mono.m4a", "aac", 132.0, 120.0, 1e-8),
        ("codec_stereo.m4a", "aac", 134.0, 131.0, 1e-8),
        ("codec_fragments.mp4", "aac", 131.0, 132.0, 1e-8),
        ("codec_silk.ogg", "opus", 200.0, 200.0, 1e-8),
        ("codec_silk_stereo.webm", "opus", 200.0, 200.0, 1e-8),
        ("codec_hybrid.ogg", "opus", 200.0, 200.0, 1e-8),
        ("codec_hybrid_stereo.mka", "opus", 200.0, 200.0, 1e-8),
        ("codec_celt.webm", "opus", 138.0, 138.0, 1e-8),
        ("codec_celt_stereo.ogg", "opus", 138.0, 138.0, 1e-8),
        ("codec_opus.mp4", "opus", 137.0, 136.0, 1e-8),
    ] {
        let audio = decode_fixture(file);
        assert_eq!((audio.source.codec.as_str(), audio.warnings.as_slice()), (codec, &[][..]), "{file}");
        let expected = golden(file);
        let found: Vec<f32> = audio.samples.iter().step_by(audio.sample_rate_hz as usize / 2000).copied().collect();
        assert!(found.len().min(expected.len()) > 860, "{file}");
        let db = |part: std::ops::Range<usize>| snr_db(&found[part.clone()], &expected[part]);
        let most = found[700..860].iter().zip(&expected[700..860]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let found = (db(0..290), db(320..590), most);
        assert!(found.0 >= loud_db && found.1 >= quiet_db && found.2 <= silent, "{file}: {found:?}");
    }
}

#[test]
fn pauses_that_an_opus_encoder_left_out_are_filled_and_the_sound_after_them_is_that_of_ffmpeg() {
    // The signal to noise ratio before and after the pause as measured, less 3 dB.
    for (file, before_db, after_db) in [("pauses_silk.ogg", 200.0, 58.0), ("pauses_hybrid.ogg", 150.0, 52.0)] {
        let expected = golden(file);
        let audio = decode_fixture(file);
        assert!(audio.warnings.is_empty(), "{file}: {:?}", audio.warnings);
        let found: Vec<f32> = audio.samples.iter().step_by(48).copied().collect();
        assert_eq!((found.len(), expected.len()), (1700, 1700), "{file}");
        let db = |part: std::ops::Range<usize>| snr_db(&found[part.clone()], &expected[part]);
        let snr = (db(0..400), db(1320..1680));
        assert!(snr.0 >= before_db && snr.1 >= after_db, "{file}: {snr:?}");
        let power = |samples: &[f32]| samples[850..1250].iter().map(|x| f64::from(x * x)).sum::<f64>();
        let louder_db = 10.0 * (power(&found) / power(&expected)).log10();
        assert!(louder_db.abs() < 3.0, "{file}: the comfort noise is {louder_db} dB louder");
    }
}

#[test]
fn delay_and_padding_of_the_codec_are_removed() {
    // 0.45 s, exactly.
    for file in [
        "codec_mono.mp3",
        "codec_stereo.mp3",
        "codec_mono.m4a",
        "codec_stereo.m4a",
        "codec_silk.ogg",
        "codec_silk_stereo.webm",
        "codec_hybrid_stereo.mka",
        "codec_celt_stereo.ogg",
        "codec_opus.mp4",
        "codec_mono.ogg",
    ] {
        let audio = decode_fixture(file);
        let expected = f64::from(audio.sample_rate_hz) * 0.45;
        assert!((audio.samples.len() as f64 - expected).abs() < 1.0, "{file}: {} samples", audio.samples.len());
        if file.ends_with("mp3") {
            assert_eq!(audio.source.n_frames, Some(audio.samples.len() as u64), "{file}");
        }
    }
    // Without a count of frames, their number follows from the length of the file.
    let audio = decode_fixture("codec_mono.mp2");
    assert_eq!((audio.samples.len(), audio.source.n_frames), (13 * 1152, Some(13 * 1152)));
}

#[test]
fn a_single_frame_after_junk_at_the_end_of_mp3_is_read() {
    let bytes = fixture("mono.mp3");
    let last = &bytes[bytes.len() - 216..];
    let audio = decode(&[&bytes, &[0; 50][..], last].concat()).unwrap();
    // With more frames than its header counts, the padding is not removed.
    let [delay, n_frames, frame] = [576 + 529, 14, 576];
    assert_eq!((audio.samples.len(), audio.warnings), ((n_frames + 1) * frame - delay, vec![Warning::Damaged]));
}

#[test]
fn padding_of_several_frames_is_removed_from_the_end_of_mp3() {
    let bytes = fixture("mono.mp3");
    let [delay, n_frames, frame] = [576 + 529, 14, 576];
    let gaps = position(&bytes, b"Info") + 120 + 21;
    for padding in [0, 100, 576, 577, 1152, 1700] {
        let mut bytes = bytes.clone();
        // Two numbers of 12 bits; the second one includes the decoder's delay of 529 samples.
        let fields = 576_u32 << 12 | (padding as u32 + 529);
        bytes[gaps..gaps + 3].copy_from_slice(&fields.to_be_bytes()[1..]);
        let audio = decode(&bytes).unwrap();
        let expected = n_frames * frame - delay - padding;
        assert_eq!((audio.samples.len(), audio.warnings), (expected, vec![]), "{padding}");
    }
}

#[test]
fn mpeg_audio_whose_channels_change_is_read_on_as_another_stream() {
    // Silent frames of layer II at 48 kHz: 64 kbit/s, which the standard allows for both, and 32, for mono alone.
    let frames = |bit_rate: u8, mode: u8, n_bytes: usize| {
        [&[0xff, 0xfd, bit_rate << 4 | 4, mode][..], &vec![0; n_bytes - 4]].concat().repeat(4)
    };
    let audio = decode(&[frames(4, 0xc0, 192), frames(4, 0x00, 192)].concat()).unwrap();
    assert_eq!((audio.samples.len(), audio.warnings), (8 * 1152, vec![Warning::Silent]));
    match decode(&[frames(1, 0xc0, 96), frames(1, 0x00, 96)].concat()) {
        Err(Error::Unsupported(message)) => assert!(message.contains("32 kbit/s in stereo"), "{message}"),
        other => panic!("{other:?}"),
    }
}

/// The checksum of an Ogg page (RFC 3533).
fn ogg_checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    })
}

/// The pages of an Ogg file, as those of the stream `serial`.
fn ogg_pages(bytes: &[u8], serial: u32) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let n_segments = usize::from(rest[26]);
        let n_bytes = 27 + n_segments + rest[27..][..n_segments].iter().map(|n| usize::from(*n)).sum::<usize>();
        let mut page = rest[..n_bytes].to_vec();
        page[14..18].copy_from_slice(&serial.to_le_bytes());
        page[22..26].fill(0);
        let checksum = ogg_checksum(&page);
        page[22..26].copy_from_slice(&checksum.to_le_bytes());
        pages.push(page);
        rest = &rest[n_bytes..];
    }
    pages
}

#[test]
fn the_first_of_several_tracks_in_an_ogg_file_is_decoded() {
    let (first, second) = (ogg_pages(&fixture("vorbis.ogg"), 1), ogg_pages(&fixture("codec_mono.ogg"), 2));
    assert_eq!(decode(&first.concat()).unwrap(), decode_fixture("vorbis.ogg"));
    // The pages that name the codecs come first.
    let rest = first[1..].iter().zip(&second[1..]).flat_map(|(a, b)| [a.clone(), b.clone()]);
    let n = first.len().min(second.len());
    let longer = [&first[n..], &second[n..]].concat().concat();
    let bytes = [first[0].clone(), second[0].clone(), rest.collect::<Vec<_>>().concat(), longer].concat();
    assert_eq!(decode(&bytes).unwrap().samples, decode_fixture("vorbis.ogg").samples);
}

#[test]
fn speex_is_named() {
    let mut bytes = ogg_pages(&fixture("vorbis.ogg"), 1)[0].clone();
    bytes[28..36].copy_from_slice(b"Speex   ");
    for (bytes, is_speex) in [(bytes.clone(), true), ([&b"Oggs"[..], &bytes[4..]].concat(), false)] {
        let message = decode(&ogg_pages(&bytes, 1)[0]).unwrap_err().to_string();
        assert_eq!(message.starts_with("Speex is not decoded"), is_speex, "{message}");
    }
}

#[test]
fn a_frame_count_of_0_or_too_few_in_an_mp3_header_does_not_end_it() {
    let good = fixture("mono.mp3");
    let expected = decode(&good).unwrap().samples;
    let count = position(&good, b"Info") + 8;
    for wrong in [0_u32, 1, 5] {
        let mut bytes = good.clone();
        bytes[count..count + 4].copy_from_slice(&wrong.to_be_bytes());
        let audio = decode(&bytes).unwrap();
        // The padding at the end cannot be told from sound.
        assert!(audio.samples.len() > expected.len() && audio.samples.len() < expected.len() + 1152, "{wrong}");
        assert_eq!((&audio.samples[..expected.len()], audio.warnings), (&expected[..], vec![]), "{wrong}");
    }
}

#[test]
fn concatenated_mp3_is_read_to_its_end_whatever_tags_are_between() {
    let part = fixture("mono.mp3");
    let sound = decode(&part).unwrap().samples;
    let mut ape = b"APETAGEX\xd0\x07\0\0".to_vec();
    ape.extend(200_u32.to_le_bytes());
    ape.extend([1, 0, 0, 0, 0, 0, 0, 0xa0]);
    ape.extend([0xff; 208]);
    let id3 = [&b"ID3\x04\0\0\0\0\x01\x00"[..], &b"\xff\xfb\x90\0".repeat(32)].concat();
    let tag = [&b"TAG"[..], &[0xff; 125]].concat();
    // Junk that looks like the header of a frame at 44.1 kHz.
    let like_a_frame = [&[1; 5][..], &[0xff, 0xfb, 0x90, 0], &[1; 700]].concat();
    let cases: [(&[u8], &[Warning]); 7] = [
        (&[], &[]),
        (&ape, &[]),
        (&id3, &[]),
        (&tag, &[]),
        (&[0; 700], &[Warning::Damaged]),
        (b"lyrics", &[Warning::Damaged]),
        (&like_a_frame, &[Warning::Damaged]),
    ];
    for (between, warnings) in cases {
        let audio = decode(&[&part[..], between, &part, between, &part].concat()).unwrap();
        assert_eq!(audio.warnings, warnings, "{between:?}");
        assert_eq!(audio.samples[..sound.len()], sound);
        // Every later part keeps its silent first frame, its delay and its padding.
        let whole = 3 * sound.len()..3 * sound.len() + 3 * 1152 + 2 * 1105;
        assert!(whole.contains(&audio.samples.len()), "{} samples", audio.samples.len());
        let found = (0..audio.samples.len() - sound.len())
            .rev()
            .find(|at| snr_db(&audio.samples[*at..][..sound.len()], &sound) > 60.0);
        assert!(found.is_some_and(|at| at > 2 * sound.len()), "the third part is there");
    }
}

#[test]
fn tags_of_megabytes_before_the_sound_are_passed_over() {
    for (file, n_bytes) in [("mono.mp3", 2 << 20), ("mono.mp3", 40 << 20), ("mono.flac", 3 << 20), ("aac.aac", 2 << 20)]
    {
        let size: [u8; 4] = std::array::from_fn(|i| (n_bytes >> (21 - 7 * i) & 0x7f) as u8);
        let mut bytes = [&b"ID3\x04\0\0"[..], &size].concat();
        bytes.extend(b"\xff\xfb\x90\0".iter().cycle().take(n_bytes)); // headers of frames, as a picture can contain
        bytes.extend(fixture(file));
        assert_eq!(decode(&bytes).unwrap(), decode_fixture(file), "{file} after {n_bytes} bytes");
    }
}

#[test]
fn an_mp3_file_that_ends_in_a_frame_is_cut_and_one_that_ends_in_less_than_a_header_is_not() {
    let bytes = fixture("mono.mp3");
    let frame = 216;
    for (n_left, warnings) in [(1, vec![]), (3, vec![]), (4, vec![Warning::Truncated]), (215, vec![Warning::Truncated])]
    {
        let audio = decode(&bytes[..bytes.len() - frame + n_left]).unwrap();
        assert_eq!(audio.warnings, warnings, "{n_left} bytes of the last frame");
    }
}

#[test]
fn mp3_after_junk_is_found_and_its_tail_of_junk_is_no_damage() {
    let part = fixture("mono.mp3");
    let expected = decode(&part).unwrap();
    for n in [1, 700, 100_000] {
        assert_eq!(decode(&[&vec![0; n][..], &part].concat()).unwrap().samples, expected.samples, "{n} zeros before");
        assert_eq!(decode(&[&part[..], &vec![0x41; n]].concat()).unwrap(), expected, "{n} bytes after");
    }
}

#[test]
fn chained_streams_of_the_same_rate_are_read_through() {
    for (first, second) in
        [("vorbis.ogg", "vorbis.ogg"), ("codec_silk.ogg", "codec_celt_stereo.ogg"), ("opus.webm", "opus.webm")]
    {
        let parts = [decode_fixture(first).samples, decode_fixture(second).samples];
        let audio = decode(&[fixture(first), fixture(second)].concat()).unwrap();
        assert_eq!((audio.samples, audio.warnings), (parts.concat(), vec![]), "{first}, {second}");
    }
    match decode(&[fixture("vorbis.ogg"), fixture("opus.ogg")].concat()) {
        Err(Error::Unsupported(message)) => assert_eq!(message, "the sample rate changes within the file"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cut_file_gives_what_is_there() {
    for file in [
        "opus.webm",
        "codec_hybrid.ogg",
        "codec_stereo.webm",
        "codec_mono.m4a",
        "codec_mono.mp3",
        "codec_fragments.mp4",
    ] {
        let (bytes, whole) = (fixture(file), decode_fixture(file));
        let audio = decode(&bytes[..bytes.len() * 4 / 5]).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(audio.warnings, [Warning::Truncated], "{file}");
        let n = audio.samples.len();
        assert!(n > whole.samples.len() / 5 && n < whole.samples.len(), "{file}: {n} samples");
        // The decoder of AAC overlaps blocks: the last one is not complete.
        assert_eq!(audio.samples[..n - 2048.min(n / 2)], whole.samples[..n - 2048.min(n / 2)], "{file}");
    }
}

#[test]
fn zeros_after_an_mp4_file_are_not_part_of_it() {
    for file in ["codec_fragments.mp4", "codec_mono.m4a", "codec_stereo.m4a", "aac.m4a"] {
        let expected = decode_fixture(file);
        for n in [1, 8, 100_000] {
            let found = decode(&[fixture(file), vec![0; n]].concat());
            assert_eq!(found.unwrap(), expected, "{file} and {n} zeros");
        }
    }
}

#[test]
fn he_aac_gives_its_core() {
    let mut bytes = fixture("codec_mono.m4a");
    // AAC-LC with 16 kHz, mono, then a marker that there is no extension.
    let at = position(&bytes, &[0x14, 0x08, 0x56, 0xe5, 0x00]);
    // HE-AAC with a core of 16 kHz, mono, and 32 kHz after the extension.
    bytes[at..at + 5].copy_from_slice(&[0b0010_1100, 0b0000_1010, 0b1000_1000, 0, 0]);
    assert_eq!(decode(&bytes).unwrap(), decode_fixture("codec_mono.m4a"));
}

#[test]
fn the_gain_of_an_opus_header_is_applied() {
    let mut bytes = fixture("opus.webm");
    let gain = position(&bytes, b"OpusHead") + 16;
    bytes[gain..gain + 2].copy_from_slice(&(-6 * 256_i16).to_le_bytes());
    let expected: Vec<f32> = decode_fixture("opus.webm").samples.iter().map(|x| x * 10_f32.powf(-6.0 / 20.0)).collect();
    assert!(snr_db(&decode(&bytes).unwrap().samples, &expected) > 100.0);
}

#[test]
fn damaged_opus_stays_within_full_scale() {
    let mut bytes = fixture("codec_celt.webm");
    let start = position(&bytes, b"OpusHead") + 400;
    for (i, byte) in bytes[start..].iter_mut().enumerate().filter(|(i, _)| i % 97 == 0) {
        *byte ^= i as u8;
    }
    let audio = decode(&bytes).unwrap();
    assert!(audio.samples.iter().all(|x| x.abs() <= 1.0));
}

#[test]
fn a_length_a_little_over_the_clip_is_told_from_a_longer_one() {
    let clip = |seconds: f64| decode(&fixture_of(seconds)).unwrap();
    for (seconds, kept, rest) in
        [(6.9, 6.9, 0.0), (7.04, 7.04, 0.0), (7.1, 7.05, 0.05), (7.3, 7.05, 0.25), (20.0, 7.05, 0.5)]
    {
        let audio = clip(seconds);
        assert!((audio.samples.len() as f64 / 8000.0 - kept).abs() < 1e-3, "{seconds}");
        assert!((audio.rest_seconds - rest).abs() < 1e-3, "{seconds}: {}", audio.rest_seconds);
    }
}

/// A tone of `seconds` as 16-bit WAV at 8 kHz.
fn fixture_of(seconds: f64) -> Vec<u8> {
    let samples: Vec<i16> =
        (0..(seconds * 8000.0) as usize).map(|i| (1000.0 * (i as f64 * 0.3).sin()) as i16).collect();
    wav::pcm16(8000, 1, &samples)
}
