//! Headers of WAV, AIFF, AU and CAF files as recorders, pipes and editors write them: each gives the right samples.

use features::{Audio, Error, Extractor, FeatureConfig, Warning};

fn decode(bytes: &[u8]) -> Result<Audio, Error> {
    Extractor::new(&FeatureConfig::default()).unwrap().decode(bytes, None)
}

fn fixture(file: &str) -> Vec<u8> {
    std::fs::read(format!("tests/fixtures/{file}")).unwrap()
}

/// `n` samples in -1..1, loud, with many different bytes.
fn sound(n: usize) -> Vec<f64> {
    (0..n).map(|i| (i as f64 * 0.37).sin() * 0.9).collect()
}

/// Samples as integers of `bits` in the lower bits of `width` bytes, shifted left by `shift`.
fn integers(samples: &[f64], bits: u32, width: usize, shift: u32) -> Vec<u8> {
    let scale = f64::from(1_u32 << (bits - 1));
    samples.iter().flat_map(|x| (((x * scale).round() as i64) << shift).to_le_bytes().into_iter().take(width)).collect()
}

fn floats(samples: &[f64]) -> Vec<u8> {
    samples.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect()
}

/// The largest difference.
fn most(audio: &Audio, expected: &[f64]) -> f64 {
    assert_eq!(audio.samples.len(), expected.len());
    audio.samples.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

/// The body of a `fmt ` chunk.
fn format(tag: u16, channels: u16, bits: u16, block_bytes: u16) -> Vec<u8> {
    let mut body = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    body.extend(8000_u32.to_le_bytes());
    body.extend((8000 * u32::from(block_bytes)).to_le_bytes());
    body.extend([block_bytes.to_le_bytes(), bits.to_le_bytes()].concat());
    body
}

/// The body of a `fmt ` chunk of the extensible kind.
fn extensible(tag: u8, container_bits: u16, valid_bits: u16) -> Vec<u8> {
    let mut body = format(0xfffe, 1, container_bits, container_bits / 8);
    body.extend(b"\x16\0");
    body.extend(valid_bits.to_le_bytes());
    body.extend([4, 0, 0, 0, tag]);
    body.extend(b"\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    body
}

/// A chunk whose size is `size` whatever its body has.
fn claiming(id: &[u8; 4], size: u32, body: &[u8]) -> Vec<u8> {
    [&id[..], &size.to_le_bytes(), body].concat()
}

fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    claiming(id, body.len() as u32, body)
}

fn riff(id: &[u8; 4], size: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    [&id[..], &size.to_le_bytes(), b"WAVE", &chunks.concat()].concat()
}

/// A WAV file of true sizes.
fn wav(chunks: &[Vec<u8>]) -> Vec<u8> {
    riff(b"RIFF", 4 + chunks.concat().len() as u32, chunks)
}

#[test]
fn sizes_that_say_unknown_reach_to_the_end_of_the_file() {
    let expected = sound(1000);
    for (format, data, tolerance) in [
        (format(1, 1, 16, 2), integers(&expected, 16, 2, 0), 2e-5),
        (format(1, 1, 24, 3), integers(&expected, 24, 3, 0), 2e-7),
        (format(3, 1, 32, 4), floats(&expected), 1e-7),
    ] {
        // Recorders that did not return to the header, ffmpeg and others, SoX, arecord.
        for size in [0, u32::MAX, u32::MAX - 36, 0x7fff_f000, 0x8000_0000] {
            for riff_size in [0, 36, u32::MAX] {
                let list = chunk(b"LIST", b"INFOISFT\x04\0\0\0abc\0");
                let chunks = [chunk(b"fmt ", &format), list, claiming(b"data", size, &data)];
                let audio = decode(&riff(b"RIFF", riff_size, &chunks)).unwrap();
                assert_eq!((audio.warnings.as_slice(), audio.source.n_frames), (&[][..], Some(1000)), "{size:#x}");
                assert!(most(&audio, &expected) < tolerance, "{size:#x}");
            }
        }
        let empty = [chunk(b"fmt ", &format), chunk(b"data", b"")];
        assert!(matches!(decode(&wav(&empty)), Err(Error::Empty)));
        let with_tags = [empty.concat(), chunk(b"LIST", b"INFOISFT\x04\0\0\0abc\0")];
        assert!(matches!(decode(&wav(&with_tags)), Err(Error::Empty)), "what follows is not sound");
    }
    let one = [chunk(b"fmt ", &format(1, 1, 8, 1)), claiming(b"data", 0, &[192])];
    assert_eq!(decode(&wav(&one)).unwrap().samples, [0.5], "what follows is too short for a chunk");
}

#[test]
fn long_sizes_are_those_of_their_chunk() {
    let expected = sound(1000);
    let data = integers(&expected, 16, 2, 0);
    for id in [b"RF64", b"BW64", b"RIFF"] {
        for (size, truncated) in [(2000, false), (0, false), (u64::MAX, false), (2002, true), (5_000_000_000, true)] {
            let sizes = [u64::MAX.to_le_bytes(), size.to_le_bytes(), [0; 8]].concat();
            let sound = claiming(b"data", u32::MAX, &data);
            let chunks = [chunk(b"ds64", &[&sizes[..], &[0; 4]].concat()), chunk(b"fmt ", &format(1, 1, 16, 2)), sound];
            let audio = decode(&riff(id, u32::MAX, &chunks)).unwrap();
            assert_eq!(audio.warnings, if truncated { vec![Warning::Truncated] } else { vec![] }, "{size}");
            assert!(most(&audio, &expected) < 2e-5);
        }
        // The long size ends the sound where the short one is unknown.
        let sizes = [[0; 8], 1000_u64.to_le_bytes(), [0; 8]].concat();
        let chunks = [chunk(b"ds64", &sizes), chunk(b"fmt ", &format(1, 1, 16, 2)), claiming(b"data", u32::MAX, &data)];
        assert_eq!(decode(&riff(id, u32::MAX, &chunks)).unwrap().samples.len(), 500);
    }
}

#[test]
fn integers_may_be_narrower_than_their_bytes() {
    let expected = sound(1000);
    let quiet: Vec<f64> = expected.iter().map(|x| x * 1e-3).collect();
    for (case, format, bits, width, shift) in [
        ("24 low bits in 4 bytes, as ALSA writes", format(1, 1, 24, 4), 24, 4, 0),
        ("24 high bits in 4 bytes", format(1, 1, 24, 4), 24, 4, 8),
        ("24 high bits in 4 bytes, extensible", extensible(1, 32, 24), 24, 4, 8),
        ("20 bits in 4 bytes", format(1, 1, 20, 4), 20, 4, 0),
        ("28 bits in 4 bytes", format(1, 1, 28, 4), 28, 4, 4),
        ("20 bits in 3 bytes", format(1, 1, 20, 3), 20, 3, 4),
        ("20 bits in 3 bytes, extensible", extensible(1, 24, 20), 20, 3, 4),
        ("12 bits in 2 bytes", format(1, 1, 12, 2), 12, 2, 4),
        ("12 bits in 2 bytes, extensible", extensible(1, 16, 12), 12, 2, 4),
        ("16 bits, a wrong block size", format(1, 1, 16, 4), 16, 2, 0),
        ("16 bits, no block size", format(1, 1, 16, 0), 16, 2, 0),
        ("24 bits, no block size", format(1, 1, 24, 0), 24, 3, 0),
    ] {
        let step = 0.5 / f64::from(1_u32 << (bits - 1)) + 1e-7;
        // Loud sound alone tells high bits from low ones without an extensible format.
        for sound in [&expected, &quiet].into_iter().take(if case == "24 high bits in 4 bytes" { 1 } else { 2 }) {
            let data = integers(sound, bits, width, shift);
            let audio = decode(&wav(&[chunk(b"fmt ", &format), chunk(b"data", &data)])).unwrap();
            assert!(most(&audio, sound) <= step, "{case}: {}", most(&audio, sound));
        }
    }
}

#[test]
fn chunks_may_be_padded_or_not_and_in_any_order() {
    let expected = sound(1000);
    let data = chunk(b"data", &integers(&expected, 16, 2, 0));
    let (tags, format) = (chunk(b"LIST", b"odd.."), chunk(b"fmt ", &format(1, 1, 16, 2)));
    let even = [chunk(b"LIST", b"ab"), chunk(b"JUNK", b"abcd"), chunk(b"JUNK", b"")].concat();
    for chunks in [
        vec![tags.clone(), b"\0".into(), format.clone(), data.clone()],
        vec![tags.clone(), format.clone(), data.clone()],
        vec![format.clone(), tags.clone(), b"d".into(), data.clone()],
        vec![format.clone(), tags.clone(), data.clone()],
        vec![even, format.clone(), data.clone()],
        vec![data.clone(), format.clone()],
        vec![format, data, tags],
    ] {
        let audio = decode(&wav(&chunks)).unwrap();
        assert!(audio.warnings.is_empty() && most(&audio, &expected) < 2e-5);
    }
}

#[test]
fn names_of_codecs_in_wav_are_those_of_the_register() {
    // RFC 2361 and Microsoft's mmreg.h; the last ones are PCM and ADPCM in forms that are not decoded.
    for (tag, n_channels, bits, name) in [
        (0x22, 1, 16, "TrueSpeech in"),
        (0x31, 2, 0, "GSM in"),
        (0x40, 1, 4, "G.726 in"),
        (0x64, 1, 4, "G.726 in"),
        (0x163, 1, 16, "WMA in"),
        (0x164, 1, 16, ""),
        (0x92, 2, 0, "AC-3 in"),
        (0x2000, 2, 0, "AC-3 in"),
        (0xff, 2, 16, "AAC in"),
        (0x1610, 2, 16, "AAC in"),
        (0x566f, 1, 0, "Vorbis in"),
        (0x6750, 1, 0, "Vorbis in"),
        (0xf1ac, 1, 16, "FLAC in"),
        (1, 1, 40, "PCM in"),
        (1, 1, 0, "PCM in"),
        (3, 1, 24, "PCM in"),
        (2, 3, 4, "ADPCM in"),
        (0x11, 1, 3, "ADPCM in"),
    ] {
        let bytes = wav(&[chunk(b"fmt ", &format(tag, n_channels, bits, 65)), chunk(b"data", &[0; 100])]);
        let expected = format!(
            "{name}{}WAV {}format tag {tag:#06x}, channels: {n_channels}, bits per sample: {bits}, bytes per block: 65",
            if name.is_empty() { "" } else { " " },
            if name.is_empty() { "with " } else { "(" }
        );
        match decode(&bytes) {
            Err(Error::Unsupported(message)) => assert!(message.starts_with(&expected), "{message}"),
            other => panic!("{tag:#x}: {other:?}"),
        }
    }
}

#[test]
fn blocks_of_adpcm_and_gsm_have_at_least_the_size_of_their_header() {
    // Bytes of a header: IMA 4 for each channel, Microsoft's 7; GSM's blocks always have 65.
    for (tag, n_channels, fewest) in [(0x11, 1, 4), (0x11, 2, 8), (2, 1, 7), (2, 2, 14), (0x31, 1, 65)] {
        let decoded = |block_bytes: u16| {
            let format = format(tag, n_channels, 4, block_bytes);
            decode(&wav(&[chunk(b"fmt ", &format), chunk(b"data", &[0; 200])]))
        };
        let audio = decoded(fewest).unwrap_or_else(|error| panic!("{tag:#x}, {n_channels}: {error}"));
        // A block of a header alone holds its first sample, or its first two.
        let n = match tag {
            0x11 => 200 / usize::from(fewest),
            2 => 200 / usize::from(fewest) * 2,
            _ => 200 / 65 * 320,
        };
        assert_eq!((audio.samples.len(), audio.source.n_frames), (n, Some(n as u64)), "{tag:#x}, {n_channels}");
        assert!(matches!(decoded(fewest - 1), Err(Error::Unsupported(_))), "{tag:#x}, {n_channels}");
    }
}

/// An AIFF-C file of mono sound at 8 kHz.
fn aiff_c(kind: &[u8; 4], bits: u8, data: &[u8]) -> Vec<u8> {
    let common = [&b"COMM\0\0\0\x18\0\x01\0\0\x03\xe8\0"[..], &[bits], b"\x40\x0b\xfa\0\0\0\0\0\0\0", kind, b"\0\0"];
    let sound = [&b"SSND"[..], &(data.len() as u32 + 8).to_be_bytes(), &[0; 8], data];
    [&b"FORM\0\0\0\0AIFC"[..], &common.concat(), &sound.concat()].concat()
}

/// Samples as big-endian numbers of `width` bytes.
fn reversed(mut bytes: Vec<u8>, width: usize) -> Vec<u8> {
    bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    bytes
}

#[test]
fn every_type_of_uncompressed_aiff_c_is_read() {
    let expected = sound(500);
    let unsigned: Vec<u8> = integers(&expected, 8, 1, 0).iter().map(|byte| byte ^ 0x80).collect();
    let doubles: Vec<u8> = expected.iter().flat_map(|x| x.to_be_bytes()).collect();
    for (kind, bits, data, name, step) in [
        (b"NONE", 16, reversed(integers(&expected, 16, 2, 0), 2), "pcm_s16be", 2e-5),
        (b"twos", 16, reversed(integers(&expected, 16, 2, 0), 2), "pcm_s16be", 2e-5),
        (b"sowt", 16, integers(&expected, 16, 2, 0), "pcm_s16le", 2e-5),
        (b"in24", 16, reversed(integers(&expected, 24, 3, 0), 3), "pcm_s24be", 2e-7),
        (b"in32", 16, reversed(integers(&expected, 32, 4, 0), 4), "pcm_s32be", 1e-7),
        (b"raw ", 8, unsigned, "pcm_u8", 4e-3),
        (b"FL32", 32, reversed(floats(&expected), 4), "pcm_f32be", 1e-7),
        (b"FL64", 64, doubles, "pcm_f64be", 1e-7),
    ] {
        let audio = decode(&aiff_c(kind, bits, &data)).unwrap();
        assert_eq!((audio.source.codec.as_str(), audio.source.n_frames), (name, Some(500)));
        assert!(most(&audio, &expected) <= step, "{name}: {}", most(&audio, &expected));
    }
    let mut negative_rate = aiff_c(b"twos", 16, &[0; 100]);
    negative_rate[28] |= 0x80;
    assert!(matches!(decode(&negative_rate), Err(Error::Unsupported(message)) if message.starts_with("0 Hz")));
}

#[test]
fn packets_of_caf_hold_their_sound_in_the_upper_bits() {
    let caf = |flags: u8, packet_bytes: u8, packet_frames: u8, n_channels: u8, bits: u8, data: &[u8]| {
        let numbers = [flags, packet_bytes, packet_frames, n_channels, bits].map(|n| [0, 0, 0, n]).concat();
        let description = [&8000_f64.to_be_bytes()[..], b"lpcm", &numbers].concat();
        let size = (data.len() as u64 + 4).to_be_bytes();
        let start = b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20";
        decode(&[&start[..], &description, b"data", &size, &[0; 4], data].concat())
    };
    let expected = sound(500);
    // 24 bits in 4 bytes, 20 in 3, 12 in 2, big-endian and little-endian.
    for (bits, width) in [(24_u8, 4_u8), (20, 3), (12, 2), (16, 4)] {
        let data = integers(&expected, bits.into(), width.into(), u32::from(8 * width - bits));
        let step = 0.5 / f64::from(1_u32 << (bits - 1)) + 1e-7;
        for (flags, data) in [(2, data.clone()), (0, reversed(data, width.into()))] {
            let audio = caf(flags, width, 1, 1, bits, &data).unwrap();
            assert!(most(&audio, &expected) <= step, "{bits} in {width}, flags {flags}: {}", most(&audio, &expected));
        }
    }
    // Two channels; floats.
    let stereo: Vec<f64> = expected.iter().flat_map(|x| [*x, 0.0]).collect();
    let halves: Vec<f64> = expected.iter().map(|x| x / 2.0).collect();
    assert!(most(&caf(2, 4, 1, 2, 16, &integers(&stereo, 16, 2, 0)).unwrap(), &halves) < 2e-5);
    assert!(most(&caf(3, 4, 1, 1, 32, &floats(&expected)).unwrap(), &expected) < 1e-7);
    // Packets of several frames, of too few and of too many bytes.
    for (packet_bytes, packet_frames, bits) in [(4, 2, 16), (1, 1, 16), (5, 1, 16), (4, 1, 64), (8, 1, 16)] {
        assert!(matches!(caf(2, packet_bytes, packet_frames, 1, bits, &[0; 100]), Err(Error::Unsupported(_))));
    }
}

#[test]
fn wide_samples_of_several_channels_are_read() {
    let expected = sound(500);
    let stereo: Vec<f64> = expected.iter().flat_map(|x| [*x, *x]).collect();
    let data = integers(&stereo, 24, 4, 8);
    let audio = decode(&wav(&[chunk(b"fmt ", &format(1, 2, 24, 8)), chunk(b"data", &data)])).unwrap();
    assert!(most(&audio, &expected) < 2e-7);
}

/// An AIFF file with `COMM` after `SSND`, whose size is `claimed`, and 6 bytes before the sound.
fn aiff(claimed: u32, data: &[u8], after: &[u8]) -> Vec<u8> {
    let common = b"COMM\0\0\0\x12\0\x01\0\0\x03\xe8\0\x10\x40\x0b\xfa\0\0\0\0\0\0\0";
    let sound = [b"SSND", &claimed.to_be_bytes()[..], b"\0\0\0\x06\0\0\0\0before", data].concat();
    let (first, last) = if after.is_empty() { (&common[..], &sound) } else { (&sound[..], &common.to_vec()) };
    [b"FORM\0\0\0\0AIFF", first, last, after].concat()
}

#[test]
fn aiff_au_and_caf_may_leave_their_size_open() {
    let expected = sound(1000);
    let mut data = integers(&expected, 16, 2, 0);
    data.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample.reverse());
    let au = |start: u32, size: u32| {
        let fields = [start, size, 3, 8000, 1].map(u32::to_be_bytes).concat();
        [&b".snd"[..], &fields, &vec![1; start as usize - 24], &data].concat()
    };
    let caf = |size: i64| {
        let description =
            [&8000_f64.to_be_bytes()[..], b"lpcm\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\x10"].concat();
        [&b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20"[..], &description, b"data", &size.to_be_bytes(), &[0; 4], &data]
            .concat()
    };
    for (case, bytes) in [
        ("AIFF", aiff(2014, &data, b"NAME\0\0\0\0")),
        ("AIFF, size 0", aiff(0, &data, b"")),
        ("AIFF, as ffmpeg and SoX write to a pipe", aiff(0x7f00_0008, &data, b"")),
        ("AU", au(24, 2000)),
        ("AU with a text", au(32, 2000)),
        ("AU, unknown size", au(32, u32::MAX)),
        ("AU, size 0", au(24, 0)),
        ("CAF", caf(2004)),
        ("CAF, unknown size", caf(-1)),
        ("CAF, size 0", caf(0)),
    ] {
        let audio = decode(&bytes).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!((audio.sample_rate_hz, audio.warnings.as_slice()), (8000, &[][..]), "{case}");
        assert!(most(&audio, &expected) < 2e-5, "{case}");
        let cut = decode(&bytes[..bytes.len() - 1000]);
        let whole = case == "AIFF"; // the description is after the sound
        assert!(if whole { cut.is_err() } else { cut.unwrap().samples.len() == 500 }, "{case}, cut");
    }
    assert_eq!(decode(&caf(2004)[..1000]).unwrap().warnings, [Warning::Truncated]);
    // Chunks of CAF are never padded.
    let odd = b"info\0\0\0\0\0\0\0\x05\0\0\0\0\0free\0\0\0\0\0\0\0\x01\0";
    let audio = decode(&[&caf(2004)[..52], odd, &caf(2004)[52..]].concat()).unwrap();
    assert!(most(&audio, &expected) < 2e-5);
    assert!(matches!(decode(&[&caf(4)[..68], b"free\0\0\0\0\0\0\0\0"].concat()), Err(Error::Empty)));
}

#[test]
fn caf_of_unknown_size_is_read_with_every_codec() {
    for file in ["levels_ima4_1.caf", "levels_alaw.caf", "levels_f64be.caf"] {
        let mut bytes = fixture(file);
        let expected = decode(&bytes).unwrap();
        let at = bytes.windows(4).position(|id| id == b"data").unwrap() + 4;
        // Nothing may follow sound of unknown size.
        let size = u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        bytes.truncate(at + 8 + size);
        bytes[at..at + 8].fill(0xff);
        assert_eq!(decode(&bytes).unwrap(), expected, "{file}");
    }
}

#[test]
fn a_bad_block_of_adpcm_is_skipped() {
    for (file, header, bad, n_lost) in [("ima_1.wav", 2, 89, 249), ("ms_1.wav", 0, 7, 244), ("ima4_1.caf", 1, 0x7f, 64)]
    {
        let mut bytes = fixture(&format!("levels_{file}"));
        let whole = decode(&bytes).unwrap();
        let data = bytes.windows(4).position(|id| id == b"data").unwrap();
        let first = data + if file.ends_with("caf") { 16 } else { 8 };
        bytes[first + header] = bad;
        let audio = decode(&bytes).unwrap();
        assert_eq!(audio.warnings, [Warning::Damaged], "{file}");
        assert_eq!(audio.samples.len(), whole.samples.len() - n_lost, "{file}");
        assert_eq!(audio.samples.last(), whole.samples.last(), "{file}");
    }
}

#[test]
fn a_cut_block_of_adpcm_is_decoded_up_to_the_cut() {
    for (file, n_cut) in [("ima_1.wav", 8), ("ms_1.wav", 8), ("ima4_1.caf", 64)] {
        let bytes = fixture(&format!("levels_{file}"));
        let whole = decode(&bytes).unwrap();
        let cut = decode(&bytes[..bytes.len() - 4]).unwrap();
        assert_eq!(cut.warnings, [Warning::Truncated], "{file}");
        assert_eq!(cut.samples, whole.samples[..whole.samples.len() - n_cut], "{file}");
        assert_eq!(cut.source.n_frames, Some(cut.samples.len() as u64), "{file}");
    }
}

#[test]
fn a_last_block_of_adpcm_without_a_whole_header_is_passed_over() {
    // Bytes of a block, and samples in it, of one and of two channels.
    for (file, block, n_frames) in
        [("ima_1.wav", 128, 249), ("ima_2.wav", 128, 121), ("ms_1.wav", 128, 244), ("ms_2.wav", 128, 116)]
    {
        let bytes = fixture(&format!("levels_{file}"));
        let data = bytes.windows(4).position(|id| id == b"data").unwrap() + 8;
        for n_bytes in [block + 1, block + 3] {
            let cut = decode(&bytes[..data + n_bytes]).unwrap();
            assert_eq!((cut.samples.len(), cut.source.n_frames), (n_frames, Some(n_frames as u64)), "{file}");
            assert_eq!(cut.warnings, [Warning::Truncated], "{file}");
        }
    }
}

#[test]
fn adpcm_without_a_good_block_is_an_error() {
    // Steps end at 88.
    let bad = wav(&[chunk(b"fmt ", &format(0x11, 1, 4, 36)), chunk(b"data", &[89; 36 * 3])]);
    match decode(&bad) {
        Err(Error::Malformed(message)) => assert_eq!(message, "no part of it can be decoded"),
        other => panic!("{other:?}"),
    }
}

/// Sound is read in pieces of whole blocks: 2^18 is not a multiple of 3 bytes.
#[test]
fn sound_of_several_pieces_is_whole() {
    let expected = sound(100_000);
    let mut format = format(1, 1, 24, 3);
    format[4..8].copy_from_slice(&48_000_u32.to_le_bytes());
    let audio = decode(&wav(&[chunk(b"fmt ", &format), chunk(b"data", &integers(&expected, 24, 3, 0))])).unwrap();
    assert!(most(&audio, &expected) < 2e-7);
}

#[test]
fn mp3_in_wav_is_decoded() {
    let audio = decode(&fixture("mp3.wav")).unwrap();
    assert_eq!((audio.source.codec.as_str(), audio.sample_rate_hz), ("mp3", 16_000));
    // The WAV file does not say how many samples prime the encoder: 1105 by LAME.
    let plain = decode(&fixture("mono.mp3")).unwrap().samples;
    let sound = &audio.samples[1105..1105 + plain.len()];
    let most = sound.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(most < 1e-4, "{most}");
}

#[test]
fn other_codecs_are_named_with_the_way_out() {
    let wav_with = |tag| wav(&[chunk(b"fmt ", &format(tag, 1, 16, 2)), chunk(b"data", &[0; 100])]);
    let mut mace = aiff(8, &[], b"");
    mace[8..12].copy_from_slice(b"AIFC");
    mace[19] = 24;
    mace.splice(38..38, *b"MAC3\0\0");
    for (bytes, name) in [
        (fixture("g726.wav"), "G.726 in WAV (format tag 0x0045, channels: 1, bits per sample: 2, bytes per block: 1)"),
        (wav_with(0x161), "WMA in WAV (format tag 0x0161, channels: 1, bits per sample: 16, bytes per block: 2)"),
        (wav_with(0x1234), "WAV with format tag 0x1234, channels: 1, bits per sample: 16, bytes per block: 2"),
        (mace, "AIFF with 16-bit sound of type \"MAC3\""),
        ([&b".snd"[..], &[24, 0, 23, 8000, 1].map(u32::to_be_bytes).concat()].concat(), "AU with encoding 23"),
    ] {
        let expected = format!("{name} is not decoded; convert it to WAV: ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav");
        match decode(&bytes) {
            Err(Error::Unsupported(message)) => assert_eq!(message, expected),
            other => panic!("{name}: {other:?}"),
        }
    }
}
