//! The readers. A panic is a defect.

use std::sync::LazyLock;

use dataset::audit::RecorderRule;
use dataset::{Corpus, Selection, annotation_table, event_table, split_from_csv};
use experiment::journal::{JOURNAL_FILE, Journal, Record};
use experiment::{Identity, Report};
use features::{Extractor, FeatureConfig};
use model::{Arch, BackboneWeights, cpu, describe_onnx, load_model, parse_state_dict};
use train::config::{Config, Settings};

use super::inputs::{corpus, with_file};

static EXTRACTOR: LazyLock<Extractor> =
    LazyLock::new(|| Extractor::new(&FeatureConfig::default()).unwrap_or_else(|e| panic!("{e}")));

/// Bytes of a recording → its image.
pub fn audio(bytes: &[u8]) {
    if let Ok((image, _)) = EXTRACTOR.record_from_bytes(bytes, None) {
        assert!(image.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
    }
}

/// A run's configuration.
pub fn config(bytes: &[u8]) {
    with_file("sweep.toml", bytes, |path| {
        if let Ok(config) = Config::load(path, &[]) {
            assert!(config.to_toml().is_ok());
        }
    });
}

/// A run's journal: whatever its bytes, an appended record can be read back.
pub fn journal(bytes: &[u8]) {
    with_file(JOURNAL_FILE, bytes, |path| {
        let Some(folder) = path.parent() else { return };
        // Most bytes are refused for their identity, so they are given one that fits.
        let identity = bytes.get(16..48).and_then(|digest| digest.try_into().ok()).map(Identity::from_bytes);
        let identity = identity.unwrap_or_else(|| Identity::from_bytes([0; Identity::BYTES]));
        let Ok((journal, before)) = Journal::open(folder, &identity) else { return };
        let record = Record::Begin { epochs: 7 };
        assert!(journal.append(&record).is_ok());
        drop(journal);
        let after = Journal::open(folder, &identity).map(|(_, records)| records).unwrap_or_default();
        assert_eq!(after, [before, vec![record]].concat());
    });
}

/// An ONNX file with a file of external data → a backbone's weights, a whole model, or the description of an encoder.
pub fn onnx(bytes: &[u8]) {
    with_file("dynamo_external.onnx.data", &[7; 4096], |_| {});
    with_file("model.onnx", bytes, |path| {
        let _ = describe_onnx(path);
        let _ = BackboneWeights::load(path, Arch::RESNET18);
        let _ = BackboneWeights::load(path, Arch::YAMNET);
        let _ = load_model(path, &cpu());
    });
}

/// A file of `torch.save` → a backbone's weights, or a whole classifier.
pub fn pytorch(bytes: &[u8]) {
    with_file("model.pt", bytes, |path| {
        let _ = BackboneWeights::load(path, Arch::RESNET18);
        let _ = parse_state_dict(path, bytes, &cpu());
    });
}

/// A table of recorders.
pub fn recorder_csv(bytes: &[u8]) {
    with_file("recorders.csv", bytes, |path| {
        let _ = RecorderRule::csv(path, &corpus());
    });
}

/// A table of recordings, or of events in them.
pub fn recording_table(bytes: &[u8]) {
    let name = if bytes.starts_with(b"{") { "recordings.jsonl" } else { "recordings.csv" };
    with_file(name, bytes, |path| {
        let _ = Corpus::from_table(path, None);
        let _ = event_table(path, None, &[]);
    });
}

/// Annotations by Audacity, Raven or Praat, of the sound file beside them.
pub fn annotations(bytes: &[u8]) {
    with_file("night.wav", b"", |_| {});
    with_file("night.txt", bytes, |path| {
        let _ = annotation_table(&[path.into()], &Selection::default());
    });
}

/// The report in a run's folder.
pub fn run_folder(bytes: &[u8]) {
    with_file("report.json", bytes, |path| {
        if let Some(Ok(report)) = path.parent().map(Report::read) {
            let _ = path.parent().map(|folder| report::page::render(&report, folder));
        }
    });
}

/// A safetensors file → a backbone's weights, or a whole model.
pub fn safetensors(bytes: &[u8]) {
    with_file("model.safetensors", bytes, |path| {
        let _ = BackboneWeights::load(path, Arch::RESNET18);
        let _ = load_model(path, &cpu());
        let _ = parse_state_dict(path, bytes, &cpu());
    });
}

/// The three lists of a split, of which the input is one.
pub fn split_csv(bytes: &[u8]) {
    with_file("val.csv", b"path,label\nhungry/1.wav,hungry\n", |_| {});
    with_file("test.csv", b"path,label\n", |_| {});
    with_file("train.csv", bytes, |path| {
        if let (Some(folder), corpus) = (path.parent(), corpus())
            && let Ok(split) = split_from_csv(&corpus, folder)
        {
            assert_eq!(split.len(), corpus.recordings.len());
        }
    });
}

/// A TFLite file → a backbone's weights.
pub fn tflite(bytes: &[u8]) {
    with_file("model.tflite", bytes, |path| {
        let _ = BackboneWeights::load(path, Arch::YAMNET);
    });
}
