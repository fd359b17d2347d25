//! `wail evaluate --events TRUTH RECORDING...`

mod detections;
mod event_rows;
mod output;

use std::collections::HashSet;
use std::path::PathBuf;

use dataset::event_table;
use metrics::{Collar, EventScores, RecordingEvents, TrueEvent};

use crate::Error;
use crate::args::{Inputs, number_in};
use crate::terminal::inputs;
use detections::{Detections, DetectorArgs};
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
    /// Format of the scores
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    // Last, since the heading of its episodes is that of all that follow.
    #[command(flatten)]
    detector: DetectorArgs,
}

/// Finds the cries in each recording, compares them with the table, and prints the scores.
pub fn run(args: &Args) -> Result<(), Error> {
    let files = recordings(&args.inputs.paths)?;
    let truth = cries(&args.events, &args.only, event_table(&args.events, args.root.as_deref(), &files)?)?;
    let Detections { detector, lengths_seconds, events } = match &args.detected {
        Some(table) => Detections::of_table(table, args.root.as_deref(), &files)?,
        None => Detections::of_model(&args.detector, &files)?,
    };
    check_onsets(&args.events, &truth, &files, &lengths_seconds)?;
    let events = truth.iter().zip(lengths_seconds).zip(events).map(|((truth, seconds), detected)| RecordingEvents {
        seconds,
        truth: truth
            .iter()
            .map(|row| TrueEvent { onset_seconds: row.onset_seconds, end_seconds: row.end_seconds })
            .collect(),
        detected,
    });
    let collar = Collar { seconds: args.collar, share_of_length: args.share_of_length };
    let scores = EventScores::new(&events.collect::<Vec<_>>(), &collar, args.seed)?;
    output::print(args.format, &detector, &collar, &files, &scores)
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
