//! Waveform, log-mel, image and filter bank against librosa. The goldens come from `scripts/goldens/features_golden.py`, which
//! makes the same recordings and can also compare all of cry512.

use crate::sound::wav;
use features::{Extractor, FeatureConfig, mel_filter_bank};

/// A golden holds every n-th value of a stage.
const WAVEFORM_STRIDE: usize = 37;
const MEL_STRIDE: usize = 11;
const IMAGE_STRIDE: usize = 13;

/// Both sides transform in `float32` but in a different order: 1e-7 of the loudest bin is a large part of a quiet one,
/// which decibels show.
const SAME_RATE_MAX: f32 = 5e-5;
const SAME_RATE_MEAN: f32 = 5e-7;
/// The resampling filter is fitted to that of soxr, not a copy: real recordings agree to 73 dB or better.
const RESAMPLED_SNR_DB: f64 = 70.0;
/// The effect of that difference on images: small on average, larger at single pixels near the 80 dB floor.
const RESAMPLED_MEAN: f32 = 3e-5;
const RESAMPLED_OFF: f32 = 1e-3;
const RESAMPLED_OFF_SHARE: f32 = 1e-3;
/// The upper 4 of 128 bands lie above 3.8 kHz, where both filters fall from 1 to 0; 1 % apart there is 1e-3 in an
/// image. Recordings have little energy there, but the white noise of this test has much.
const TRANSITION_SHARE: f32 = 4.0 / 128.0;
const TRANSITION_MAX: f32 = 3e-2;

struct Case {
    name: &'static str,
    rate_hz: u32,
    channels: u16,
    frames: u64,
    loud: bool,
}

const fn case(name: &'static str, rate_hz: u32, channels: u16, frames: u64, loud: bool) -> Case {
    Case { name, rate_hz, channels, frames, loud }
}

/// The same table as in `scripts/goldens/features_golden.py`.
const CASES: [Case; 7] = [
    case("mono_8k", 8000, 1, 54_880, true),
    case("mono_16k", 16_000, 1, 80_000, true),
    case("mono_48k", 48_000, 1, 200_001, true),
    case("stereo_44k", 44_100, 2, 303_072, true),
    case("short_8k", 8000, 1, 4000, true),
    case("long_22k", 22_050, 1, 200_000, true),
    case("silent_8k", 8000, 1, 16_000, false),
];

/// `pcm16` of the script: bursts of a rising triangle wave in white noise.
fn recording(case: &Case) -> Vec<u8> {
    let rate_hz = u64::from(case.rate_hz);
    let mut noise: u32 = 1;
    let mut samples = Vec::new();
    for frame in 0..case.frames {
        for channel in 0..u64::from(case.channels) {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let millihertz = 300_000 + 200_000 * channel + frame * 150_000 / rate_hz;
            let phase = frame * millihertz * 65_536 / (rate_hz * 1000) % 65_536;
            let triangle = (phase as i32 - 32_768).abs() - 16_384;
            let burst = frame * 5 / rate_hz % 4 != 0;
            let sample = if burst { triangle } else { 0 } + (noise >> 21) as i32 - 1024;
            samples.push(if case.loud { sample as i16 } else { 0 });
        }
    }
    wav::pcm16(case.rate_hz, case.channels, &samples)
}

fn golden(file: &str) -> Vec<[u8; 4]> {
    let path = std::path::Path::new("tests/goldens").join(file);
    std::fs::read(path).unwrap().as_chunks().0.to_vec()
}

fn kept(values: &[f32], stride: usize) -> Vec<f32> {
    values.iter().copied().step_by(stride).collect()
}

/// Largest and mean of some differences, and the share above [`RESAMPLED_OFF`].
fn summary(off: &[f32]) -> (f32, f32, f32) {
    assert!(off.iter().all(|x| x.is_finite()));
    let n = off.len() as f32;
    let above = off.iter().filter(|x| **x > RESAMPLED_OFF).count();
    (off.iter().copied().fold(0.0, f32::max), off.iter().sum::<f32>() / n, above as f32 / n)
}

fn snr_db(ours: &[f32], theirs: &[f32]) -> f64 {
    let energy = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>();
    let signal = energy(&mut theirs.iter().map(|x| f64::from(*x)));
    let noise = energy(&mut ours.iter().zip(theirs).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (signal / noise).log10()
}

#[test]
fn every_stage_agrees_with_librosa() {
    let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
    for case in &CASES {
        let name = case.name;
        let waveform = extractor.waveform(&extractor.decode(&recording(case), None).unwrap());
        let mel = extractor.log_mel(&waveform);
        let image = extractor.image(&mel);
        let ours = [kept(&waveform, WAVEFORM_STRIDE), kept(&mel, MEL_STRIDE), kept(&image, IMAGE_STRIDE)];
        let theirs: Vec<f32> = golden(&format!("{name}.f32")).into_iter().map(f32::from_le_bytes).collect();
        assert_eq!(theirs.len(), ours.iter().map(Vec::len).sum::<usize>(), "{name}");
        let (their_waveform, their_pictures) = theirs.split_at(ours[0].len());
        let (their_mel, their_image) = their_pictures.split_at(ours[1].len());

        let resampled = case.rate_hz != 8000;
        if resampled {
            let snr = snr_db(&ours[0], their_waveform);
            eprintln!("{name}: waveform {snr:.1} dB");
            assert!(snr >= RESAMPLED_SNR_DB, "{name}: {snr} dB");
        } else {
            assert_eq!(ours[0], their_waveform, "{name}");
        }
        for (stage, ours, theirs) in [("mel", &ours[1], their_mel), ("image", &ours[2], their_image)] {
            let off: Vec<f32> = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).collect();
            // The highest bands are the last rows.
            let (lower, highest) = off.split_at((off.len() as f32 * (1.0 - TRANSITION_SHARE)) as usize);
            if resampled {
                let ((_, mean, share), (most, ..)) = (summary(lower), summary(highest));
                eprintln!(
                    "{name}: {stage} mean {mean:.1e}, {share:.1e} of values above 1e-3; highest bands {most:.1e}"
                );
                assert!(mean <= RESAMPLED_MEAN && share <= RESAMPLED_OFF_SHARE && most <= TRANSITION_MAX, "{name}");
            } else {
                let (most, mean, _) = summary(&off);
                eprintln!("{name}: {stage} mean {mean:.1e}, at most {most:.1e}");
                assert!(most <= SAME_RATE_MAX && mean <= SAME_RATE_MEAN, "{name}");
            }
        }
    }
}

#[test]
fn the_filter_bank_equals_librosas_bit_for_bit() {
    let bank = mel_filter_bank(8000, 1024, 128, 0.0, 4000.0);
    let ours: Vec<(u32, u32)> =
        (0..).zip(&bank).filter(|(_, weight)| **weight != 0.0).map(|(at, weight)| (at, weight.to_bits())).collect();
    let theirs = golden("mel_filters.u32f32");
    let theirs: Vec<(u32, u32)> = theirs
        .as_chunks()
        .0
        .iter()
        .map(|[at, weight]| (u32::from_le_bytes(*at), u32::from_le_bytes(*weight)))
        .collect();
    assert_eq!(theirs.len(), 1011);
    assert_eq!(ours, theirs);
}
