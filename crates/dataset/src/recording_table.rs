//! A table of recordings: CSV of any spreadsheet program, TSV, or JSON lines. One row is a file or a segment of it.
//!
//! ```csv
//! file,label,start,end,baby,age
//! night.wav,hungry,12.5,15,Anna,3
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use features::Segment;
use serde_json::{Map, Value};

use crate::class_folders::split_named;
use crate::csv_table::{Rows, read_text};
use crate::{Error, SPLIT};

/// Names of the column with the file; `file_name` is that of Hugging Face's AudioFolder.
const FILE: [&str; 5] = ["file", "file_name", "filename", "path", "audio"];
/// Names of the column with the class.
const LABEL: [&str; 2] = ["label", "class"];
const START: &str = "start";
const END: &str = "end";
const CORPUS: &str = "corpus";
/// Columns that a run's `manifest.csv` has for other things.
const TAKEN: [&str; 4] = ["path", "bytes", "sha256", "group"];
/// Longest recording that times may lie in, s: about 30 years.
const MAX_SECONDS: f64 = 1e9;

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

/// The rows of the table in `path`.
///
/// # Errors
/// [`Error::Read`] if it cannot be read, [`Error::Csv`] if it is malformed, with the line.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>, Error> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    if extension.as_deref() == Some("parquet") {
        let reason = "Parquet is not read; write it as CSV, for instance with Python: \
                      pandas.read_parquet(\"x.parquet\").to_csv(\"x.csv\", index=False)";
        return Err(Error::Csv { path: path.into(), reason: reason.into() });
    }
    let text = read_text(path)?;
    let is_json =
        matches!(extension.as_deref(), Some("jsonl" | "ndjson" | "json")) || text.trim_start().starts_with('{');
    let rows = if is_json { json_lines(&text) } else { csv(&text) };
    rows.map_err(|reason| Error::Csv { path: path.into(), reason })
}

fn csv(text: &str) -> Result<Vec<Row>, String> {
    let Rows { names, lines } = Rows::parse(text, &[&FILE, &LABEL])?;
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        if names[..index].contains(name) {
            return Err(format!("its header names the column {name} twice"));
        }
    }
    let row = |(line, values): (usize, Vec<String>)| Row::new(line, names.iter().cloned().zip(values).collect());
    lines.into_iter().map(row).collect()
}

/// An object on each line, with texts, numbers or truth values.
fn json_lines(text: &str) -> Result<Vec<Row>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(index, line): (usize, &str)| {
        let number = index + 1;
        let object: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
            format!("line {number}: it is no JSON object such as {{\"file\": \"a.wav\", ...}}: {error}")
        })?;
        let mut values = BTreeMap::new();
        for (name, value) in object {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.trim().to_owned(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(format!("line {number}: {name} must be a text, a number, true or false"));
                }
            };
            if values.insert(name.trim().to_lowercase(), text).is_some() {
                return Err(format!("line {number}: it has {name} twice"));
            }
        }
        Row::new(number, values)
    };
    lines.map(row).collect()
}

impl Row {
    /// Makes a row of its values by column.
    fn new(line: usize, mut values: BTreeMap<String, String>) -> Result<Self, String> {
        let fail = |reason: String| format!("line {line}: {reason}");
        let mut take = |names: &[&str]| {
            names.iter().find_map(|name| values.remove(*name)).filter(|value| !value.is_empty()).unwrap_or_default()
        };
        let file = take(&FILE).replace('\\', "/");
        if file.is_empty() {
            return Err(fail("it names no file in the column file".into()));
        }
        let (label, corpus) = (take(&LABEL), take(&[CORPUS]));
        let segment = segment(&take(&[START]), &take(&[END])).map_err(fail)?;
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
        let file = file.trim_start_matches("./").to_owned();
        Ok(Self { line, file, label, segment, corpus, columns: values })
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

/// A time in seconds, with a point or a comma, rounded to microseconds.
fn time(column: &str, text: &str) -> Result<Duration, String> {
    let seconds = text.replace(',', ".").parse::<f64>().ok().filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
    let invalid = || format!("{column} must be a time in seconds, such as 12.5, but is {text:?}");
    Ok(Duration::from_micros((seconds.ok_or_else(invalid)? * 1e6).round() as u64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read_as(name: &str, text: &str) -> Result<Vec<Row>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
    }

    fn columns(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tables_of_every_kind_say_the_same() {
        let expected = [
            (2, "night.wav", "hungry", Some("t=12.5,15"), columns(&[("age", "3"), ("baby", "Anna"), ("split", "val")])),
            (3, "a/b.wav", "tired", None, columns(&[("baby", "Ben")])),
            (4, "a/c.wav", "", Some("t=0,2"), columns(&[])),
        ];
        for (name, text) in [
            (
                "r.csv",
                "file,label,start,end,baby,age,split\nnight.wav,hungry,12.5,15,Anna,3,valid\n./a/b.wav,tired,,,Ben,,\na/c.wav,,,2,,,\n",
            ),
            (
                "r.csv",
                "File_Name;Class;START;End;Baby;Age;Split\r\nnight.wav;hungry;12,5;15;Anna;3;dev\r\na\\b.wav;tired;;;Ben\r\na/c.wav;;0;2\r\n",
            ),
            (
                "r.tsv",
                "label\tpath\tstart\tend\tbaby\tage\tsplit\nhungry\tnight.wav\t12.5\t15.0\tAnna\t3\tval\ntired\ta/b.wav\t\t\tBen\n\ta/c.wav\t\t2\n",
            ),
            (
                "r.jsonl",
                "\n{\"file\": \"night.wav\", \"label\": \"hungry\", \"start\": 12.5, \"end\": 15, \"Baby\": \"Anna\", \"age\": 3, \"split\": \"val\"}\n\
                 {\"file_name\": \"a/b.wav\", \"label\": \"tired\", \"baby\": \"Ben\", \"age\": null}\n{\"file\": \"a/c.wav\", \"end\": 2}\n",
            ),
        ] {
            let rows = read_as(name, text).unwrap();
            let found: Vec<_> = rows
                .iter()
                .map(|row| (row.line, &*row.file, &*row.label, row.segment.map(|s| s.to_string()), row.columns.clone()))
                .collect();
            let expected = expected
                .iter()
                .cloned()
                .map(|(line, file, label, segment, columns)| (line, file, label, segment.map(String::from), columns));
            assert_eq!(found, expected.collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn rows_that_say_nothing_sensible_are_refused_with_their_line() {
        let row = |start: &str, end: &str| format!("file,label,start,end\na.wav,x,0,1\na.wav,x,{start},{end}\n");
        for (name, text, expected) in [
            ("r.csv", row("NaN", "2"), "line 3: start must be a time in seconds, such as 12.5, but is \"NaN\""),
            ("r.csv", row("1", "inf"), "line 3: end must be a time"),
            ("r.csv", row("-1", "2"), "line 3: start must be a time"),
            ("r.csv", row("1:30", "2"), "line 3: start must be a time"),
            ("r.csv", row("1e300", ""), "line 3: start must be a time"),
            ("r.csv", row("2", "1"), "line 3: it ends at 1 s, but starts at 2 s"),
            ("r.csv", row("2", "2.0000001"), "line 3: it ends at 2 s, but starts at 2 s"),
            ("r.csv", "file,label,Label\n".into(), "names the column label twice"),
            ("r.csv", "file,label,age,Age\n".into(), "names the column age twice"),
            ("r.csv", "file,reason\n".into(), "must name the columns file and label"),
            ("r.csv", "file,label\n ,x\n".into(), "line 2: it names no file"),
            ("r.csv", "file,label,split\na.wav,x,later\n".into(), "line 2: the split \"later\" is none of train"),
            ("r.csv", "file,label,group\na.wav,x,1\n".into(), "line 2: a column named group would be mistaken"),
            ("r.jsonl", "{\"file\": \"a.wav\", \"label\": [1]}\n".into(), "line 1: label must be a text"),
            ("r.jsonl", "{\"file\": \"a.wav\"}\n{\"file\"\n".into(), "line 2: it is no JSON object"),
            ("r.jsonl", "{\"file\": \"a\", \"Age\": 1, \"age\": 2}\n".into(), "line 1: it has age twice"),
            ("r.jsonl", "[]\n".into(), "line 1: it is no JSON object"),
            ("r.parquet", "PAR1".into(), "write it as CSV"),
        ] {
            let error = read_as(name, &text).unwrap_err();
            assert!(error.starts_with("DIR/r.") && error.contains(expected), "{error}");
        }
    }
}
