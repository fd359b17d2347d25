//! Damaged packets and containers: the sound before and after the damage is used.

#[allow(dead_code)] // only whole files of one track are made here, and none is taken apart
use crate::sound::ebml::{audio, cluster, file, track};
use features::{Audio, Error, Extractor, FeatureConfig, Warning};

fn decode(bytes: &[u8]) -> Result<Audio, Error> {
    Extractor::new(&FeatureConfig::default()).unwrap().decode(bytes, None)
}

fn fixture(file: &str) -> Vec<u8> {
    std::fs::read(format!("tests/fixtures/{file}")).unwrap()
}

/// Frames of layer II in Matroska, 32 kHz.
fn layer_2(frames: &[&[u8]]) -> Result<Audio, Error> {
    decode(&file(&[track(1, "A_MPEG/L2", &[audio(32_000.0, 1, 0)])], &[cluster(frames)]))
}

#[test]
fn bad_packets_are_skipped_up_to_a_thousand() {
    let mp2 = fixture("codec_mono.mp2");
    let good: Vec<&[u8]> = mp2.chunks(288).take(4).collect();
    let whole = layer_2(&good).unwrap();
    assert_eq!((whole.samples.len(), whole.warnings.as_slice()), (4 * 1152, &[][..]));
    let bad = &[0; 288][..];
    for (n_before, n_within) in [(0, 1), (1, 0), (1000, 0), (500, 500)] {
        let frames =
            [vec![bad; n_before], vec![good[0], good[1]], vec![bad; n_within], vec![good[2], good[3]]].concat();
        let audio = layer_2(&frames).unwrap();
        assert_eq!((audio.samples == whole.samples, audio.warnings), (true, vec![Warning::Damaged]));
    }
    assert!(matches!(layer_2(&[&[bad; 1001][..], &good].concat()), Err(Error::Malformed(_))));
    match layer_2(&[bad; 10]) {
        Err(Error::Malformed(message)) => assert_eq!(message, "no part of it can be decoded"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_fragments_before_a_damaged_one_are_used() {
    let bytes = fixture("codec_fragments.mp4");
    let whole = decode(&bytes).unwrap();
    // The last box, an index, becomes a fragment without its header.
    let mut damaged = bytes.clone();
    let index = bytes.windows(4).rposition(|window| window == b"mfra").unwrap();
    damaged[index..index + 4].copy_from_slice(b"moof");
    let audio = decode(&damaged).unwrap();
    assert_eq!((audio.samples, audio.warnings), (whole.samples, vec![Warning::Damaged]));
    // The only fragment.
    let mut damaged = bytes;
    let first = damaged.windows(4).position(|window| window == b"traf").unwrap();
    damaged[first..first + 4].copy_from_slice(b"free");
    assert!(decode(&damaged).is_err());
}

/// More than the 32 MiB that may be read besides the sound.
#[test]
fn the_largest_clip_is_read_whole() {
    let n_frames = 4 * 192_000;
    let sound: Vec<u8> = (0..n_frames).flat_map(|i| ((i % 100) as f64 / 128.0).to_le_bytes().repeat(8)).collect();
    let tracks = [track(1, "A_PCM/FLOAT/IEEE", &[audio(192_000.0, 8, 64)])];
    let packets: Vec<&[u8]> = sound.chunks(1 << 16).collect();
    let audio = decode(&file(&tracks, &[cluster(&packets)])).unwrap();
    assert_eq!((audio.samples.len(), audio.warnings), (n_frames, vec![]));
    assert!(audio.samples.iter().enumerate().all(|(i, sample)| *sample == (i % 100) as f32 / 128.0));
}
