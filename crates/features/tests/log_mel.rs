//! Log-mel spectrograms of several kinds match those of Kaldi and librosa; `scripts/goldens/log_mel_golden.py` writes the goldens.

use std::collections::BTreeMap;

use features::{
    Centring, Extractor, FeatureConfig, FrontEnd, LogKind, LogMelConfig, MelNorm, MelScale, MelSpectrum, MelTriangles,
    WaveformConfig, Window,
};

/// Every fifth frame is in the goldens.
const STRIDE: usize = 5;

/// The waveform of the script.
fn waveform(n: usize) -> Vec<f32> {
    (0..n as i64).map(|i| (i * 7919 % 1021 - 510) as f32 / 1020.0 * ((i % 4000) as f32 / 4000.0)).collect()
}

fn kaldi(window: Window, scale: f64, n_mels: usize) -> LogMelConfig {
    LogMelConfig {
        scale,
        window,
        n_mels,
        centring: Centring::None,
        remove_dc: true,
        preemphasis: 0.97,
        f_min_hz: 20.0,
        mel_scale: MelScale::Htk,
        mel_norm: MelNorm::None,
        mel_triangles: MelTriangles::Mel,
        log_floor: f64::from(f32::EPSILON),
        ..LogMelConfig::default()
    }
}

fn cases() -> Vec<(&'static str, LogMelConfig)> {
    let panns = LogMelConfig {
        sample_rate_hz: 32_000,
        window_length: 1024,
        n_fft: 1024,
        hop_length: 320,
        f_min_hz: 50.0,
        f_max_hz: Some(14_000.0),
        centring: Centring::Reflect,
        log: LogKind::Db,
        ..LogMelConfig::default()
    };
    let htk = LogMelConfig {
        n_mels: 40,
        spectrum: MelSpectrum::Magnitude,
        mel_scale: MelScale::Htk,
        mel_norm: MelNorm::None,
        log_floor: 0.0,
        log_offset: 0.001,
        ..LogMelConfig::default()
    };
    let log10 = LogMelConfig { log: LogKind::Log10, log_offset: 0.0, log_floor: 0.05, ..htk.clone() };
    vec![
        ("beats", kaldi(Window::Povey, 32_768.0, 48)),
        ("ast", kaldi(Window::HannSymmetric, 1.0, 32)),
        ("hamming", kaldi(Window::Hamming, 1.0, 32)),
        ("panns", panns),
        ("htk", htk),
        ("log10", log10),
    ]
}

fn config(log_mel: LogMelConfig) -> FeatureConfig {
    FeatureConfig { clip_seconds: 0.5, ..FrontEnd::LogMel(log_mel).into() }
}

/// Both sides have single precision. In bands with a millionth of a frame's energy Kaldi's own values are up to 2e-3 nepers from those
/// of double precision; on average they are 3e-5. Decibels are 4.3 times as fine.
#[test]
fn spectrograms_are_those_of_kaldi_and_librosa() {
    let text = std::fs::read_to_string("tests/goldens/log_mel.json").unwrap();
    let goldens: BTreeMap<String, Vec<f32>> = serde_json::from_str(&text).unwrap();
    assert_eq!(goldens.len(), cases().len());
    for (name, log_mel) in cases() {
        let config = config(log_mel.clone());
        let record = Extractor::new(&config).unwrap().record_from_waveform(&waveform(config.clip_samples()));
        let [n_frames, n_mels] = config.inputs()[0].1;
        assert_eq!((record.len(), n_mels), (n_frames * n_mels, log_mel.n_mels), "{name}");
        let found: Vec<f32> = record.chunks(n_mels).step_by(STRIDE).flatten().copied().collect();
        let golden = &goldens[name];
        assert_eq!(found.len(), golden.len(), "{name}: {n_frames} frames");
        let unit = if log_mel.log == LogKind::Db { 4.3 } else { 1.0 };
        let differences = || found.iter().zip(golden).map(|(a, b)| (a - b).abs() / unit);
        let (worst, mean) = (differences().fold(0.0, f32::max), differences().sum::<f32>() / found.len() as f32);
        assert!(worst <= 5e-3 && mean <= 1e-4, "{name}: {worst}, {mean}");
    }
}

#[test]
fn a_spectrogram_is_cut_or_padded_with_zeros_to_its_frames() {
    let clip = waveform(8000);
    let of = |n_frames: Option<usize>| {
        let config = config(LogMelConfig { n_frames, ..LogMelConfig::default() });
        Extractor::new(&config).unwrap().record_from_waveform(&clip)
    };
    let whole = of(None);
    assert_eq!(whole.len(), 51 * 64);
    assert!(of(Some(20))[..] == whole[..20 * 64] && of(Some(20)).len() == 20 * 64);
    let longer = of(Some(60));
    assert!(longer[..51 * 64] == whole[..] && longer[51 * 64..] == [0.0; 9 * 64]);
}

#[test]
fn silence_is_silence_also_in_frames_after_the_clip() {
    for (name, log_mel) in cases() {
        for n_frames in [None, Some(120)] {
            let config = config(LogMelConfig { n_frames, ..log_mel.clone() });
            let extractor = Extractor::new(&config).unwrap();
            assert!(config.is_silent(&extractor.record_from_waveform(&[])), "{name}");
            assert!(!config.is_silent(&extractor.record_from_waveform(&waveform(8000))), "{name}");
        }
    }
}

#[test]
fn a_waveform_is_padded_with_zeros_and_has_its_rate() {
    let front_end = FrontEnd::Waveform(WaveformConfig { sample_rate_hz: 16_000 });
    let config = FeatureConfig { clip_seconds: 0.5, ..front_end.into() };
    assert_eq!((config.inputs(), config.waveform_rate_hz()), (vec![("waveform", [1, 8000])], 16_000));
    let sound = waveform(5000);
    let record = Extractor::new(&config).unwrap().record_from_waveform(&sound);
    assert!(record[..5000] == sound[..] && record[5000..] == [0.0; 3000]);
    let mut augmented = record.clone();
    config.augment(&mut augmented, &mut <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(1));
    assert!(augmented == record, "a waveform has no masks");
    assert!(config.is_silent(&[0.0; 8000]) && !config.is_silent(&record));
}

#[test]
fn settings_round_trip_and_what_they_do_not_have_is_refused() {
    let (_, log_mel) = cases().remove(3);
    let mut with_masks = config(log_mel);
    if let FrontEnd::LogMel(log_mel) = &mut with_masks.front_ends[0] {
        log_mel.spec_augment.time_mask = 7;
    }
    let waveform = FeatureConfig::from(FrontEnd::Waveform(WaveformConfig { sample_rate_hz: 16_000 }));
    for config in [with_masks, waveform] {
        let text = serde_json::to_value(&config).unwrap();
        assert_eq!(serde_json::from_value::<FeatureConfig>(text.clone()).unwrap(), config);
        for key in ["n_fft", "image_size", "top_db", "sample_rate_hz"] {
            let mut wrong = text.clone();
            wrong[key] = 512.into();
            let message = serde_json::from_value::<FeatureConfig>(wrong).unwrap_err().to_string();
            assert!(message.contains(&format!("{key} must be left out: [backbone.input] decides it")), "{message}");
        }
    }
    let alone = serde_json::json!({ "front_end": "log_mel" });
    let message = serde_json::from_value::<FeatureConfig>(alone).unwrap_err().to_string();
    assert!(message.contains("there is no table of that name"), "{message}");
}

#[test]
fn every_setting_decides_the_cache_key_and_has_its_range() {
    let base = LogMelConfig::default();
    let other = [
        LogMelConfig { sample_rate_hz: 8000, ..base.clone() },
        LogMelConfig { scale: 2.0, ..base.clone() },
        LogMelConfig { window_length: 300, ..base.clone() },
        LogMelConfig { n_fft: 1024, ..base.clone() },
        LogMelConfig { hop_length: 100, ..base.clone() },
        LogMelConfig { window: Window::Povey, ..base.clone() },
        LogMelConfig { centring: Centring::None, ..base.clone() },
        LogMelConfig { remove_dc: true, ..base.clone() },
        LogMelConfig { preemphasis: 0.5, ..base.clone() },
        LogMelConfig { spectrum: MelSpectrum::Magnitude, ..base.clone() },
        LogMelConfig { n_mels: 40, ..base.clone() },
        LogMelConfig { f_min_hz: 50.0, ..base.clone() },
        LogMelConfig { f_max_hz: Some(7000.0), ..base.clone() },
        LogMelConfig { mel_scale: MelScale::Htk, ..base.clone() },
        LogMelConfig { mel_norm: MelNorm::None, ..base.clone() },
        LogMelConfig { mel_triangles: MelTriangles::Mel, ..base.clone() },
        LogMelConfig { log: LogKind::Db, ..base.clone() },
        LogMelConfig { log_floor: 1e-5, ..base.clone() },
        LogMelConfig { log_offset: 1e-5, ..base.clone() },
        LogMelConfig { n_frames: Some(30), ..base.clone() },
    ];
    let mut keys = vec![config(base.clone()).record_key()];
    for log_mel in other {
        let config = config(log_mel);
        assert!(config.validate().is_empty(), "{config:?}");
        assert!(!keys.contains(&config.record_key()), "{config:?}");
        keys.push(config.record_key());
    }
    for (log_mel, key) in [
        (LogMelConfig { sample_rate_hz: 3999, ..base.clone() }, "sample_rate_hz"),
        (LogMelConfig { scale: 0.0, ..base.clone() }, "scale"),
        (LogMelConfig { window_length: 513, ..base.clone() }, "window_length"),
        (LogMelConfig { hop_length: 0, ..base.clone() }, "hop_length"),
        (LogMelConfig { preemphasis: 1.0, ..base.clone() }, "preemphasis"),
        (LogMelConfig { n_mels: 513, ..base.clone() }, "n_mels"),
        (LogMelConfig { f_min_hz: 8000.0, ..base.clone() }, "f_min_hz"),
        (LogMelConfig { f_max_hz: Some(8001.0), ..base.clone() }, "f_max_hz"),
        (LogMelConfig { log_floor: 0.0, ..base.clone() }, "log_floor"),
        (LogMelConfig { log_offset: -1.0, ..base.clone() }, "log_offset"),
        (LogMelConfig { n_frames: Some(0), ..base.clone() }, "n_frames"),
        (LogMelConfig { n_fft: 16_384, centring: Centring::Reflect, ..base.clone() }, "n_fft"),
    ] {
        let keys: Vec<&str> = config(log_mel).validate().iter().map(|problem| problem.key).collect();
        assert_eq!(keys, [key]);
    }
}
