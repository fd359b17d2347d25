//! Matroska files as recorders, editors and muxers write them: each gives the samples that were put into it.

use crate::sound::ebml;
use crate::sound::ebml::{audio, block, cluster, element, file, open_element, segment, track, track_of_kind};
use features::{Audio, Error, Extractor, FeatureConfig, Warning};

const CLUSTER: u32 = 0x1f43_b675;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const CODEC_PRIVATE: u32 = 0x63a2;
const CODEC_DELAY: u32 = 0x56aa;
const DISCARD_PADDING: u32 = 0x75a2;
const VOID: u32 = 0xec;
const PCM: &str = "A_PCM/INT/LIT";

fn decode(bytes: &[u8]) -> Result<Audio, Error> {
    Extractor::new(&FeatureConfig::default()).unwrap().decode(bytes, None)
}

fn fixture(file: &str) -> Vec<u8> {
    std::fs::read(format!("tests/fixtures/{file}")).unwrap()
}

/// `n` different numbers in -100..100.
fn numbers(n: usize) -> Vec<i8> {
    (0..n).map(|i| (i * 37 % 199) as i8 - 99).collect()
}

/// The same as samples of 8 bits without a sign, and what they stand for.
fn sound(n: usize) -> (Vec<u8>, Vec<f32>) {
    let bytes = numbers(n).iter().map(|x| (i16::from(*x) + 128) as u8).collect();
    (bytes, numbers(n).iter().map(|x| f32::from(*x) / 128.0).collect())
}

/// A track of 8-bit samples, mono at 8 kHz.
fn pcm(more: &[Vec<u8>]) -> Vec<u8> {
    track(1, PCM, &[vec![audio(8000.0, 1, 8)], more.to_vec()].concat())
}

fn message(decoded: Result<Audio, Error>) -> String {
    decoded.expect_err("it is refused").to_string()
}

#[test]
fn pcm_of_each_width_gives_its_samples() {
    let wide = |shift: u32, width: usize| -> Vec<u8> {
        let bytes = |x: &i8| (i32::from(*x) << shift).to_le_bytes().into_iter().take(width).collect::<Vec<u8>>();
        numbers(600).iter().flat_map(bytes).collect()
    };
    let float = |x: &i8| f32::from(*x) / 128.0;
    let f32s: Vec<u8> = numbers(600).iter().flat_map(|x| float(x).to_le_bytes()).collect();
    let f64s: Vec<u8> = numbers(600).iter().flat_map(|x| f64::from(float(x)).to_le_bytes()).collect();
    for (codec, bits, data, name) in [
        (PCM, 8, sound(600).0, "pcm_u8"),
        (PCM, 16, wide(8, 2), "pcm_s16le"),
        (PCM, 24, wide(16, 3), "pcm_s24le"),
        (PCM, 32, wide(24, 4), "pcm_s32le"),
        ("A_PCM/FLOAT/IEEE", 32, f32s, "pcm_f32le"),
        ("A_PCM/FLOAT/IEEE", 64, f64s, "pcm_f64le"),
    ] {
        for n_channels in [1_u8, 2, 6] {
            let tracks = [track(1, codec, &[audio(11_025.0, n_channels, bits)])];
            let (first, second) = data.split_at(data.len() / 2);
            let found = decode(&file(&tracks, &[cluster(&[first]), cluster(&[second])])).unwrap();
            let mean = |frame: &[f32]| frame.iter().sum::<f32>() / f32::from(n_channels);
            let expected: Vec<f32> = sound(600).1.chunks(n_channels.into()).map(mean).collect();
            assert_eq!((found.samples, found.warnings), (expected, vec![]), "{name}, {n_channels} channels");
            assert_eq!((found.sample_rate_hz, found.source.container.as_str()), (11_025, "matroska"));
            assert_eq!((found.source.codec.as_str(), found.source.n_channels), (name, n_channels.into()));
            assert_eq!((found.source.bits_per_sample, found.source.n_frames), (Some(bits.into()), None));
        }
    }
}

#[test]
fn a_track_that_leaves_out_rate_and_channels_is_8_khz_mono() {
    let (bytes, expected) = sound(300);
    let bits_alone = element(0xe1, &element(0x6264, &[8]));
    let found = decode(&file(&[track(1, PCM, &[bits_alone])], &[cluster(&[&bytes])])).unwrap();
    assert_eq!((found.samples, found.sample_rate_hz, found.source.n_channels), (expected, 8000, 1));
}

#[test]
fn other_codecs_give_the_samples_of_their_own_files() {
    let flac = fixture("mono.flac");
    // Frames start with these bytes, at which fixed blocks of 8 kHz, mono, 16 bit are recognised.
    let starts: Vec<usize> = (0..flac.len() - 2).filter(|at| flac[*at..].starts_with(&[0xff, 0xf8])).collect();
    let ends = starts[1..].iter().copied().chain([flac.len()]);
    let flac_frames: Vec<Vec<u8>> = starts.iter().zip(ends).map(|(start, end)| flac[*start..end].to_vec()).collect();
    let alac = fixture("levels_16.m4a");
    let after = |bytes: &[u8], name: &[u8]| bytes.windows(4).rposition(|window| window == name).unwrap() + 4;
    // The box holds its version and flags, then the configuration of 24 bytes.
    let cookie = alac[after(&alac, b"alac") + 4..][..24].to_vec();
    let aac = fixture("aac.aac");
    let mut aac_frames = Vec::new();
    let mut rest = &aac[..];
    while !rest.is_empty() {
        let n = usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5]) >> 5;
        aac_frames.push(rest[7..n].to_vec());
        rest = &rest[n..];
    }
    let in_pieces = |bytes: &[u8], n: usize| bytes.chunks(n).map(<[u8]>::to_vec).collect::<Vec<Vec<u8>>>();
    let mp3 = fixture("mono.mp3");
    let mp3 = &mp3[20 + 216..]; // after its tag and its silent first frame
    let mp2 = fixture("codec_mono.mp2");
    // Silent frames of layer I: 48 kHz, 32 kbit/s, mono, nothing allocated.
    let mp1 = [&[0xff, 0xff, 0x14, 0xc0][..], &[0; 28]].concat().repeat(20);
    for (codec, rate_hz, bits, private, frames, alone, name) in [
        ("A_FLAC", 8000.0, 16, flac[..42].to_vec(), flac_frames, flac.clone(), "flac"),
        ("A_ALAC", 8000.0, 16, cookie, vec![alac[after(&alac, b"mdat")..][..425].to_vec()], alac.clone(), "alac"),
        ("A_AAC", 16_000.0, 0, vec![0x14, 0x08], aac_frames.clone(), aac.clone(), "aac"),
        // Without a configuration, AAC-LC is assumed.
        ("A_AAC", 16_000.0, 0, vec![], aac_frames, aac.clone(), "aac"),
        ("A_MPEG/L3", 16_000.0, 0, vec![], in_pieces(mp3, 216), mp3.to_vec(), "mp3"),
        ("A_MPEG/L2", 32_000.0, 0, vec![], in_pieces(&mp2, 288), mp2.clone(), "mp2"),
        ("A_MPEG/L1", 48_000.0, 0, vec![], in_pieces(&mp1, 32), mp1.clone(), "mp1"),
    ] {
        let private = if private.is_empty() { vec![] } else { element(CODEC_PRIVATE, &private) };
        let tracks = [track(1, codec, &[audio(rate_hz, 1, bits), private])];
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let found = decode(&file(&tracks, &[cluster(&frames)])).unwrap_or_else(|error| panic!("{codec}: {error}"));
        let expected = decode(&alone).unwrap();
        assert_eq!((found.source.codec.as_str(), found.samples.len()), (name, expected.samples.len()), "{codec}");
        assert!(found.samples == expected.samples, "{codec}");
        assert_eq!(found.sample_rate_hz, expected.sample_rate_hz);
        assert_eq!(found.source.bits_per_sample, (bits > 0).then_some(bits.into()), "{codec}");
    }
}

#[test]
fn codecs_that_are_not_decoded_are_named() {
    for (codec, name) in [
        ("A_AC3", "AC-3 (Dolby Digital)"),
        ("A_EAC3", "E-AC-3 (Dolby Digital Plus)"),
        ("A_DTS", "DTS"),
        ("A_REAL/COOK", "the codec \"A_REAL/COOK\" in Matroska"),
    ] {
        let found = message(decode(&file(&[track(1, codec, &[])], &[])));
        assert!(found.contains(&format!("{name} is not decoded")), "{found}");
    }
    let found = message(decode(&file(&[track(1, PCM, &[audio(8000.0, 1, 12)])], &[])));
    assert!(found.contains("the codec \"A_PCM/INT/LIT\" in Matroska is not decoded"), "{found}");
}

#[test]
fn damaged_descriptions_of_a_codec_are_errors() {
    // Vorbis: another number of headers; a size beyond the end. FLAC: less than a block of metadata.
    for (codec, private) in [("A_VORBIS", &[1, 1, 1, 0, 0, 0][..]), ("A_VORBIS", &[2, 9, 9, 0]), ("A_FLAC", b"fLaC")] {
        let tracks = [track(1, codec, &[audio(8000.0, 1, 0), element(CODEC_PRIVATE, private)])];
        assert!(message(decode(&file(&tracks, &[]))).contains("the description of its sound is damaged"), "{codec}");
    }
}

#[test]
fn headers_that_were_stripped_from_packets_are_put_back() {
    const ENCODINGS: u32 = 0x6d80;
    let compression = |fields: &[Vec<u8>]| element(ENCODINGS, &element(0x6240, &element(0x5034, &fields.concat())));
    let (bytes, _) = sound(300);
    let stripped = compression(&[element(0x4254, &[3]), element(0x4255, &[200, 100])]);
    let found = decode(&file(&[pcm(&[stripped])], &[cluster(&[&bytes, &bytes])])).unwrap();
    let expected: Vec<u8> = [&[200, 100][..], &bytes, &[200, 100], &bytes].concat();
    let expected: Vec<f32> = expected.iter().map(|byte| (f32::from(*byte) - 128.0) / 128.0).collect();
    assert_eq!(found.samples, expected);
    // zlib by default; bzlib; encryption.
    let encrypted = element(ENCODINGS, &element(0x6240, &element(0x5035, &[])));
    for other in [compression(&[]), compression(&[element(0x4254, &[1])]), encrypted] {
        let found = message(decode(&file(&[pcm(&[other])], &[cluster(&[&bytes])])));
        assert!(found.contains("compressed or encrypted sound in Matroska is not decoded"), "{found}");
    }
}

#[test]
fn the_codec_delay_is_removed_from_the_start() {
    let (bytes, expected) = sound(800);
    for (nanoseconds, n_frames) in [(0, 0), (10_000_000, 80), (10_070_000, 81)] {
        let delay = element(CODEC_DELAY, &u64::to_be_bytes(nanoseconds));
        // The second packet is the first in which there is sound.
        let clusters = [cluster(&[&bytes[..50], &bytes[50..]])];
        let found = decode(&file(&[pcm(&[delay])], &clusters)).unwrap();
        assert_eq!(found.samples, expected[n_frames..], "{nanoseconds} ns");
    }
}

#[test]
fn padding_is_removed_from_the_end_of_a_block() {
    let mp3 = fixture("mono.mp3");
    let frames: Vec<&[u8]> = mp3[20 + 216..].chunks(216).take(4).collect();
    let tracks = [track(1, "A_MPEG/L3", &[audio(16_000.0, 1, 0)])];
    let group = |frame: &[u8], nanoseconds: i64| {
        let fields = [element(DISCARD_PADDING, &nanoseconds.to_be_bytes()), element(BLOCK, &block(1, 0, frame))];
        element(BLOCK_GROUP, &fields.concat())
    };
    let decoded = |padding: i64| {
        let blocks =
            [&frames[..3].iter().map(|frame| group(frame, 0)).collect::<Vec<_>>()[..], &[group(frames[3], padding)]];
        decode(&file(&tracks, &[element(CLUSTER, &blocks.concat().concat())])).unwrap().samples
    };
    let whole = decode(&file(&tracks, &[cluster(&frames)])).unwrap().samples;
    assert_eq!(whole.len(), 4 * 576);
    // At 16 kHz; padding before the block, a negative number, is not used.
    for (nanoseconds, n_frames) in [(0, 0), (10_000_000, 160), (-10_000_000, 0)] {
        assert!(decoded(nanoseconds) == whole[..whole.len() - n_frames], "{nanoseconds} ns");
    }
}

#[test]
fn blocks_of_several_frames_and_of_groups_give_the_same_samples() {
    let (bytes, expected) = sound(300);
    // Frames of 60, 110 and 130 bytes, or three of 100.
    let xiph = [&[2, 60, 110][..], &bytes].concat();
    // 60, and 50 more than that: in two bytes, the middle of whose range is 2^13 - 1.
    let difference = (0x4000_u16 + (1 << 13) - 1 + 50).to_be_bytes();
    let ebml = [&[2, 0x80 | 60][..], &difference, &bytes].concat();
    let fixed = [&[2][..], &bytes].concat();
    let group = element(BLOCK_GROUP, &element(BLOCK, &block(1, 2, &xiph)));
    for (case, block) in [
        ("one", element(SIMPLE_BLOCK, &block(1, 0, &bytes))),
        ("Xiph", element(SIMPLE_BLOCK, &block(1, 2, &xiph))),
        ("EBML", element(SIMPLE_BLOCK, &block(1, 6, &ebml))),
        ("fixed", element(SIMPLE_BLOCK, &block(1, 4, &fixed))),
        ("group", group),
    ] {
        let found = decode(&file(&[pcm(&[])], &[element(CLUSTER, &block)])).unwrap();
        assert_eq!((found.samples, found.warnings), (expected.clone(), vec![]), "{case}");
    }
}

#[test]
fn other_tracks_and_elements_are_passed_over() {
    let (bytes, expected) = sound(300);
    let video = track_of_kind(1, 2, "V_VP8", &[]);
    let other = track(3, PCM, &[audio(8000.0, 1, 8)]);
    let blocks = [
        element(0xe7, &[0]),
        element(SIMPLE_BLOCK, &block(2, 0, &[1; 100])),
        element(SIMPLE_BLOCK, &block(1, 0, &bytes[..200])),
        element(SIMPLE_BLOCK, &block(3, 0, &[2; 100])),
        element(VOID, &[3; 100]),
        element(SIMPLE_BLOCK, &block(1, 0, &bytes[200..])),
    ];
    let cues = element(0x1c53_bb6b, &[4; 100]);
    let found = decode(&file(&[video.clone(), pcm(&[]), other], &[element(CLUSTER, &blocks.concat()), cues])).unwrap();
    assert_eq!((found.samples, found.warnings), (expected, vec![]));
    assert!(message(decode(&file(&[video], &[]))).contains("no audio track"));
}

#[test]
fn live_recordings_leave_sizes_open_and_may_end_anywhere_between_blocks() {
    let (bytes, expected) = sound(300);
    let blocks = |part: &[u8]| [element(0xe7, &[0]), element(SIMPLE_BLOCK, &block(1, 0, part))].concat();
    let clusters = [open_element(CLUSTER, &blocks(&bytes[..200])), open_element(CLUSTER, &blocks(&bytes[200..]))];
    let tracks = element(0x1654_ae6b, &pcm(&[]));
    let start = element(0x1a45_dfa3, &[]);
    let live = [&start[..], &open_element(0x1853_8067, &[tracks.clone(), clusters.concat()].concat())].concat();
    let found = decode(&live).unwrap();
    assert_eq!((found.samples, found.warnings), (expected.clone(), vec![]));
    // In the second block.
    let found = decode(&live[..live.len() - 10]).unwrap();
    assert_eq!((&found.samples[..], found.warnings), (&expected[..200], vec![Warning::Truncated]));
    // A segment of known size between two blocks.
    let whole = file(&[pcm(&[])], &[cluster(&[&bytes[..200]]), cluster(&[&bytes[200..]])]);
    let found = decode(&whole[..whole.len() - cluster(&[&bytes[200..]]).len()]).unwrap();
    assert_eq!((&found.samples[..], found.warnings), (&expected[..200], vec![Warning::Truncated]));
    assert!(message(decode(&whole[..60])).contains("it ends inside its header"));
    // What follows the last block, if it is too short for a header, is not sound.
    for (n, warnings) in [(11, vec![]), (12, vec![Warning::Truncated])] {
        let found = decode(&[&live[..], &vec![0; n]].concat()).unwrap();
        assert_eq!((&found.samples, found.warnings), (&expected, warnings), "{n} bytes");
    }
}

#[test]
fn sound_after_damage_is_found_at_the_next_cluster() {
    let (bytes, expected) = sound(300);
    let clusters = [cluster(&[&bytes[..200]]), cluster(&[&bytes[200..]])];
    // An identifier that is not known, no identifier at all, and more bytes than are searched at once.
    let unknown = element(0x4dbb, &[1; 50]);
    let long = vec![0; (1 << 16) - 2];
    for damage in [&unknown[..], &[0; 20], &long, &[&long[..], &long].concat()] {
        let segment = [element(0x1654_ae6b, &pcm(&[])), clusters[0].clone(), damage.to_vec(), clusters[1].clone()];
        let bytes = [element(0x1a45_dfa3, &[]), element(0x1853_8067, &segment.concat())].concat();
        let found = decode(&bytes).unwrap();
        assert_eq!((&found.samples, found.warnings), (&expected, vec![Warning::Damaged]), "{} bytes", damage.len());
        let at_end = [&bytes[..bytes.len() - clusters[1].len()], &[0; 3]].concat();
        let found = decode(&at_end).unwrap();
        assert_eq!((&found.samples[..], found.warnings), (&expected[..200], vec![Warning::Truncated]));
    }
}

#[test]
fn blocks_of_more_than_4_mib_are_passed_over() {
    let (bytes, expected) = sound(300);
    let of = |n: usize| element(SIMPLE_BLOCK, &block(1, 0, &vec![128; n - 4]));
    let decoded = |first: Vec<u8>| {
        let blocks = [first, element(SIMPLE_BLOCK, &block(1, 0, &bytes))].concat();
        decode(&file(&[pcm(&[])], &[element(CLUSTER, &blocks)])).unwrap().samples
    };
    assert_eq!(decoded(of((1 << 22) + 1)), expected);
    assert_eq!(decoded(of(1 << 22))[..1000], [0.0; 1000]);
}

#[test]
fn a_second_segment_describes_its_track_again() {
    let (bytes, expected) = sound(300);
    let two = |second: Vec<u8>| {
        let first = file(&[pcm(&[])], &[cluster(&[&bytes[..200]])]);
        [first, segment(&[second], &[cluster(&[&bytes[200..]])])].concat()
    };
    assert_eq!(decode(&two(pcm(&[]))).unwrap().samples, expected);
    // With samples of 16 bits.
    let wide = decode(&two(track(1, PCM, &[audio(8000.0, 1, 16)]))).unwrap().samples;
    let expected_16 = bytes[200..].as_chunks().0.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0);
    assert_eq!(wide, [&expected[..200], &expected_16.collect::<Vec<_>>()].concat());
    match decode(&two(track(1, PCM, &[audio(16_000.0, 1, 8)]))) {
        Err(Error::Unsupported(message)) => assert_eq!(message, "the sample rate changes within the file"),
        other => panic!("{other:?}"),
    }
    // Another track does not replace the first.
    assert_eq!(decode(&two(track(2, PCM, &[audio(16_000.0, 1, 8)]))).unwrap().samples, expected);
}

/// A file of Opus packets. `mapping` is what the header says about channels: their number, and the last bytes.
fn opus(n_channels: u8, gain_db: i16, mapping: &[u8], packets: &[Vec<u8>]) -> Result<Audio, Error> {
    let gain = (256 * gain_db).to_le_bytes();
    let head = [&b"OpusHead\x01"[..], &[n_channels, 0, 0, 0x80, 0xbb, 0, 0], &gain, mapping].concat();
    let tracks = [track(1, "A_OPUS", &[audio(48_000.0, n_channels, 0), element(CODEC_PRIVATE, &head)])];
    decode(&file(&tracks, &[cluster(&packets.iter().map(Vec::as_slice).collect::<Vec<_>>())]))
}

/// A packet of several streams: all but the last say how long they are (RFC 6716, appendix B).
fn together(first: &[u8], last: &[u8]) -> Vec<u8> {
    assert_eq!(first[0] & 3, 0, "a packet of one frame");
    let n = first.len() - 1;
    let length = if n < 252 { vec![n as u8] } else { vec![252 + (n % 4) as u8, ((n - 252) / 4) as u8] };
    [&first[..1], &length, &first[1..], last].concat()
}

#[test]
fn surround_is_the_mean_of_its_streams() {
    let pair = ebml::frames(&fixture("codec_hybrid_stereo.mka"));
    let one = ebml::frames(&fixture("opus.webm"));
    let n = pair.len().min(one.len());
    assert!(n > 15);
    let samples = |n_channels: u8, packets: &[Vec<u8>]| opus(n_channels, 0, &[0], &packets[..n]).unwrap().samples;
    let (pair_alone, one_alone) = (samples(2, &pair), samples(1, &one));
    let packets: Vec<Vec<u8>> = pair.iter().zip(&one).map(|(pair, one)| together(pair, one)).collect();
    // Left, centre, right: of a stereo and of a mono stream.
    let surround = [1, 2, 1, 0, 2, 1];
    for (gain_db, gain) in [(0, 1.0), (-6, 10_f32.powf(-0.3))] {
        let found = opus(3, gain_db, &surround, &packets).unwrap();
        assert_eq!((found.source.n_channels, found.samples.len()), (3, n * 960));
        let both = pair_alone.iter().zip(&one_alone);
        let expected = both.map(|(pair, one)| gain * (2.0 * pair + one) / 3.0);
        let most = found.samples.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most < 1e-6, "{gain_db} dB: {most}");
    }
    // Another number of streams, or another family.
    for mapping in [&[1, 3, 0, 0, 2, 1][..], &[255, 2, 1, 0, 2, 1], &[2, 2, 1, 0, 2, 1]] {
        assert!(matches!(opus(3, 0, mapping, &packets), Err(Error::Unsupported(_))), "{mapping:?}");
    }
}

#[test]
fn empty_and_damaged_packets_of_opus_are_skipped() {
    let good = ebml::frames(&fixture("opus.webm"));
    let expected = opus(1, 0, &[0], &good).unwrap().samples;
    // No byte; a packet of frames of unequal length that claims more than it has.
    for bad in [vec![], vec![0x0b, 0x82, 0xff]] {
        let found = opus(1, 0, &[0], &[std::slice::from_ref(&bad), &good[..]].concat()).unwrap();
        assert_eq!((found.samples == expected, found.warnings), (true, vec![Warning::Damaged]), "{bad:x?}");
    }
}

/// Of one stream and of several: nothing is made up for a packet that is not there.
#[test]
fn an_empty_packet_of_surround_is_skipped() {
    let pair = ebml::frames(&fixture("codec_hybrid_stereo.mka"));
    let one = ebml::frames(&fixture("opus.webm"));
    let packets: Vec<Vec<u8>> = pair.iter().zip(&one).map(|(pair, one)| together(pair, one)).collect();
    let surround = [1, 2, 1, 0, 2, 1];
    let expected = opus(3, 0, &surround, &packets).unwrap().samples;
    let found = opus(3, 0, &surround, &[&[vec![]], &packets[..]].concat()).unwrap();
    assert_eq!((found.samples == expected, found.warnings), (true, vec![Warning::Damaged]));
}

/// libopus takes a frame of at most one byte for one that the encoder left out, whatever the byte.
#[test]
fn a_frame_of_one_byte_is_one_that_the_encoder_left_out() {
    let good = ebml::frames(&fixture("opus.webm"));
    let with = |left_out: &[u8]| {
        let packets = [&good[..5], &[left_out.to_vec()], &good[5..10]].concat();
        opus(1, 0, &[0], &packets).unwrap().samples
    };
    let configuration = good[4][0];
    let expected = with(&[configuration]);
    for byte in [0, 0x55, 0xff] {
        assert!(with(&[configuration, byte]) == expected, "{byte}");
    }
}

/// Several frames in a packet (RFC 6716, section 3.2): those of two packets with the same configuration.
#[test]
fn opus_packets_of_several_frames_give_the_samples_of_single_ones() {
    // 60 ms each, stereo; 120 ms is the most that a packet may hold.
    let single: Vec<Vec<u8>> = ebml::frames(&fixture("codec_silk_stereo.webm")).into_iter().take(6).collect();
    assert!(single.iter().all(|packet| packet[0] & 3 == 0 && packet.len() < 253));
    let expected = opus(2, 0, &[0], &single).unwrap().samples;
    assert_eq!(expected.len(), 6 * 2880);
    let double: Vec<Vec<u8>> = single
        .chunks(2)
        .map(|pair| {
            assert_eq!(pair[0][0], pair[1][0], "the same configuration");
            [&[pair[0][0] | 2, pair[0].len() as u8 - 1], &pair[0][1..], &pair[1][1..]].concat()
        })
        .collect();
    assert!(opus(2, 0, &[0], &double).unwrap().samples == expected);
}
