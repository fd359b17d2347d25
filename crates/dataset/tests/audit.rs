//! A corpus with every kind of problem: each is found, and nothing is reported about clean recordings.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use dataset::audit::{Audit, Finding, Fingerprints, Kind, RecorderRule, Relations, audit};
use dataset::synth::{SynthConfig, write_corpus};
use dataset::{Corpus, Split};
use features::{Extractor, FeatureConfig};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

struct Planted {
    corpus: Corpus,
    split: Vec<Option<Split>>,
    /// Original recordings of which no copy was made.
    clean: BTreeSet<String>,
    audit: Audit,
    _folder: TempDir,
}

fn read(path: &Path) -> Vec<f32> {
    let samples = hound::WavReader::open(path).unwrap().into_samples::<i16>();
    samples.map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
}

fn write(path: &Path, samples: &[f32], sample_rate: u32) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in samples {
        writer.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// Resamples by linear interpolation, like a poor resampler.
fn resampled(samples: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    let n = samples.len() * to_hz as usize / from_hz as usize;
    let at = |i: usize| i as f64 * f64::from(from_hz) / f64::from(to_hz);
    let value = |at: f64| {
        let (a, b) = (samples[at as usize], samples[(at as usize + 1).min(samples.len() - 1)]);
        a + (b - a) * at.fract() as f32
    };
    (0..n).map(|i| value(at(i))).collect()
}

fn noisy(samples: &[f32], snr_db: f32) -> Vec<f32> {
    let power = samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32;
    // Uniform noise of the requested power.
    let peak = (3.0 * power / 10_f32.powf(snr_db / 10.0)).sqrt();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    samples.iter().map(|x| x + rng.random_range(-peak..peak)).collect()
}

/// The eight classes of a synthetic corpus and a ninth at another sample rate, with planted problems.
static PLANTED: LazyLock<Planted> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("corpus");
    write_corpus(&root, &SynthConfig { seed: 5, n_recordings: 120 }).unwrap();
    let sources: Vec<PathBuf> =
        Corpus::scan(&root).unwrap().recordings.iter().map(|recording| root.join(&recording.path)).collect();
    let hungry: Vec<&PathBuf> = sources.iter().filter(|path| path.starts_with(root.join("hungry"))).collect();
    let to = |name: &str| root.join("hungry").join(name);
    std::fs::copy(hungry[0], to("bytes.wav")).unwrap();
    let quieter: Vec<f32> = resampled(&read(hungry[1]), 8000, 44_100).iter().map(|x| 0.25 * x).collect();
    write(&to("rate.wav"), &quieter, 44_100);
    write(&to("shifted.wav"), &read(hungry[2])[2400..], 8000);
    write(&to("noisy.wav"), &noisy(&read(hungry[3]), 20.0), 8000);
    let half: Vec<f32> = read(hungry[4]).iter().map(|x| 0.5 * x).collect();
    write(&root.join("tired/relabelled.wav"), &half, 8000);
    let name = hungry[5].file_stem().unwrap().to_str().unwrap();
    // A different sound, but its name says what it was made from.
    write(&to(&format!("generated1_{name}.wav")), &resampled(&read(hungry[5]), 8000, 10_000), 8000);

    // A sound minus its delayed self is symmetric around zero, so that clipping adds no DC offset.
    let source = read(hungry[6]);
    let peak = source.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
    let loud: Vec<f32> = source.windows(801).map(|x| (2.0 * (x[0] - x[800]) / peak).clamp(-0.9, 0.9)).rev().collect();
    write(&to("clipped.wav"), &loud, 8000);
    let offset: Vec<f32> = read(hungry[7]).iter().rev().map(|x| 0.5 * x + 0.1).collect();
    write(&to("offset.wav"), &offset, 8000);
    write(&to("silent.wav"), &[0.0; 40_000], 8000);
    write(&to("short.wav"), &read(hungry[8])[20_000..22_000], 8000);
    std::fs::write(to("broken.wav"), b"RIFF no more").unwrap();

    let other = folder.path().join("other");
    write_corpus(&other, &SynthConfig { seed: 6, n_recordings: 40 }).unwrap();
    std::fs::create_dir(root.join("upsampled")).unwrap();
    for (i, recording) in Corpus::scan(&other).unwrap().recordings.iter().enumerate() {
        let samples = read(&other.join(&recording.path));
        write(&root.join(format!("upsampled/{i}.wav")), &resampled(&samples, 8000, 16_000), 16_000);
    }

    let mut corpus = Corpus::scan(&root).unwrap();
    for recording in &mut corpus.recordings {
        let room = if recording.path.starts_with("upsampled/") { "studio" } else { "home" };
        recording.columns.insert("room".into(), room.into());
    }
    // Recordings of known recorders are in train, planted ones in test, and one recorder is in both train and val.
    let spanning = corpus.recordings.iter().find_map(|recording| {
        let recorder = recording.recorder()?;
        let same = |other: &&dataset::Recording| other.recorder() == Some(recorder) && other.path != recording.path;
        corpus.recordings.iter().any(|other| same(&other)).then(|| recording.path.clone())
    });
    let split = corpus.recordings.iter().map(|recording| match recording.recorder() {
        Some(_) if Some(&recording.path) == spanning.as_ref() => Some(Split::Val),
        Some(_) if !recording.path.contains("generated") => Some(Split::Train),
        _ => Some(Split::Test),
    });
    let split: Vec<Option<Split>> = split.collect();
    let touched: BTreeSet<&PathBuf> = hungry[..6].iter().copied().collect();
    let clean = sources.iter().filter(|path| !touched.contains(path));
    let clean = clean.map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect();
    let audit = audit(&corpus, Some(&split), &RecorderRule::FileName, 3).unwrap();
    Planted { corpus, split, clean, audit, _folder: folder }
});

fn findings(kind: Kind) -> Vec<&'static Finding> {
    PLANTED.audit.findings.iter().filter(|finding| finding.kind == kind).collect()
}

/// File names of the only finding of a kind, one list per set.
fn names(kind: Kind) -> Vec<Vec<&'static str>> {
    let found = findings(kind);
    assert_eq!(found.len(), 1, "{}", kind.name());
    let name = |path: &'static String| path.rsplit('/').next().unwrap();
    found[0].files.iter().map(|set| set.iter().map(name).collect()).collect()
}

#[test]
fn exactly_the_planted_copies_are_found_with_their_originals() {
    let has = |sets: &[Vec<&str>], name: &str| sets.iter().any(|set| set.len() == 2 && set.contains(&name));
    let identical = names(Kind::ExactDuplicates);
    assert!(identical.len() == 1 && has(&identical, "bytes.wav"), "{identical:?}");
    let same = names(Kind::SameSound);
    for name in ["rate.wav", "shifted.wav", "noisy.wav", "relabelled.wav"] {
        assert!(has(&same, name), "{name}: {same:?}");
    }
    assert_eq!(same.len(), 4, "{same:?}");
    let lag = |name: &str| {
        let pair = PLANTED.audit.copies.iter().find(|copy| copy.a.ends_with(name) || copy.b.ends_with(name)).unwrap();
        pair.lag_seconds.abs()
    };
    assert_eq!((lag("/shifted.wav"), lag("/noisy.wav")), (0.3, 0.0));
    assert!(has(&names(Kind::ContradictingLabels), "relabelled.wav"));
    let derived = names(Kind::DerivedByName);
    assert!(derived.len() == 1 && derived[0].iter().any(|name| name.starts_with("generated1_")), "{derived:?}");
}

#[test]
fn families_and_recorders_in_several_splits_are_found() {
    // Six copies are in test with their originals in train.
    assert_eq!(names(Kind::FamilyAcrossSplits).len(), 6);
    let recorders = &findings(Kind::RecorderAcrossSplits)[0].files;
    let split_of = |path: &String| {
        let index = PLANTED.corpus.recordings.iter().position(|r| r.path == *path).unwrap();
        PLANTED.split[index]
    };
    for set in recorders {
        assert!(set.iter().map(split_of).collect::<std::collections::HashSet<_>>().len() > 1, "{set:?}");
    }
    let val: Vec<&String> = recorders.iter().flatten().filter(|path| split_of(path) == Some(Split::Val)).collect();
    assert_eq!(val.len(), 1, "the recording that was separated from its recorder");
}

#[test]
fn poor_recordings_are_found_and_clean_ones_are_not_reported() {
    for (kind, name) in [
        (Kind::Clipped, "clipped.wav"),
        (Kind::DcOffset, "offset.wav"),
        (Kind::Silent, "silent.wav"),
        (Kind::TooShort, "short.wav"),
        (Kind::Unreadable, "broken.wav"),
    ] {
        assert_eq!(names(kind), [[name]], "{}", kind.name());
    }
    let about_files = [
        Kind::ExactDuplicates,
        Kind::SameSound,
        Kind::DerivedByName,
        Kind::ContradictingLabels,
        Kind::FamilyAcrossSplits,
        Kind::NearEmpty,
        Kind::Damaged,
        Kind::BandLimited,
        Kind::UnknownRecorder,
    ];
    for finding in about_files.into_iter().flat_map(findings) {
        for path in finding.files.iter().flatten() {
            assert!(!PLANTED.clean.contains(path), "{}: {path}", finding.kind.name());
        }
    }
}

#[test]
fn the_class_at_another_rate_is_a_shortcut_and_a_class_that_is_too_small_is_reported() {
    let shortcuts = findings(Kind::Shortcut);
    assert!(shortcuts.iter().any(|finding| finding.message.contains("sample_rate_hz")), "{shortcuts:?}");
    let rate = PLANTED.audit.shortcuts.iter().find(|shortcut| shortcut.fact == "sample_rate_hz").unwrap();
    // With two rates and one file at a third rate, V is at most 1 / sqrt(2).
    assert!(rate.effect.strength() > 0.6 && rate.q_value < 0.01, "{rate:?}");
    let of_column = shortcuts.iter().find(|finding| finding.message.starts_with("What is known about a recording"));
    let message = &of_column.unwrap().message;
    assert!(message.contains("room is associated with the class (Cramér's V 0.98"), "{message}");
    let channels = PLANTED.audit.shortcuts.iter().find(|shortcut| shortcut.fact == "n_channels");
    assert_eq!(channels, None, "a constant fact is not tested");
    assert!(findings(Kind::UnscorableClass)[0].message.contains("cold_hot in test (0)"));
}

#[test]
fn groups_keep_recorders_and_families_together_and_the_audit_is_reproducible() {
    let cache = TempDir::new().unwrap();
    let extractor = Extractor::new(&FeatureConfig::default()).unwrap();
    let go_on = |_, _| ControlFlow::Continue(());
    let fingerprints = Fingerprints::take(&PLANTED.corpus, cache.path(), &extractor, &go_on).unwrap().unwrap();
    let groups = Relations::find(&RecorderRule::FileName, &fingerprints).unwrap().groups;
    let rows = &PLANTED.audit.recordings;
    assert_eq!(groups, rows.iter().map(|row| row.group).collect::<Vec<_>>());
    for a in rows {
        for b in rows {
            let related = a.family == b.family || (a.recorder.is_some() && a.recorder == b.recorder);
            assert!(!related || a.group == b.group, "{} {}", a.path, b.path);
        }
    }
    let again = audit(&PLANTED.corpus, Some(&PLANTED.split), &RecorderRule::FileName, 3).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&PLANTED.audit).unwrap());
}

#[test]
fn recorders_come_from_a_pattern_or_a_table() {
    let corpus = &PLANTED.corpus;
    let rule = RecorderRule::pattern(r"^upsampled/(\d)").unwrap();
    let recorder = |rule: &RecorderRule, path: &str| {
        let recording = corpus.recordings.iter().find(|r| r.path == path).unwrap();
        rule.recorder(recording).map(str::to_owned)
    };
    assert_eq!(recorder(&rule, "upsampled/17.wav").as_deref(), Some("1"));
    assert_eq!(recorder(&rule, "hungry/noisy.wav"), None);

    let folder = TempDir::new().unwrap();
    let table = |text: &str| {
        let file = folder.path().join("recorders.csv");
        std::fs::write(&file, text).unwrap();
        RecorderRule::csv(&file, corpus).map_err(|e| e.to_string())
    };
    let rule = table("path,recorder\nhungry/noisy.wav,anna\nhungry/silent.wav,\n").unwrap();
    assert_eq!(recorder(&rule, "hungry/noisy.wav").as_deref(), Some("anna"));
    assert_eq!(recorder(&rule, "hungry/silent.wav"), None);
    assert_eq!(recorder(&rule, "hungry/rate.wav"), None);

    for (result, expected) in [
        (RecorderRule::pattern("(").map_err(|e| e.to_string()), "recorder pattern"),
        (RecorderRule::pattern("baby.").map_err(|e| e.to_string()), "needs a group"),
        (table("path,recorder\nnowhere.wav,anna\n"), "no such recording"),
        (table("path,recorder\nhungry/noisy.wav,a\nhungry/noisy.wav,b\n"), "named twice"),
        (table("file,who\nx,y\n"), "it lacks path and recorder"),
    ] {
        let error = result.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert!(audit(corpus, Some(&[]), &rule, 0).unwrap_err().to_string().contains("0 recordings"));
}
