//! `wail evaluate --events TRUTH RECORDING...`

mod detections;
mod event_rows;
mod fit;
mod output;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use dataset::{EventRow, event_table};
use experiment::{EventSummary, Report};
use metrics::{Collar, EventScores, RecordingEvents, TrueEvent};
use model::EpisodeSettings;
use report::page;

use crate::Error;
use crate::args::{Inputs, number_in};
use crate::terminal::{inputs, stderr, stdout};
use detections::{Detections, Detector, DetectorArgs};
use event_rows::{check_onsets, cries};
use output::Format;

/// Arguments of `wail evaluate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// Table of the cries that are in the recordings, with the columns file, start and end (seconds), and perhaps label: CSV, TSV or
    /// JSON lines. A recording without a row has no cry
    #[arg(long, value_name = "TRUTH")]
    events: PathBuf,
    /// Only rows of TRUTH with these labels are cries, separated by commas [default: all rows]
    #[arg(long, value_name = "LABEL,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Folder that the files in the tables are relative to [default: the folder of each table]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Table of the cries that a program found, instead of a model: the columns of TRUTH, and perhaps score and confirmed (when
    /// the program reported the cry, seconds)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "labels", "EpisodeArgs", "device", "engine"])]
    detected: Option<PathBuf>,
    /// How much the onset of a detection may differ from that of the cry that it matches, for precision, recall and F1
    #[arg(long, value_name = "SECONDS", default_value_t = Collar::default().seconds, allow_negative_numbers = true, value_parser = number_in(0..=3600))]
    collar: f64,
    /// Let the end agree as well: it may differ by the collar or by this share of the cry's length, whichever is more
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, value_parser = number_in(0..=1))]
    share_of_length: Option<f64>,
    /// Seed of the resamples
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// In place of the scores, print as TOML the settings of episodes that suit these recordings best: at most PER_HOUR false
    /// alarms per hour, then the fewest misses, then the lowest latency. An alarm before the first cry of its episode is false
    #[arg(long, value_name = "PER_HOUR", allow_negative_numbers = true, value_parser = number_in(0..=3600), conflicts_with_all = ["detected", "format", "keep"])]
    fit: Option<f64>,
    /// Keep misses, false alarms per hour and latency in the report of the run that --model names, and in the cards of models
    /// exported from it
    #[arg(long, requires = "model", conflicts_with = "detected")]
    keep: bool,
    /// Format of the scores
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    // Last, since the heading of its episodes is that of all that follow.
    #[command(flatten)]
    detector: DetectorArgs,
}

/// Finds the cries in each recording, compares them with the table, and prints the scores, or the settings that suit them.
pub fn run(args: &Args) -> Result<(), Error> {
    let kept_in = if args.keep { Some(args.detector.run()?) } else { None };
    let files = recordings(&args.inputs.paths)?;
    let truth = cries(&args.events, &args.only, event_table(&args.events, args.root.as_deref(), &files)?)?;
    let collar = Collar { seconds: args.collar, share_of_length: args.share_of_length };
    if let Some(most_per_hour) = args.fit {
        let (classifier, settings) = args.detector.load()?;
        let heard = fit::listen(&classifier, settings, &files)?;
        let lengths_seconds: Vec<f64> = heard.iter().map(|recording| recording.seconds).collect();
        check_onsets(&args.events, &truth, &files, &lengths_seconds)?;
        let truth: Vec<Vec<TrueEvent>> = truth.iter().map(|rows| true_events(rows)).collect();
        let found =
            fit::Fit { settings, truth: &truth, heard: &heard, collar, most_per_hour, seed: args.seed }.best()?;
        return stdout::print(found.toml(classifier.name(), &args.events)?);
    }
    let Detections { detector, lengths_seconds, events } = match &args.detected {
        Some(table) => Detections::of_table(table, args.root.as_deref(), &files)?,
        None => {
            let (classifier, settings) = args.detector.load()?;
            Detections::of_model(&classifier, settings, &files)?
        }
    };
    check_onsets(&args.events, &truth, &files, &lengths_seconds)?;
    let events = truth.iter().zip(lengths_seconds).zip(events).map(|((rows, seconds), detected)| RecordingEvents {
        seconds,
        truth: true_events(rows),
        detected,
    });
    let scores = EventScores::new(&events.collect::<Vec<_>>(), &collar, args.seed)?;
    if let (Some(run), Detector::Model { settings, .. }) = (&kept_in, &detector) {
        keep(run, &args.events, *settings, &scores)?;
    }
    output::print(args.format, &detector, &collar, &files, &scores)
}

fn true_events(rows: &[EventRow]) -> Vec<TrueEvent> {
    let event = |row: &EventRow| TrueEvent { onset_seconds: row.onset_seconds, end_seconds: row.end_seconds };
    rows.iter().map(event).collect()
}

/// Puts the scores into the report of `run`.
fn keep(run: &Path, truth: &Path, settings: EpisodeSettings, scores: &EventScores) -> Result<(), Error> {
    let mut report = Report::read(run)?;
    report.events = Some(EventSummary {
        truth: truth.file_name().unwrap_or_default().to_string_lossy().into(),
        settings,
        n_recordings: scores.recordings.len(),
        seconds: scores.total.seconds,
        n_cries: scores.total.n_true,
        n_missed: scores.total.n_missed,
        false_alarms_per_hour: scores.false_alarms_per_hour,
        median_latency_seconds: scores.median_latency_seconds,
    });
    page::write(&report, run)?;
    stderr::line(format_args!("kept in    {}", run.join("report.html").display()));
    Ok(())
}

/// The sound files that `paths` name, each once.
fn recordings(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let files = inputs::sound_files(paths)?;
    let mut seen = HashSet::new();
    for file in &files {
        let unusable = |problem: &str| Error::Data(format!("{}: {}", file.display(), inputs::reason(file, &problem)));
        if !file.is_file() {
            return Err(unusable("this is not a regular file"));
        }
        if !seen.insert(std::fs::canonicalize(file).map_err(|error| unusable(&error.to_string()))?) {
            return Err(Error::Config(format!("{}: name each recording once", file.display())));
        }
    }
    Ok(files)
}
