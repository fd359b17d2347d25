//! Unusual but valid recordings, each with a defined result, and properties that hold for every waveform.

use crate::sound::wav;
use features::{Extractor, FeatureConfig, FrontEnd, ImageConfig, Warning};
use proptest::prelude::*;

/// The same sound at two rates differs by the rounding to 16 bit and by the ends of the resampling filter: little on
/// average, more at single pixels near the 80 dB floor.
const SAME_SOUND_MEAN: f32 = 5e-4;
const SAME_SOUND_MAX: f32 = 0.2;

fn extractor() -> Extractor {
    Extractor::new(&FeatureConfig::default()).unwrap()
}

/// A full-scale square wave, the same in all channels, as a WAV file.
fn square(hz: u32, rate_hz: u32, channels: u16, frames: u32) -> Vec<u8> {
    let sample = |frame: u32| if (frame * 2 * hz / rate_hz).is_multiple_of(2) { i16::MAX } else { i16::MIN };
    let samples: Vec<i16> = (0..frames).flat_map(|frame| vec![sample(frame); usize::from(channels)]).collect();
    wav::pcm16(rate_hz, channels, &samples)
}

/// Index of the row with the largest sum.
fn loudest_row(image: &[f32]) -> usize {
    let sums: Vec<f32> = image.chunks_exact(224).map(|row| row.iter().sum()).collect();
    (0..224).max_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap()
}

#[test]
fn a_tone_appears_in_its_row_at_every_rate_channel_count_and_length() {
    // 1 kHz is mel 15 of 35.16, that is band 54 of 128 and row 95 of 224.
    for (case, rate_hz, channels, frames) in [
        ("7 s at 8 kHz", 8000, 1, 56_000),
        ("0.1 s", 8000, 1, 800),
        ("4 kHz", 4000, 1, 28_000),
        ("8 channels", 8000, 8, 8000),
        ("192 kHz", 192_000, 1, 384_000),
        ("192 kHz, 8 channels", 192_000, 8, 96_000),
        ("48 kHz, stereo, longer than the clip", 48_000, 2, 480_000),
        ("a rate coprime to 8000", 7919, 1, 7919),
    ] {
        let (image, warnings) = extractor().record_from_bytes(&square(1000, rate_hz, channels, frames), None).unwrap();
        assert!(warnings.is_empty(), "{case}: {warnings:?}");
        assert_eq!(image.len(), 224 * 224, "{case}");
        assert!(loudest_row(&image).abs_diff(95) <= 1, "{case}: row {}", loudest_row(&image));
        assert!(image.iter().all(|x| (0.0..=1.0).contains(x)), "{case}");
        assert!(image.iter().any(|x| *x > 0.9), "{case}");
    }
}

#[test]
fn the_same_sound_gives_the_same_image_at_every_rate() {
    // A chord with vibrato and tremolo, entirely below 1.8 kHz.
    let sound = |t: f64| {
        let partial = |k: f64| ((220.0 * k * t + 8.0 * (3.0 * t).sin()) * std::f64::consts::TAU).sin() / k;
        (1..=6).map(|k| partial(f64::from(k))).sum::<f64>() * (0.6 + 0.4 * (9.0 * t).cos()) / 5.0
    };
    let image = |rate_hz: u32| {
        let sample = |frame| (sound(f64::from(frame) / f64::from(rate_hz)) * 32_767.0).round() as i16;
        let samples: Vec<i16> = (0..rate_hz * 7).map(sample).collect();
        extractor().record_from_bytes(&wav::pcm16(rate_hz, 1, &samples), None).unwrap().0
    };
    let expected = image(8000);
    for rate_hz in [11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
        let off: Vec<f32> = image(rate_hz).iter().zip(&expected).map(|(a, b)| (a - b).abs()).collect();
        let (most, mean) = (off.iter().copied().fold(0.0, f32::max), off.iter().sum::<f32>() / off.len() as f32);
        eprintln!("{rate_hz} Hz: at most {most:.1e}, mean {mean:.1e}");
        assert!(most <= SAME_SOUND_MAX && mean <= SAME_SOUND_MEAN, "{rate_hz} Hz: at most {most}, mean {mean}");
    }
}

#[test]
fn equal_channels_give_the_image_of_one_channel() {
    let image = |channels| extractor().record_from_bytes(&square(700, 8000, channels, 8000), None).unwrap().0;
    let expected = image(1);
    for channels in 2..=8 {
        // The mean of equal samples is rounded unless their number is a power of two.
        let off = image(channels).iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-4, "{channels} channels: {off}");
    }
}

#[test]
fn silent_recordings_give_a_warning() {
    for (case, rate_hz, samples, image_is_empty) in [
        ("silence", 8000, vec![0; 8000], true),
        ("silence to resample", 44_100, vec![0; 44_100], true),
        ("a constant", 8000, vec![16_384; 56_000], false),
        ("one sample", 8000, vec![1000], false),
        // Less than half a sample at 8 kHz.
        ("one sample to resample", 44_100, vec![1000], true),
    ] {
        let (image, warnings) = extractor().record_from_bytes(&wav::pcm16(rate_hz, 1, &samples), None).unwrap();
        assert_eq!(warnings, [Warning::Silent], "{case}");
        assert_eq!(image.iter().all(|x| *x == 0.0), image_is_empty, "{case}");
        assert!(image.iter().all(|x| (0.0..=1.0).contains(x)), "{case}");
    }
}

#[test]
fn the_image_does_not_depend_on_the_level() {
    let extractor = extractor();
    let samples: Vec<f32> = (0..56_000_u32).map(|i| (i * i % 1021) as f32 / 1021.0 - 0.5).collect();
    let expected = extractor.image(&extractor.log_mel(&samples));
    for gain in [0.125, 4096.0] {
        let louder: Vec<f32> = samples.iter().map(|x| x * gain).collect();
        let image = extractor.image(&extractor.log_mel(&louder));
        for (a, b) in image.iter().zip(&expected) {
            // Powers of two scale exactly; the logarithm has an error of 2e-7 of up to 120 dB, over 80 dB.
            assert!((a - b).abs() < 1e-6, "{gain}: {a} {b}");
        }
    }
}

#[test]
fn equal_bytes_give_equal_images_every_time_and_from_every_thread() {
    let extractor = extractor();
    let bytes = square(700, 44_100, 2, 100_000);
    let image = || extractor.record_from_bytes(&bytes, None).unwrap().0;
    let expected = image();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(image)).collect();
        for thread in threads {
            assert!(thread.join().unwrap() == expected);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn images_are_finite_and_in_0_to_1_for_any_finite_samples(
        samples in prop::collection::vec(any::<f32>().prop_filter("finite", |x| x.is_finite()), 1..9000),
        rate_hz in prop::sample::select(vec![4000, 8000, 11_025, 44_100]),
    ) {
        let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let format = wav::Format { tag: 3, channels: 1, rate_hz, bits: 32 };
        let bytes = wav::claiming(format, data.len() as u32, &data);
        let extractor = extractor();
        prop_assert_eq!(extractor.waveform(&extractor.decode(&bytes, None).unwrap()).len(), 56_000);
        let (image, _) = extractor.record_from_bytes(&bytes, None).unwrap();
        prop_assert_eq!(image.len(), 224 * 224);
        prop_assert!(image.iter().all(|x| (0.0..=1.0).contains(x)));
    }

    #[test]
    fn shapes_follow_the_configuration(
        clip_seconds in 0.5..3.0,
        n_fft in 64_usize..1500,
        hop_share in 0.05..1.0,
        n_mels in 1_usize..80,
        image_size in 32_usize..100,
    ) {
        let hop_length = ((n_fft as f64 * hop_share) as usize).max(1);
        let image = ImageConfig { n_fft, hop_length, n_mels, image_size, ..ImageConfig::default() };
        let config = FeatureConfig { clip_seconds, ..FrontEnd::Image(image.clone()).into() };
        prop_assert!(config.validate().is_empty());
        let extractor = Extractor::new(&config).unwrap();
        let waveform = extractor.waveform(&extractor.decode(&square(500, 8000, 1, 8000), None).unwrap());
        prop_assert_eq!(waveform.len(), config.clip_samples());
        let log_mel = extractor.log_mel(&waveform);
        prop_assert_eq!(image.n_frames(clip_seconds), 1 + config.clip_samples() / hop_length);
        prop_assert_eq!(log_mel.len(), n_mels * image.n_frames(clip_seconds));
        let image = extractor.image(&log_mel);
        prop_assert_eq!(image.len(), image_size * image_size);
        prop_assert!(image.iter().all(|x| (0.0..=1.0).contains(x)));
    }
}
