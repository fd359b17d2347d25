//! A table of recordings: CSV of any spreadsheet program, TSV, JSON lines or, with the cargo feature `parquet`, Parquet.
//! One row is a file or a segment of it.
//!
//! ```csv
//! file,label,start,end,baby,age
//! night.wav,hungry,12.5,15,Anna,3
//! ```

#[cfg(feature = "parquet")]
mod parquet;
mod row;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::Error;
use crate::csv_table::{Rows, read_text};
pub(crate) use row::{FILE, Row, file_name, seconds, take};
use row::{LABEL, MakeRow};

/// The recordings in the table in `path`.
///
/// # Errors
/// As [`rows`].
pub(crate) fn read(path: &Path) -> Result<Vec<Row>, Error> {
    rows(path, &[&FILE, &LABEL], &Row::new)
}

/// The rows of the table in `path`, as `make` makes them. The header of CSV names each of `columns` by one of its names.
///
/// # Errors
/// [`Error::Read`] if it cannot be read, [`Error::Csv`] if it is malformed, with the line.
pub(crate) fn rows<R>(path: &Path, columns: &[&[&str]], make: MakeRow<R>) -> Result<Vec<R>, Error> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let malformed = |reason: String| Error::Csv { path: path.into(), reason };
    if extension.as_deref() == Some("parquet") {
        return parquet_rows(path, make).map_err(malformed);
    }
    let text = read_text(path)?;
    let is_json =
        matches!(extension.as_deref(), Some("jsonl" | "ndjson" | "json")) || text.trim_start().starts_with('{');
    let rows = if is_json { json_lines(&text, make) } else { csv(&text, columns, make) };
    rows.map_err(malformed)
}

#[cfg(feature = "parquet")]
fn parquet_rows<R>(path: &Path, make: MakeRow<R>) -> Result<Vec<R>, String> {
    parquet::rows(std::fs::File::open(path).map_err(|error| error.to_string())?, make)
}

#[cfg(not(feature = "parquet"))]
fn parquet_rows<R>(_: &Path, _: MakeRow<R>) -> Result<Vec<R>, String> {
    Err("this build does not read Parquet: build it with the cargo feature parquet, or write the table as CSV, for instance with \
         Python: pandas.read_parquet(\"x.parquet\").to_csv(\"x.csv\", index=False)"
        .into())
}

fn csv<R>(text: &str, columns: &[&[&str]], make: MakeRow<R>) -> Result<Vec<R>, String> {
    let Rows { names, lines } = Rows::parse(text, columns)?;
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        if names[..index].contains(name) {
            return Err(format!("its header names the column {name} twice"));
        }
    }
    let row = |(line, values): (usize, Vec<String>)| make(line, names.iter().cloned().zip(values).collect());
    lines.into_iter().map(row).collect()
}

/// An object on each line, with texts, numbers or truth values.
fn json_lines<R>(text: &str, make: MakeRow<R>) -> Result<Vec<R>, String> {
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
        make(number, values)
    };
    lines.map(row).collect()
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
            ("r.parquet", "PAR1".into(), "Parquet"),
        ] {
            let error = read_as(name, &text).unwrap_err();
            assert!(error.starts_with("DIR/r.") && error.contains(expected), "{error}");
        }
    }
}
