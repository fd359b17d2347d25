//! The cries that a model finds in recordings, or that a table says another program found.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dataset::event_table;
use features::{Extractor, FeatureConfig};
use metrics::DetectedEvent;
use model::ComputeArgs;
use predict::{Classifier, Event, Labels, Options, Prediction, Timeline, Windows};
use serde::Serialize;

use super::event_rows::check_onsets;
use crate::Error;
use crate::terminal::stderr;

/// The model, its windows, and where to compute.
#[derive(Debug, clap::Args)]
pub(super) struct ModelArgs {
    /// The model, as for wail infer; it must be able to tell cries from other sounds [default: wail-compact, the model built into
    /// the program]
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,
    /// The classes of a model of PyTorch, as for wail infer
    #[arg(long, value_name = "LABEL,...|FILE", requires = "model")]
    labels: Option<Labels>,
    /// Length of the windows that are classified [default: the model's clip length]
    #[arg(long, value_name = "SECONDS")]
    window: Option<f64>,
    /// Time from the start of one window to the start of the next [default: half a window]
    #[arg(long, value_name = "SECONDS")]
    hop: Option<f64>,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// What found the cries.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Detector {
    /// A model.
    Model { name: String, sha256: String, window_seconds: f64, hop_seconds: f64 },
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

    /// Those that the model of `args` finds in `files`.
    pub fn of_model(args: &ModelArgs, files: &[PathBuf]) -> Result<Self, Error> {
        let compute = args.compute.find().map_err(Error::Compute)?;
        let experiments = Path::new("experiments");
        let found = Classifier::find_labelled(args.model.as_deref(), args.labels.as_ref(), experiments, &compute);
        let classifier = found.map_err(Error::of_model)?;
        let windows = Windows::or_default(args.window, args.hop, classifier.features().clip_seconds);
        classifier.check_windows(&windows).map_err(Error::Request)?;
        if !classifier.has_gate() {
            let name = classifier.name();
            return Err(Error::Config(format!(
                "{name} has no gate, so it takes every sound for a cry: name a model with one"
            )));
        }
        stderr::line(format_args!("model      {}, SHA-256 {}", classifier.name(), classifier.sha256()));
        let (mut lengths_seconds, mut events) = (Vec::new(), Vec::new());
        for file in files {
            let (seconds, found) = find_cries(&classifier, windows, file).map_err(|error| match error {
                predict::Error::Sound(source) => Error::Recording { path: file.clone(), source },
                error => Error::Predict(error),
            })?;
            lengths_seconds.push(seconds);
            events.push(found);
        }
        let Windows { window_seconds, hop_seconds } = windows;
        let (name, sha256) = (classifier.name().into(), classifier.sha256().into());
        Ok(Self { detector: Detector::Model { name, sha256, window_seconds, hop_seconds }, lengths_seconds, events })
    }
}

/// Length of a recording, s, and the cries that the model finds in it: neighbouring windows that are cries, of whatever class. A cry
/// is confirmed at the end of its first window.
fn find_cries(
    classifier: &Classifier,
    windows: Windows,
    file: &Path,
) -> Result<(f64, Vec<DetectedEvent>), predict::Error> {
    let options = Options { top_k: 1, min_confidence: None, coverage: None };
    let (mut timeline, mut cries, mut confirmed_seconds) = (Timeline::default(), Vec::new(), 0.0);
    let cry = |event: Event, confirmed_seconds: f64| DetectedEvent {
        onset_seconds: event.start_seconds,
        end_seconds: event.end_seconds,
        score: event.cry_score.map(f64::from),
        confirmed_seconds: Some(confirmed_seconds),
    };
    let (seconds, warnings) = classifier.listen_to_file(file, windows, &options, |span, prediction| {
        // Windows of different classes are one cry.
        let prediction = Prediction { label: String::new(), ..prediction };
        cries.extend(timeline.push(span, &prediction).map(|event| cry(event, confirmed_seconds)));
        if timeline.open().is_some_and(|event| event.n_windows == 1) {
            confirmed_seconds = span.end_seconds;
        }
        Ok::<(), predict::Error>(())
    })?;
    cries.extend(timeline.finish().map(|event| cry(event, confirmed_seconds)));
    warnings.iter().for_each(|warning| stderr::line(format_args!("{}: {warning}", file.display())));
    Ok((seconds, cries))
}

/// Length of a recording, s: that of its sound, whatever its header says.
fn length_seconds(extractor: &Extractor, file: &Path) -> Result<f64, Error> {
    let decoded = extractor.stream_file(file, &mut |_, _| ControlFlow::Continue(()));
    let decoded = decoded.map_err(|source| Error::Recording { path: file.into(), source })?;
    Ok(decoded.n_samples as f64 / f64::from(decoded.sample_rate_hz))
}
