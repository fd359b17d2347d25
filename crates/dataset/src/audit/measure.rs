//! Measuring recordings: each is read and decoded once.

use std::ops::Range;

use features::{Audio, Extractor, FeatureConfig, Warning};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::copies::fingerprint::{Fingerprinter, Landmark};
use super::facts::{Facts, MAX_SECONDS, is_silent};
use crate::{Corpus, Error, Recording};

/// Number of mel bands whose level is measured: those of the default feature settings.
pub const N_BANDS: usize = 128;

/// Lowest level of a mel band relative to the loudest point of the recording, dB, as in the images.
const BAND_FLOOR_DB: f64 = -80.0;

/// Measurements of a recording.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    pub facts: Facts,
    /// Mean level of each mel band, `[N_BANDS]`, -80 to 0 dB relative to the loudest point of the recording.
    pub band_db: Vec<f32>,
    pub landmarks: Vec<Landmark>,
    pub warnings: Vec<Warning>,
}

/// What [`audit_of`](super::audit_of) must know of a recording that another process may have read: its measurements, or why it is
/// unreadable.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Measurement(pub(super) Result<Measured, String>);

/// Measures the recordings `recordings` of `corpus`. Each thread holds at most one decoded recording in memory.
///
/// # Errors
/// [`Error::Features`] if the front end cannot be prepared.
pub fn measure(corpus: &Corpus, recordings: Range<usize>) -> Result<Vec<Measurement>, Error> {
    let measurer = Measurer::new()?;
    let recordings = &corpus.recordings[recordings];
    Ok(recordings.par_iter().map(|recording| Measurement(measurer.one(corpus, recording))).collect())
}

/// Reads and measures recordings. Prepared once, usable from any thread.
pub(super) struct Measurer {
    extractor: Extractor,
    fingerprinter: Fingerprinter,
}

impl Measurer {
    pub(super) fn new() -> Result<Self, Error> {
        let config = FeatureConfig { clip_seconds: MAX_SECONDS, ..FeatureConfig::default() };
        let extractor = Extractor::new(&config).map_err(Error::Features)?;
        Ok(Self { extractor, fingerprinter: Fingerprinter::new() })
    }

    /// The measurements of each recording, `[n_recordings]`, or why it is unreadable. Each thread holds at most one
    /// decoded recording in memory.
    pub(super) fn all(&self, corpus: &Corpus) -> Vec<Result<Measured, String>> {
        corpus.recordings.par_iter().map(|recording| self.one(corpus, recording)).collect()
    }

    /// At most [`MAX_SECONDS`] of the recording, mono at 8 kHz; `None` if it is unreadable.
    pub(super) fn waveform(&self, corpus: &Corpus, recording: &Recording) -> Option<Vec<f32>> {
        self.decode(corpus, recording).ok().map(|audio| self.extractor.unpadded_waveform(&audio))
    }

    /// The landmarks of a recording, and warnings about its file.
    pub(super) fn fingerprint(
        &self,
        corpus: &Corpus,
        recording: &Recording,
    ) -> Result<(Vec<Landmark>, Vec<Warning>), String> {
        let audio = self.decode(corpus, recording)?;
        Ok((self.landmarks(&audio, &self.extractor.unpadded_waveform(&audio)), audio.warnings))
    }

    /// The landmarks of `waveform`, the first part of `audio` at 8 kHz.
    fn landmarks(&self, audio: &Audio, waveform: &[f32]) -> Vec<Landmark> {
        if is_silent(&audio.samples) { Vec::new() } else { self.fingerprinter.landmarks(waveform) }
    }

    fn decode(&self, corpus: &Corpus, recording: &Recording) -> Result<Audio, String> {
        corpus.decode(recording, &self.extractor).map_err(|e| e.to_string())
    }

    fn one(&self, corpus: &Corpus, recording: &Recording) -> Result<Measured, String> {
        let mut audio = self.decode(corpus, recording)?;
        let mut bytes = recording.bytes;
        if recording.segment.is_some() {
            // Its share of the file.
            let n_frames = audio.samples.len() as u64;
            let of_file = audio.source.n_frames.replace(n_frames).unwrap_or(n_frames).max(n_frames);
            bytes = (bytes as f64 * n_frames as f64 / of_file as f64) as u64;
        }
        let facts = Facts::measure(&audio, bytes);
        let waveform = self.extractor.unpadded_waveform(&audio);
        let landmarks = self.landmarks(&audio, &waveform);
        let mel = self.extractor.mel_power(&waveform);
        Ok(Measured { facts, band_db: band_levels(&mel), landmarks, warnings: audio.warnings })
    }
}

/// Mean level of each band over time, `[N_BANDS]` dB. `mel` is the band energy, `[N_BANDS, n_frames]`.
fn band_levels(mel: &[f32]) -> Vec<f32> {
    let loudest = mel.iter().copied().fold(0.0, f32::max);
    let n_frames = mel.len() / N_BANDS;
    let level = |power: &f32| match f64::from(*power) / f64::from(loudest) {
        ratio if ratio > 0.0 => (10.0 * ratio.log10()).max(BAND_FLOOR_DB),
        _ => BAND_FLOOR_DB,
    };
    mel.chunks_exact(n_frames).map(|band| (band.iter().map(level).sum::<f64>() / n_frames as f64) as f32).collect()
}
