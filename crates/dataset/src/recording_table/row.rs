//! One row of a table of recordings.

use std::collections::BTreeMap;
use std::time::Duration;

use features::Segment;

use crate::SPLIT;
use crate::class_folders::split_named;
use crate::csv_table::number;
use crate::recording::CORPUS;

/// Names of the column with the file; `file_name` is that of Hugging Face's AudioFolder.
pub(crate) const FILE: [&str; 5] = ["file", "file_name", "filename", "path", "audio"];
/// Names of the column with the class.
pub(super) const LABEL: [&str; 2] = ["label", "class"];
const START: &str = "start";
const END: &str = "end";
/// Columns that a run's `manifest.csv` has for other things.
const TAKEN: [&str; 4] = ["path", "bytes", "sha256", "group"];
/// Longest recording that times may lie in, s: about 30 years.
const MAX_SECONDS: f64 = 1e9;

/// Makes a row from the number of its line and its values by column, or says what is wrong with them.
pub(super) type MakeRow<'a, R> = &'a dyn Fn(usize, BTreeMap<String, String>) -> Result<R, String>;

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Number of its line, from 1.
    pub line: usize,
    /// The file, with `/` between the parts of its path.
    pub file: String,
    /// The class; empty for a row to leave out.
    pub label: String,
    /// The part of the file; `None` for all of it.
    pub segment: Option<Segment>,
    /// Name of the corpus; empty if there is no such column.
    pub corpus: String,
    /// Every other column with a value, by names in lower case.
    pub columns: BTreeMap<String, String>,
}

impl Row {
    /// Makes a row of its values by column.
    pub(super) fn new(line: usize, mut values: BTreeMap<String, String>) -> Result<Self, String> {
        let fail = |reason: String| format!("line {line}: {reason}");
        let file = file_name(&mut values).map_err(fail)?;
        let (label, corpus) = (take(&mut values, &LABEL), take(&mut values, &[CORPUS]));
        let segment = segment(&take(&mut values, &[START]), &take(&mut values, &[END])).map_err(fail)?;
        values.retain(|name, value| !name.is_empty() && !value.is_empty());
        if let Some(taken) = TAKEN.iter().find(|name| values.contains_key(**name)) {
            return Err(fail(format!(
                "a column named {taken} would be mistaken for another one of manifest.csv; rename it"
            )));
        }
        if let Some(split) = values.get_mut(SPLIT) {
            let unknown = || fail(format!("the split {split:?} is none of train, val and test"));
            *split = split_named(split).ok_or_else(unknown)?.name().to_owned();
        }
        Ok(Self { line, file, label, segment, corpus, columns: values })
    }
}

/// Removes the value of the column with one of `names`; empty if there is none.
pub(crate) fn take(values: &mut BTreeMap<String, String>, names: &[&str]) -> String {
    names.iter().find_map(|name| values.remove(*name)).unwrap_or_default()
}

/// Removes the file of a row, with `/` between the parts of its path.
pub(crate) fn file_name(values: &mut BTreeMap<String, String>) -> Result<String, String> {
    match take(values, &FILE).replace('\\', "/").trim_start_matches("./") {
        "" => Err("it names no file in the column file".into()),
        file => Ok(file.to_owned()),
    }
}

/// The segment between two times; `None` if both are empty.
fn segment(start: &str, end: &str) -> Result<Option<Segment>, String> {
    if start.is_empty() && end.is_empty() {
        return Ok(None);
    }
    let start = if start.is_empty() { Duration::ZERO } else { time(START, start)? };
    let end = if end.is_empty() { None } else { Some(time(END, end)?) };
    match end {
        Some(end) if end <= start => Err(format!(
            "it ends at {} s, but starts at {} s: the end must be after the start",
            end.as_secs_f64(),
            start.as_secs_f64()
        )),
        _ => Ok(Some(Segment { start, end })),
    }
}

/// A time, rounded to microseconds.
fn time(column: &str, text: &str) -> Result<Duration, String> {
    Ok(Duration::from_micros((seconds(column, text)? * 1e6).round() as u64))
}

/// A time in seconds, with a point or a comma.
pub(crate) fn seconds(column: &str, text: &str) -> Result<f64, String> {
    let seconds = number(text).filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
    seconds.ok_or_else(|| format!("{column} must be a time in seconds, such as 12.5, but is {text:?}"))
}
