//! `wail infer --episodes`: when crying begins and ends in recordings of any length. Episodes are printed as they end, so memory use
//! does not depend on the length.

use std::path::{Path, PathBuf};

use model::EpisodeSettings;
use predict::{Change, Classifier, Episode, Options};
use serde::Serialize;

use super::output::{Answers, Format, csv_of, json, shown};
use super::summary::Summary;
use super::text_grid::text_grid;
use crate::Error;
use crate::pieces::Share;
use crate::terminal::inputs;

/// Finds and prints the episodes of each file of `share`. A file that cannot be read to its end has the reason after its episodes.
pub(super) fn run(
    classifier: &Classifier,
    settings: &EpisodeSettings,
    options: &Options,
    files: &[PathBuf],
    share: &Share,
    Answers { format, stdin, print }: &mut Answers,
) -> Result<Summary, Error> {
    let printer = Printer { format: *format, is_one_of_many: files.len() > 1 };
    let mut summary = Summary::start();
    if share.is_first {
        print(printer.before_all()?)?;
    }
    for (index, file) in files.iter().enumerate().take(share.files.end).skip(share.files.start) {
        let name = shown(file, *stdin);
        print(printer.before(name, settings, index)?)?;
        let mut of_file =
            OfFile { name: name.display().to_string(), n_episodes: 0, end_seconds: 0.0, marked: Vec::new() };
        let found = classifier.find_episodes(file, settings, options, |change| {
            let Change::Ended(episode) = change else { return Ok(()) };
            of_file.n_episodes += 1;
            of_file.end_seconds = episode.end_seconds.unwrap_or(of_file.end_seconds);
            printer.episode(&mut of_file, episode).and_then(&mut *print).map_err(Stopped::Printing)
        });
        let problem = match found {
            Ok((seconds, warnings)) => {
                of_file.end_seconds = seconds;
                summary.answered(name, seconds, &warnings);
                None
            }
            Err(Stopped::Listening(predict::Error::Sound(error))) => {
                let reason = inputs::reason(file, &error);
                summary.failed(name, &reason);
                Some(reason)
            }
            Err(Stopped::Listening(error)) => return Err(error.into()),
            Err(Stopped::Printing(error)) => return Err(error),
        };
        print(printer.after(&of_file, problem.as_deref())?)?;
    }
    if share.is_last {
        print(printer.after_all().into())?;
    }
    Ok(summary)
}

/// Why a file was not searched to its end.
enum Stopped {
    Listening(predict::Error),
    Printing(Error),
}

impl From<predict::Error> for Stopped {
    fn from(error: predict::Error) -> Self {
        Self::Listening(error)
    }
}

/// What was printed of a file.
struct OfFile {
    name: String,
    n_episodes: usize,
    /// Length of the file; until that is known, the end of the last episode, s.
    end_seconds: f64,
    /// Start, end and text of each episode, for formats that need their number first.
    marked: Vec<(f64, f64, String)>,
}

/// An episode with its file.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(flatten)]
    episode: &'a Episode,
}

/// A file that cannot be read to its end.
#[derive(Serialize)]
struct Failure<'a> {
    file: &'a str,
    error: &'a str,
}

/// Prints episodes in a format, piece by piece.
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

    /// The start of a file; in JSON the start of its object, whose episodes follow.
    fn before(&self, file: &Path, settings: &EpisodeSettings, index: usize) -> Result<String, Error> {
        if self.format != Format::Json {
            return Ok(String::new());
        }
        let comma = if index > 0 { "," } else { "" };
        let (name, settings) = (json(&file.display().to_string())?, json(settings)?);
        Ok(format!("{comma}{{\"file\":{},\"settings\":{},\"episodes\":[", name.trim_end(), settings.trim_end()))
    }

    /// The end of a file, and the reason if not all of it was searched.
    fn after(&self, of_file: &OfFile, problem: Option<&str>) -> Result<String, Error> {
        let OfFile { name, end_seconds, marked, .. } = of_file;
        if self.format == Format::Textgrid {
            return Ok(text_grid(*end_seconds, marked));
        }
        let Some(problem) = problem else { return Ok(if self.format == Format::Json { "]}" } else { "" }.into()) };
        match self.format {
            Format::Json => Ok(format!("],\"error\":{}}}", json(&problem)?.trim_end())),
            Format::Jsonl => json(&Failure { file: name, error: problem }),
            Format::Csv => {
                let mut row = [""; COLUMNS.len()];
                (row[0], row[COLUMNS.len() - 1]) = (name, problem);
                csv_of(&[row])
            }
            // A label without length at the place that was reached.
            Format::Audacity => Ok(audacity_label(*end_seconds, *end_seconds, &format!("error: {problem}"))),
            Format::Table | Format::Textgrid => Ok(format!("{name}  {}  error: {problem}\n", clock(*end_seconds))),
        }
    }

    fn episode(&self, of_file: &mut OfFile, episode: Episode) -> Result<String, Error> {
        let Episode { id, start_seconds, label, probability, cry_score, abstains, level_dbfs, .. } = &episode;
        let end_seconds = episode.end_seconds.unwrap_or(of_file.end_seconds);
        let (name, in_words) = (&of_file.name, if *abstains == Some(true) { "not sure" } else { label });
        let text = |value: Option<f32>| value.map_or(String::new(), |value| value.to_string());
        match self.format {
            Format::Json => {
                Ok(format!("{}{}", if of_file.n_episodes > 1 { "," } else { "" }, json(&episode)?.trim_end()))
            }
            Format::Jsonl => json(&Line { file: name, episode: &episode }),
            Format::Csv => csv_of(&[[
                name.clone(),
                id.to_string(),
                start_seconds.to_string(),
                end_seconds.to_string(),
                episode.confirmed_seconds.to_string(),
                text(*cry_score),
                text(episode.peak_cry_score),
                level_dbfs.to_string(),
                label.clone(),
                probability.to_string(),
                abstains.map_or(String::new(), |abstains| abstains.to_string()),
                episode.n_windows.to_string(),
                String::new(),
            ]]),
            Format::Audacity => Ok(audacity_label(*start_seconds, end_seconds, in_words)),
            Format::Textgrid => {
                of_file.marked.push((*start_seconds, end_seconds, in_words.to_owned()));
                Ok(String::new())
            }
            Format::Table => {
                let times = [*start_seconds, end_seconds].map(clock);
                let score = cry_score.map_or(String::new(), |score| format!("  cry {score:.2}"));
                Ok(format!(
                    "{name}  {}  {}{score}  {level_dbfs:>4.0} dBFS  {:>5.1} % {in_words}\n",
                    times[0],
                    times[1],
                    100.0 * probability
                ))
            }
        }
    }
}

const COLUMNS: [&str; 13] = [
    "file",
    "id",
    "start_seconds",
    "end_seconds",
    "confirmed_seconds",
    "cry_score",
    "peak_cry_score",
    "level_dbfs",
    "label",
    "probability",
    "abstains",
    "n_windows",
    "error",
];

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
