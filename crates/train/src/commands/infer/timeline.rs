//! `wail infer --window S`: when cries begin and end in recordings of any length. Events are printed as they end, so memory use
//! does not depend on the length.

use std::path::{Path, PathBuf};

use predict::{Classifier, Event, Options, Timeline, Windows};
use serde::Serialize;

use super::output::{Answers, Format, csv_of, json};
use super::summary::Summary;
use crate::Error;
use crate::pieces::Share;
use crate::terminal::inputs;

/// Classifies the windows of each file of `share` and prints its events. A file that cannot be read to its end has the reason after
/// its events.
pub(super) fn run(
    classifier: &Classifier,
    windows: Windows,
    options: &Options,
    files: &[PathBuf],
    share: &Share,
    Answers { format, print }: &mut Answers,
) -> Result<Summary, Error> {
    let printer = Printer { format: *format, is_one_of_many: files.len() > 1 };
    let mut summary = Summary::start();
    if share.is_first {
        print(printer.before_all()?)?;
    }
    for (index, file) in files.iter().enumerate().take(share.files.end).skip(share.files.start) {
        print(printer.before(file, windows, index)?)?;
        let (mut timeline, mut n_events, mut seconds) = (Timeline::default(), 0, 0.0);
        let mut show = |event: Option<Event>| -> Result<(), Error> {
            let Some(event) = event else { return Ok(()) };
            n_events += 1;
            print(printer.event(file, &event, n_events)?)
        };
        let listened = classifier.listen_to_file(file, windows, options, |span, prediction| {
            seconds = span.end_seconds;
            show(timeline.push(span, &prediction)).map_err(Stopped::Printing)
        });
        let problem = match listened {
            Ok((seconds, warnings)) => {
                summary.answered(file, seconds, &warnings);
                None
            }
            Err(Stopped::Listening(predict::Error::Sound(error))) => {
                let reason = inputs::reason(file, &error);
                summary.failed(file, &reason);
                Some(reason)
            }
            Err(Stopped::Listening(error)) => return Err(error.into()),
            Err(Stopped::Printing(error)) => return Err(error),
        };
        show(timeline.finish())?;
        print(printer.after(file, seconds, problem.as_deref())?)?;
    }
    if share.is_last {
        print(printer.after_all().into())?;
    }
    Ok(summary)
}

/// Why a file was not classified to its end.
enum Stopped {
    Listening(predict::Error),
    Printing(Error),
}

impl From<predict::Error> for Stopped {
    fn from(error: predict::Error) -> Self {
        Self::Listening(error)
    }
}

/// An event with its file.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

/// A file that cannot be read to its end.
#[derive(Serialize)]
struct Failure<'a> {
    file: &'a str,
    error: &'a str,
}

/// Prints events in a format, piece by piece.
struct Printer {
    format: Format,
    is_one_of_many: bool,
}

impl Printer {
    fn before_all(&self) -> Result<String, Error> {
        match self.format {
            Format::Json if self.is_one_of_many => Ok("[".into()),
            Format::Csv => csv_of(&[COLUMNS]),
            _ => Ok(String::new()),
        }
    }

    fn after_all(&self) -> &'static str {
        match self.format {
            Format::Json if self.is_one_of_many => "]\n",
            Format::Json => "\n",
            _ => "",
        }
    }

    /// The start of a file; in JSON the start of its object, whose events follow.
    fn before(&self, file: &Path, windows: Windows, index: usize) -> Result<String, Error> {
        if self.format != Format::Json {
            return Ok(String::new());
        }
        let Windows { window_seconds, hop_seconds } = windows;
        let comma = if index > 0 { "," } else { "" };
        let name = json(&file.display().to_string())?;
        let name = name.trim_end();
        Ok(format!(
            "{comma}{{\"file\":{name},\"window_seconds\":{window_seconds},\"hop_seconds\":{hop_seconds},\"events\":["
        ))
    }

    /// The end of a file, of which `seconds` were classified, and the reason if that is not all of it.
    fn after(&self, file: &Path, seconds: f64, problem: Option<&str>) -> Result<String, Error> {
        let Some(problem) = problem else { return Ok(if self.format == Format::Json { "]}" } else { "" }.into()) };
        let name = file.display().to_string();
        match self.format {
            Format::Json => Ok(format!("],\"error\":{}}}", json(&problem)?.trim_end())),
            Format::Jsonl => json(&Failure { file: &name, error: problem }),
            Format::Csv => csv_of(&[[&name, "", "", "", "", "", "", "", problem]]),
            // A label without length at the place that was reached.
            Format::Audacity => Ok(audacity_label(seconds, seconds, &format!("error: {problem}"))),
            Format::Table => Ok(format!("{name}  {}  error: {problem}\n", clock(seconds))),
        }
    }

    /// The `n`-th event of a file, from 1.
    fn event(&self, file: &Path, event: &Event, n: usize) -> Result<String, Error> {
        let Event { start_seconds, end_seconds, label, probability, cry_score, abstains, n_windows } = event;
        let name = file.display().to_string();
        let in_words = if *abstains == Some(true) { "not sure" } else { label };
        match self.format {
            Format::Json => Ok(format!("{}{}", if n > 1 { "," } else { "" }, json(event)?.trim_end())),
            Format::Jsonl => json(&Line { file: &name, event }),
            Format::Csv => csv_of(&[[
                &name,
                &start_seconds.to_string(),
                &end_seconds.to_string(),
                label,
                &probability.to_string(),
                &cry_score.map_or(String::new(), |score| score.to_string()),
                &abstains.map_or(String::new(), |abstains| abstains.to_string()),
                &n_windows.to_string(),
                "",
            ]]),
            Format::Audacity => Ok(audacity_label(*start_seconds, *end_seconds, in_words)),
            Format::Table => {
                let times = [start_seconds, end_seconds].map(|seconds| clock(*seconds));
                Ok(format!("{name}  {}  {}  {:>5.1} % {in_words}\n", times[0], times[1], 100.0 * probability))
            }
        }
    }
}

const COLUMNS: [&str; 9] =
    ["file", "start_seconds", "end_seconds", "label", "probability", "cry_score", "abstains", "n_windows", "error"];

/// A line of a label track: <https://manual.audacityteam.org/man/importing_and_exporting_labels.html>.
fn audacity_label(start_seconds: f64, end_seconds: f64, text: &str) -> String {
    format!("{start_seconds:.6}\t{end_seconds:.6}\t{}\n", text.replace(['\t', '\n'], " "))
}

/// Hours, minutes and seconds.
fn clock(seconds: f64) -> String {
    let tenths = (10.0 * seconds).round() as u64;
    format!("{}:{:02}:{:02}.{}", tenths / 36_000, tenths / 600 % 60, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_printed_as_hours_minutes_and_seconds() {
        for (seconds, expected) in [(0.0, "0:00:00.0"), (59.96, "0:01:00.0"), (3661.5, "1:01:01.5")] {
            assert_eq!(super::clock(seconds), expected);
        }
    }
}
