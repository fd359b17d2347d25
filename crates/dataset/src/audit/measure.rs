//! One recording, read and decoded once: what is kept of it.

use std::path::Path;

use features::{Extractor, FeatureConfig, Warning};
use rayon::prelude::*;

use super::MAX_SECONDS;
use super::fingerprint::{Fingerprinter, Landmark};
use super::signal::Facts;
use crate::{Corpus, Error, Recording};

/// Mel bands whose level is kept, as the images of the default settings have them.
pub const N_BANDS: usize = 128;

/// The lowest level of a mel band, relative to the recording's loudest point, dB; as in the images.
const BAND_FLOOR_DB: f64 = -80.0;

/// What is kept of a recording.
pub(super) struct Measured {
    pub facts: Facts,
    /// Mean level of each mel band, dB relative to the recording's loudest point, -80 to 0: `[N_BANDS]`.
    pub band_db: Vec<f32>,
    pub landmarks: Vec<Landmark>,
    pub warnings: Vec<Warning>,
}

/// Reads and measures recordings; prepared once, used from any thread.
pub(super) struct Measurer {
    extractor: Extractor,
    fingerprinter: Fingerprinter,
}

impl Measurer {
    pub(super) fn new() -> Result<Self, Error> {
        let config = FeatureConfig { clip_seconds: MAX_SECONDS, ..FeatureConfig::default() };
        let extractor = Extractor::new(&config).map_err(|e| Error::Features(e.to_string()))?;
        Ok(Self { extractor, fingerprinter: Fingerprinter::new() })
    }

    /// Every recording of the corpus, or why it cannot be used. At most one decoded recording a thread is in memory.
    pub(super) fn all(&self, corpus: &Corpus) -> Vec<Result<Measured, String>> {
        corpus.recordings.par_iter().map(|recording| self.one(&corpus.root, recording)).collect()
    }

    /// The recording at 8 kHz, at most a minute of it; `None` if it cannot be read.
    pub(super) fn waveform(&self, root: &Path, recording: &Recording) -> Option<Vec<f32>> {
        self.decode(root, recording).ok().map(|audio| self.extractor.unpadded_waveform(&audio))
    }

    fn decode(&self, root: &Path, recording: &Recording) -> Result<features::Audio, String> {
        self.extractor.decode_file(&root.join(&recording.path)).map_err(|e| e.to_string())
    }

    fn one(&self, root: &Path, recording: &Recording) -> Result<Measured, String> {
        let audio = self.decode(root, recording)?;
        let facts = Facts::measure(&audio, recording.bytes);
        let waveform = self.extractor.unpadded_waveform(&audio);
        let landmarks = if facts.is_silent() { Vec::new() } else { self.fingerprinter.landmarks(&waveform) };
        let mel = self.extractor.mel_power(&waveform);
        Ok(Measured { facts, band_db: band_levels(&mel), landmarks, warnings: audio.warnings })
    }
}

/// Mean decibels of each band over time; `mel` is `[N_BANDS, n_frames]`.
fn band_levels(mel: &[f32]) -> Vec<f32> {
    let loudest = mel.iter().copied().fold(0.0, f32::max);
    let n_frames = mel.len() / N_BANDS;
    let level = |power: &f32| match f64::from(*power) / f64::from(loudest) {
        ratio if ratio > 0.0 => (10.0 * ratio.log10()).max(BAND_FLOOR_DB),
        _ => BAND_FLOOR_DB,
    };
    mel.chunks_exact(n_frames).map(|band| (band.iter().map(level).sum::<f64>() / n_frames as f64) as f32).collect()
}
