//! A seeded synthetic cry corpus for machines without recordings.
//!
//! It has the shape of the real one: eight classes with the same imbalance, several recordings a recorder, file names
//! in the Donate-a-Cry form. The cries are source-filter voices that differ by class in pitch, contour, rhythm, breath
//! and roughness, and overlap as voices do. Scores on them say nothing about babies.

mod plan;
mod render;
mod voice;

use std::io::Cursor;
use std::path::Path;

use durable::write_atomic;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;
use plan::PlannedRecording;

/// Rate of the recordings, Hz.
pub const SAMPLE_RATE_HZ: u32 = 8000;

/// File that marks a synthetic corpus and tells its settings.
const MARKER: &str = "synthetic.json";

/// Changes whenever the same settings give other recordings than before.
const FORMAT_VERSION: u32 = 1;

/// What is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynthConfig {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Recordings over all classes, at least 40.
    pub n_recordings: usize,
}

impl Default for SynthConfig {
    fn default() -> Self {
        Self { seed: 7, n_recordings: 512 }
    }
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Marker {
    format_version: u32,
    config: SynthConfig,
}

/// Writes the corpus as `dir/<class>/<file>.wav`. A corpus with the same settings that is already there is left as it
/// is; a folder appears whole or not at all, so that two processes may ask for the same one.
///
/// # Errors
/// [`Error::Synthetic`] if fewer than 40 recordings are asked for or `dir` holds anything else, [`Error::Io`] if it
/// cannot be written.
pub fn write_corpus(dir: &Path, config: &SynthConfig) -> Result<(), Error> {
    if config.n_recordings < 40 {
        return Err(Error::Synthetic(format!(
            "{} recordings are too few, at least 40 are needed",
            config.n_recordings
        )));
    }
    if is_wanted(dir, config)? {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
    let work = tempfile::Builder::new().prefix(".synthetic-").tempdir_in(parent).map_err(Error::io(parent))?;
    let unfinished = work.path().join("corpus");
    let planned = plan::plan(config);
    for class in &voice::CLASSES {
        let folder = unfinished.join(class.label);
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    }
    planned.par_iter().try_for_each(|recording| {
        let path = unfinished.join(recording.class.label).join(&recording.file_name);
        let bytes = wav(recording).map_err(|e| Error::Synthetic(format!("{}: {e}", path.display())))?;
        std::fs::write(&path, bytes).map_err(Error::io(&path))
    })?;
    let marker = Marker { format_version: FORMAT_VERSION, config: *config };
    let text = serde_json::to_string(&marker).map_err(|e| Error::Synthetic(e.to_string()))?;
    write_atomic(&unfinished.join(MARKER), text.as_bytes()).map_err(Error::io(dir))?;
    match std::fs::rename(&unfinished, dir) {
        // Another process was faster.
        Err(_) if is_wanted(dir, config)? => Ok(()),
        done => done.map_err(Error::io(dir)),
    }
}

/// Whether `dir` holds a corpus that [`write_corpus`] made.
pub fn is_synthetic(dir: &Path) -> bool {
    dir.join(MARKER).is_file()
}

/// Whether the corpus is there already; an error if something else is.
fn is_wanted(dir: &Path, config: &SynthConfig) -> Result<bool, Error> {
    let empty = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => true,
        Err(e) => return Err(Error::io(dir)(e)),
    };
    if empty {
        return Ok(false);
    }
    let wanted = Marker { format_version: FORMAT_VERSION, config: *config };
    let text = std::fs::read(dir.join(MARKER)).unwrap_or_default();
    match serde_json::from_slice::<Marker>(&text) {
        Ok(found) if found == wanted => Ok(true),
        Ok(_) => Err(Error::Synthetic(format!(
            "{} holds one made with other settings; remove it or choose another folder",
            dir.display()
        ))),
        Err(_) => {
            Err(Error::Synthetic(format!("{} holds something else; choose a new or empty folder", dir.display())))
        }
    }
}

fn wav(recording: &PlannedRecording) -> Result<Vec<u8>, hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
    for sample in render::render(recording) {
        writer.write_sample((sample.clamp(-1.0, 1.0) * f64::from(i16::MAX)).round() as i16)?;
    }
    writer.finalize()?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Corpus;
    use std::collections::{BTreeMap, BTreeSet};

    fn made(config: &SynthConfig) -> (tempfile::TempDir, Corpus) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("corpus");
        write_corpus(&dir, config).unwrap();
        let corpus = Corpus::scan(&dir).unwrap();
        (folder, corpus)
    }

    #[test]
    fn a_seed_fixes_every_byte_and_another_changes_them() {
        let config = SynthConfig { seed: 1, n_recordings: 40 };
        let (_folder, corpus) = made(&config);
        assert_eq!(corpus.fingerprint(), made(&config).1.fingerprint());
        assert_ne!(corpus.fingerprint(), made(&SynthConfig { seed: 2, ..config }).1.fingerprint());
        let contents: BTreeSet<&str> = corpus.recordings.iter().map(|r| r.sha256.as_str()).collect();
        assert_eq!(contents.len(), 40, "no recording is twice in it");
    }

    #[test]
    fn the_default_has_the_real_corpus_imbalance_and_several_recorders() {
        let planned = plan::plan(&SynthConfig::default());
        let mut counts = BTreeMap::new();
        let mut recorders = BTreeSet::new();
        for recording in &planned {
            *counts.entry(recording.class.label).or_insert(0) += 1;
            recorders.insert(&recording.file_name[..36]);
        }
        assert_eq!(counts.values().copied().collect::<Vec<i32>>(), [16, 18, 7, 30, 382, 11, 20, 28]);
        assert!((100..400).contains(&recorders.len()), "{} recorders", recorders.len());
    }

    #[test]
    fn small_corpora_have_every_class_and_names_of_the_known_form() {
        let (_folder, corpus) = made(&SynthConfig { seed: 7, n_recordings: 64 });
        assert_eq!(corpus.recordings.len(), 64);
        assert!(corpus.class_counts().iter().all(|count| *count >= 3));
        assert!(is_synthetic(&corpus.root));
        for recording in &corpus.recordings {
            assert!(recording.recorder().is_some(), "{}", recording.path);
            let tail: Vec<&str> = recording.path.trim_end_matches(".wav").rsplit('-').take(4).collect();
            assert_eq!(tail[0], voice::CLASSES[recording.label].code);
            assert!(["04", "48", "26", "72", "22"].contains(&tail[1]) && ["m", "f"].contains(&tail[2]));
        }
    }

    #[test]
    fn recordings_are_heard_and_within_range() {
        for recording in plan::plan(&SynthConfig { seed: 3, n_recordings: 40 }) {
            let samples = render::render(&recording);
            let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE_HZ);
            assert!((6.0..=7.5).contains(&seconds), "{seconds} s");
            let peak = samples.iter().fold(0.0, |peak: f64, sample| peak.max(sample.abs()));
            assert!((0.1..=1.0).contains(&peak), "{}: peak {peak}", recording.file_name);
        }
    }

    #[test]
    fn what_is_there_is_kept_or_refused() {
        let config = SynthConfig { seed: 1, n_recordings: 40 };
        let (_folder, corpus) = made(&config);
        let first = corpus.root.join(&corpus.recordings[0].path);
        let before = std::fs::metadata(&first).unwrap().modified().unwrap();
        write_corpus(&corpus.root, &config).unwrap();
        assert_eq!(std::fs::metadata(&first).unwrap().modified().unwrap(), before);

        let other = write_corpus(&corpus.root, &SynthConfig { seed: 2, ..config }).unwrap_err().to_string();
        assert!(other.contains("other settings"), "{other}");
        let foreign = tempfile::tempdir().unwrap();
        std::fs::write(foreign.path().join("mine.txt"), "precious").unwrap();
        let refused = write_corpus(foreign.path(), &config).unwrap_err().to_string();
        assert!(refused.contains("something else"), "{refused}");
        assert!(write_corpus(&corpus.root, &SynthConfig { n_recordings: 39, ..config }).is_err());
    }
}
