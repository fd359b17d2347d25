//! Output formats of `wail infer`.

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use crate::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// One JSON value: an object for one file, a list for several
    Json,
    /// One JSON object per line
    Jsonl,
    /// One row per file with a column per class; with --episodes one row per episode
    Csv,
    /// Episodes as an Audacity label track; needs a single recording
    Audacity,
    /// Episodes as a TextGrid of Praat; needs a single recording
    Textgrid,
}

impl Format {
    /// Whether it marks the episodes of one recording.
    pub fn marks_one_recording(self) -> bool {
        matches!(self, Self::Audacity | Self::Textgrid)
    }
}

/// Where the answers go.
pub(super) struct Answers<'a> {
    pub format: Format,
    /// The file that holds standard input.
    pub stdin: Option<&'a Path>,
    /// Takes the next part of the text.
    pub print: &'a mut dyn FnMut(String) -> Result<(), Error>,
}

/// `file` as the answers name it; `stdin` is the file that holds standard input.
pub(super) fn shown<'a>(file: &'a Path, stdin: Option<&Path>) -> &'a Path {
    if stdin == Some(file) { Path::new("-") } else { file }
}

/// A value as one line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<String, Error> {
    Ok(serde_json::to_string(value).map_err(Error::encode("JSON"))? + "\n")
}

/// Rows as CSV.
pub(super) fn csv_of<T: AsRef<[u8]>>(rows: &[impl AsRef<[T]>]) -> Result<String, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.as_ref()).map_err(Error::encode("CSV"))?;
    }
    let bytes = writer.into_inner().map_err(|e| Error::encode("CSV")(e.into_error()))?;
    String::from_utf8(bytes).map_err(Error::encode("CSV"))
}
