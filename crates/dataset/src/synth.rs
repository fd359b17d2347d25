//! A seeded synthetic corpus of cries for machines without recordings.
//!
//! It has the structure of the real corpus: eight classes with the same imbalance, several recordings per recorder, and
//! file names in the Donate-a-Cry format. The cries are source-filter voices. Classes differ in pitch, contour, rhythm,
//! breath and roughness, and overlap as real voices do. Scores on them say nothing about babies.

mod config;
mod plan;
mod render;
mod voice;

use std::path::Path;

use crate::folder::{CORPUS_MARKER, Named, write_folder, write_wav};
use crate::signal::RATE;
use crate::{Error, count, is};
pub use config::SynthConfig;
pub(crate) use plan::Baby;
use plan::PlannedRecording;
pub(crate) use render::cry;
pub(crate) use voice::{CLASSES, ClassVoice};

/// Increased whenever the same settings give different recordings.
pub const SYNTH_VERSION: u32 = 1;

/// Writes the corpus as `dir/<class>/<file>.wav`. A corpus with the same settings is left unchanged. The folder appears
/// whole or not at all, so that two processes may write the same one at once.
///
/// # Errors
/// [`Error::Synthetic`] if fewer than 40 recordings are requested, [`Error::Occupied`] if `dir` holds anything else,
/// [`Error::Write`] if it cannot be written.
pub fn write_corpus(dir: &Path, config: &SynthConfig) -> Result<(), Error> {
    if config.n_recordings < 40 {
        return Err(Error::Synthetic(format!(
            "{} {} too few; at least 40 are needed",
            count(config.n_recordings, "recording"),
            is(config.n_recordings)
        )));
    }
    write_folder(dir, CORPUS_MARKER, SYNTH_VERSION, config, &plan::plan(config), |path, recording| {
        write_wav(path, RATE as u32, render::render(recording))
    })
}

impl Named for PlannedRecording {
    fn path(&self) -> String {
        format!("{}/{}", self.class.label, self.file_name)
    }
}

/// Whether `dir` holds a corpus that [`write_corpus`] made.
pub fn is_synthetic(dir: &Path) -> bool {
    dir.join(CORPUS_MARKER).is_file()
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
    fn equal_seeds_give_equal_bytes_and_other_seeds_other_bytes() {
        let config = SynthConfig { seed: 1, n_recordings: 40 };
        let (_folder, corpus) = made(&config);
        assert_eq!(corpus.fingerprint(), made(&config).1.fingerprint());
        assert_ne!(corpus.fingerprint(), made(&SynthConfig { seed: 2, ..config }).1.fingerprint());
        let contents: BTreeSet<&str> = corpus.recordings.iter().map(|r| r.sha256.as_str()).collect();
        assert_eq!(contents.len(), 40, "all recordings differ");
    }

    #[test]
    fn the_default_corpus_has_the_class_imbalance_and_recorders_of_the_real_one() {
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
    fn small_corpora_have_every_class_and_donate_a_cry_names() {
        let (_folder, corpus) = made(&SynthConfig { seed: 7, n_recordings: 64 });
        assert_eq!(corpus.recordings.len(), 64);
        assert!(corpus.class_counts(|_| true).iter().all(|count| *count >= 3));
        assert!(is_synthetic(&corpus.root));
        for recording in &corpus.recordings {
            assert!(recording.recorder().is_some(), "{}", recording.path);
            let tail: Vec<&str> = recording.path.trim_end_matches(".wav").rsplit('-').take(4).collect();
            assert_eq!(tail[0], voice::CLASSES[recording.label].code);
            assert!(["04", "48", "26", "72", "22"].contains(&tail[1]) && ["m", "f"].contains(&tail[2]));
        }
    }

    #[test]
    fn recordings_are_audible_and_within_range() {
        for recording in plan::plan(&SynthConfig { seed: 3, n_recordings: 40 }) {
            let samples = render::render(&recording);
            let seconds = samples.len() as f64 / RATE;
            assert!((6.0..=7.5).contains(&seconds), "{seconds} s");
            let peak = samples.iter().fold(0.0, |peak: f64, sample| peak.max(sample.abs()));
            assert!((0.1..=1.0).contains(&peak), "{}: peak {peak}", recording.file_name);
        }
    }

    #[test]
    fn existing_folders_are_kept_or_refused() {
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
