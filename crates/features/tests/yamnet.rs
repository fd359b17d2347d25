//! YAMNet's spectrogram against its authors' formulas in `float64`: `scripts/goldens/yamnet_golden.py`.

use features::{Extractor, FeatureConfig, FrontEnd, YamnetConfig};

/// The golden holds every 13th value.
const STRIDE: usize = 13;

/// Tolerances of the logarithm: the `float32` rounding of a frame's loudest bin shows most where there is no sound.
const MAX: f32 = 1e-3;
const MEAN: f32 = 2e-6;

/// Bursts of a rising triangle wave over noise, as the script makes them.
fn waveform() -> Vec<f32> {
    let mut noise: u32 = 1;
    let sample = |frame: i64| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let phase = frame * (300_000 + frame * 150_000 / 16_000) * 65_536 / (16_000 * 1000) % 65_536;
        let triangle = if frame * 5 / 16_000 % 4 != 0 { (phase - 32_768).abs() - 16_384 } else { 0 };
        (triangle + i64::from(noise >> 21) - 1024) as f32 / 32_768.0
    };
    (0..112_000).map(sample).collect()
}

fn spectrogram(tflite_rounding: bool) -> Vec<f32> {
    let config = FrontEnd::Yamnet(YamnetConfig { tflite_rounding, ..YamnetConfig::default() }).into();
    Extractor::new(&config).unwrap().record_from_waveform(&waveform())
}

fn differences(a: &[f32], b: &[f32]) -> (f32, f32) {
    assert_eq!(a.len(), b.len());
    let off: Vec<f32> = a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect();
    assert!(off.iter().all(|x| x.is_finite()));
    (off.iter().copied().fold(0.0, f32::max), off.iter().sum::<f32>() / off.len() as f32)
}

#[test]
fn the_spectrogram_equals_the_authors_formulas() {
    let golden = std::fs::read("tests/goldens/yamnet.f32").unwrap();
    let golden: Vec<f32> = golden.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let kept: Vec<f32> = spectrogram(false).into_iter().step_by(STRIDE).collect();
    let (most, mean) = differences(&kept, &golden);
    eprintln!("at most {most:.1e}, mean {mean:.1e}");
    assert!(most <= MAX && mean <= MEAN, "{most} {mean}");
}

/// In the runtime, everything 48 dB below a frame's loudest bin is lost; louder values stay nearly the same.
#[test]
fn tflite_rounding_loses_quiet_values() {
    let (exact, rounded) = (spectrogram(false), spectrogram(true));
    let silence = 0.001_f32.ln();
    let lost = exact.iter().zip(&rounded).filter(|(e, r)| **e > silence + 1.0 && (**r - silence).abs() < 1e-3).count();
    assert!(lost > 100, "{lost}");
    let loud: Vec<(f32, f32)> = exact.into_iter().zip(rounded).filter(|(e, _)| *e > 2.0).collect();
    assert!(loud.len() > 100 && loud.iter().all(|(e, r)| (e - r).abs() < 0.1));
}

/// Frequencies above 4 kHz, which a better microphone records, do not distinguish its recordings from those at 8 kHz.
#[test]
fn a_common_rate_gives_all_recordings_the_same_frequencies() {
    let tone = |frequency_hz: f32| -> Vec<f32> {
        (0..44_100).map(|i| (std::f32::consts::TAU * frequency_hz * i as f32 / 44_100.0).sin()).collect()
    };
    let level = |common_rate_hz: Option<u32>, frequency_hz: f32| {
        let config = FeatureConfig { common_rate_hz, ..FeatureConfig::yamnet() };
        let waveform = Extractor::new(&config).unwrap().at_own_rate(&tone(frequency_hz), 44_100);
        assert_eq!(waveform.len(), 16_000);
        let inner = &waveform[2_000..14_000];
        (inner.iter().map(|x| x * x).sum::<f32>() / inner.len() as f32).sqrt()
    };
    for common_rate_hz in [None, Some(8_000)] {
        assert!((level(common_rate_hz, 1_000.0) - 0.5_f32.sqrt()).abs() < 1e-3);
    }
    assert!((level(None, 6_000.0) - 0.5_f32.sqrt()).abs() < 1e-3);
    assert!(level(Some(8_000), 6_000.0) < 1e-3);
}

/// Each input of a record equals the output of its front end alone, at the higher of the two rates.
#[test]
fn a_record_of_two_inputs_equals_the_output_of_each_front_end() {
    let both = FeatureConfig::image_and_yamnet();
    let extractor = Extractor::new(&both).unwrap();
    let record = extractor.record_from_waveform(&waveform());
    assert_eq!(record.len(), both.record_len());
    let (image, patches) = record.split_at(224 * 224);
    assert_eq!(patches, spectrogram(false));
    let alone = Extractor::new(&FeatureConfig::default()).unwrap();
    assert_eq!(image, alone.record_from_waveform(&alone.at_own_rate(&waveform(), 16_000)));
    assert_eq!(extractor.patches(&record).unwrap().len(), 14 * 96 * 64);
    assert!(alone.patches(image).is_none());
}
