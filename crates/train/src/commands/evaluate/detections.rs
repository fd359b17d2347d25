//! The cries that a model finds in recordings, or that a table says another program found.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dataset::event_table;
use features::{Extractor, FeatureConfig};
use metrics::DetectedEvent;
use model::{ComputeArgs, EpisodeSettings};
use predict::{Change, Classifier, Episode, Options};
use serde::Serialize;

use super::event_rows::check_onsets;
use crate::Error;
use crate::commands::episode_args::EpisodeArgs;
use crate::commands::model_args::{ModelArgs, announce};
use crate::terminal::stderr;

/// The model, how it finds episodes, and where to compute.
#[derive(Debug, clap::Args)]
pub(super) struct DetectorArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    compute: ComputeArgs,
    #[command(flatten)]
    episode: EpisodeArgs,
}

impl DetectorArgs {
    /// The model, which has a gate, and its settings with what was given.
    pub fn load(&self) -> Result<(Classifier, EpisodeSettings), Error> {
        let (classifier, _) = self.model.load(&self.compute)?;
        let settings = self.episode.settings(&classifier)?;
        classifier.check_episodes(&settings).map_err(Error::Request)?;
        if !classifier.has_gate() {
            let name = classifier.name();
            return Err(Error::Config(format!(
                "{name} has no gate, so it takes every sound for a cry: name a model with one"
            )));
        }
        announce(&classifier);
        Ok((classifier, settings))
    }

    /// The folder of the run whose model this is.
    pub fn run(&self) -> Result<PathBuf, Error> {
        self.model.run()
    }
}

/// What found the cries.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Detector {
    /// A model.
    Model { name: String, sha256: String, settings: EpisodeSettings },
    /// Whatever made the table at this path.
    Table(String),
}

/// The cries that were found in each recording.
pub(super) struct Detections {
    pub detector: Detector,
    /// Length of each recording, s, `[n_recordings]`.
    pub lengths_seconds: Vec<f64>,
    /// `[n_recordings]`
    pub events: Vec<Vec<DetectedEvent>>,
}

impl Detections {
    /// Those in the table at `table`, whose files are relative to `root`.
    pub fn of_table(table: &Path, root: Option<&Path>, files: &[PathBuf]) -> Result<Self, Error> {
        let rows = event_table(table, root, files)?;
        let extractor = Extractor::new(&FeatureConfig::default()).map_err(Error::Features)?;
        let lengths_seconds =
            files.iter().map(|file| length_seconds(&extractor, file)).collect::<Result<Vec<_>, _>>()?;
        check_onsets(table, &rows, files, &lengths_seconds)?;
        let event = |row: dataset::EventRow| DetectedEvent {
            onset_seconds: row.onset_seconds,
            end_seconds: row.end_seconds,
            score: row.score,
            confirmed_seconds: row.confirmed_seconds,
        };
        let events = rows.into_iter().map(|rows| rows.into_iter().map(event).collect()).collect();
        Ok(Self { detector: Detector::Table(table.display().to_string()), lengths_seconds, events })
    }

    /// Those that `classifier` finds in `files` with these settings.
    pub fn of_model(classifier: &Classifier, settings: EpisodeSettings, files: &[PathBuf]) -> Result<Self, Error> {
        let (mut lengths_seconds, mut events) = (Vec::new(), Vec::new());
        for file in files {
            let (seconds, found) =
                find_cries(classifier, &settings, file).map_err(|error| of_recording(file, error))?;
            lengths_seconds.push(seconds);
            events.push(found);
        }
        let (name, sha256) = (classifier.name().into(), classifier.sha256().into());
        Ok(Self { detector: Detector::Model { name, sha256, settings }, lengths_seconds, events })
    }
}

/// Length of a recording, s, and the episodes of crying that the model finds in it.
fn find_cries(
    classifier: &Classifier,
    settings: &EpisodeSettings,
    file: &Path,
) -> Result<(f64, Vec<DetectedEvent>), predict::Error> {
    let options = Options { top_k: 1, min_confidence: None, coverage: None };
    let mut cries = Vec::new();
    let (seconds, warnings) = classifier.find_episodes(file, settings, &options, |change| {
        if let Change::Ended(episode) = change {
            cries.push(detected(&episode));
        }
        Ok::<(), predict::Error>(())
    })?;
    warnings.iter().for_each(|warning| stderr::line(format_args!("{}: {warning}", file.display())));
    Ok((seconds, cries))
}

/// An episode that has ended as a detected cry. Its score is the highest of its windows: the mean also has those of pauses, and ranks
/// cries and false alarms worse (docs/monitor.md).
pub(super) fn detected(episode: &Episode) -> DetectedEvent {
    DetectedEvent {
        onset_seconds: episode.start_seconds,
        end_seconds: episode.end_seconds.unwrap_or(episode.confirmed_seconds),
        score: episode.peak_cry_score.map(f64::from),
        confirmed_seconds: Some(episode.confirmed_seconds),
    }
}

/// The error of listening to `file`.
pub(super) fn of_recording(file: &Path, error: predict::Error) -> Error {
    match error {
        predict::Error::Sound(source) => Error::Recording { path: file.into(), source },
        error => Error::Predict(error),
    }
}

/// Length of a recording, s: that of its sound, whatever its header says.
fn length_seconds(extractor: &Extractor, file: &Path) -> Result<f64, Error> {
    let decoded = extractor.stream_file(file, &mut |_, _| ControlFlow::Continue(()));
    let decoded = decoded.map_err(|source| Error::Recording { path: file.into(), source })?;
    Ok(decoded.n_samples as f64 / f64::from(decoded.sample_rate_hz))
}
