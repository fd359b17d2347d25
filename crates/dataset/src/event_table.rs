//! A table of events in recordings, true or detected ones: CSV, TSV, JSON lines or Parquet, as a table of recordings.
//!
//! ```csv
//! file,start,end,label
//! night.wav,12.5,15,cry
//! ```

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::csv_table::number;
use crate::recording_table::{FILE, file_name, rows, seconds, take};
use crate::table_corpus::{find_file, root_of};

/// Names of the columns. The second names are those of `wail infer --episodes --format csv`, `onset` and `offset` those of DCASE.
const START: [&str; 3] = ["start", "start_seconds", "onset"];
const END: [&str; 3] = ["end", "end_seconds", "offset"];
const LABEL: [&str; 3] = ["label", "class", "event_label"];
const SCORE: [&str; 2] = ["score", "cry_score"];
const CONFIRMED: [&str; 2] = ["confirmed", "confirmed_seconds"];

/// How many recordings an error names.
const NAMED: usize = 3;

/// A row of a table of events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Number of its line, from 1.
    pub line: usize,
    /// Start, s from the start of the recording, at least 0.
    pub onset_seconds: f64,
    /// End, s from the start of the recording, above the start.
    pub end_seconds: f64,
    /// What it is; empty if there is no such column.
    pub label: String,
    /// How sure the detector is, finite. `None` if there is no such column.
    pub score: Option<f64>,
    /// When the detector reported it, s from the start of the recording, at least 0. `None` if there is no such column.
    pub confirmed_seconds: Option<f64>,
}

/// The events of each of `files` in the table at `table`, in the table's order, `[n_files]` lists. Its columns are `file`, `start`
/// and `end` in seconds, and perhaps `label`, `score` and `confirmed`. Files are relative to `root`, or to the folder of the table.
///
/// # Errors
/// [`Error::Read`] if the table or one of `files` cannot be read, [`Error::Csv`] if the table is malformed or names a recording that
/// is none of `files`.
pub fn event_table(table: &Path, root: Option<&Path>, files: &[PathBuf]) -> Result<Vec<Vec<EventRow>>, Error> {
    let named = rows(table, &[&FILE, &START, &END], &|line, mut values| {
        let row = file_name(&mut values).and_then(|file| Ok((file, EventRow::new(line, &mut values)?)));
        row.map_err(|reason| format!("line {line}: {reason}"))
    })?;
    let mut indices = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        indices.insert(std::fs::canonicalize(file).map_err(Error::read(file))?, index);
    }
    let root = root_of(table, root);
    let index_of = |name: &str| indices.get(&std::fs::canonicalize(find_file(root, name)?).ok()?).copied();
    let mut known: HashMap<String, Option<usize>> = HashMap::new();
    let (mut events, mut strangers) = (vec![Vec::new(); files.len()], Vec::new());
    for (name, row) in named {
        let index = *known.entry(name).or_insert_with_key(|name| {
            let index = index_of(name);
            strangers.extend(index.is_none().then(|| format!("{name} (line {})", row.line)));
            index
        });
        if let Some(index) = index {
            events[index].push(row);
        }
    }
    if strangers.is_empty() {
        return Ok(events);
    }
    let more = if strangers.len() > NAMED { format!(" and {} more", strangers.len() - NAMED) } else { String::new() };
    let reason = format!(
        "it has events of recordings that are not given: {}{more}; give these recordings as well, or the folder that the names are \
         relative to, which is now {}",
        strangers[..strangers.len().min(NAMED)].join(", "),
        root.display()
    );
    Err(Error::Csv { path: table.into(), reason })
}

impl EventRow {
    fn new(line: usize, values: &mut BTreeMap<String, String>) -> Result<Self, String> {
        let onset_seconds = seconds(START[0], &take(values, &START))?;
        let end_seconds = seconds(END[0], &take(values, &END))?;
        if end_seconds <= onset_seconds {
            return Err(format!(
                "it ends at {end_seconds} s, but starts at {onset_seconds} s: the end must be after the start"
            ));
        }
        let label = take(values, &LABEL);
        let score = match take(values, &SCORE) {
            text if text.is_empty() => None,
            text => Some(number(&text).ok_or_else(|| format!("{} must be a number, but is {text:?}", SCORE[0]))?),
        };
        let confirmed_seconds = match take(values, &CONFIRMED) {
            text if text.is_empty() => None,
            text => Some(seconds(CONFIRMED[0], &text)?),
        };
        Ok(Self { line, onset_seconds, end_seconds, label, score, confirmed_seconds })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The events of `night.wav` and `day/a.wav` in a table beside them, which has this name and text.
    fn read(name: &str, text: &str) -> Result<Vec<Vec<EventRow>>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("day")).unwrap();
        let files = ["night.wav", "day/a.wav"].map(|file| folder.path().join(file));
        files.iter().for_each(|file| std::fs::write(file, "").unwrap());
        let table = folder.path().join(name);
        std::fs::write(&table, text).unwrap();
        let events = event_table(&table, None, &files);
        events.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
    }

    fn event(line: usize, times: [f64; 2], label: &str, score: Option<f64>, confirmed: Option<f64>) -> EventRow {
        let [onset_seconds, end_seconds] = times;
        EventRow { line, onset_seconds, end_seconds, label: label.into(), score, confirmed_seconds: confirmed }
    }

    #[test]
    fn tables_of_every_kind_say_the_same() {
        let expected = [
            vec![event(2, [12.5, 15.0], "cry", None, None), event(4, [0.3, 1.0], "", Some(-0.5), Some(7.0))],
            vec![event(3, [1.0, 2.0], "cry", Some(0.75), None)],
        ];
        for (name, text) in [
            (
                "e.csv",
                "file,start,end,label,score,confirmed,who\nnight.wav,12.5,15,cry\n./day/a.wav,1,2,cry,0.75,,Ann\nnight.wav,0.3,1,,-0.5,7\n",
            ),
            (
                "e.tsv",
                "filename\tonset\toffset\tevent_label\tscore\tconfirmed\nnight.wav\t12.5\t15\tcry\nday\\a.wav\t1\t2\tcry\t0.75\nnight.wav\t0.3\t1\t\t-0.5\t7\n",
            ),
            (
                "e.csv",
                "file,start_seconds,end_seconds,label,probability,cry_score,confirmed_seconds\nnight.wav,12.5,15,cry,0.3,,\nday/a.wav,1,2,cry,0.4,0.75,\nnight.wav,0.3,1,,0.5,-0.5,7\n",
            ),
            (
                "e.jsonl",
                "\n{\"file\": \"night.wav\", \"start\": 12.5, \"end\": 15, \"label\": \"cry\"}\n\
                 {\"file\": \"day/a.wav\", \"start\": 1, \"end\": 2, \"label\": \"cry\", \"score\": 0.75}\n\
                 {\"file\": \"night.wav\", \"start\": 0.3, \"end\": 1, \"score\": -0.5, \"confirmed\": 7}\n",
            ),
        ] {
            assert_eq!(read(name, text).unwrap(), expected, "{text}");
        }
        assert_eq!(read("e.csv", "file,start,end\n").unwrap(), [[], []]);
    }

    #[test]
    fn rows_that_say_nothing_sensible_are_refused_with_their_line() {
        let row = |values: &str| format!("file,start,end,score,confirmed\nnight.wav,0,1,0.5,1\n{values}\n");
        for (text, expected) in [
            (row("night.wav,NaN,2"), "line 3: start must be a time in seconds, such as 12.5, but is \"NaN\""),
            (row("night.wav,,2"), "line 3: start must be a time in seconds, such as 12.5, but is \"\""),
            (row("night.wav,1,-2"), "line 3: end must be a time"),
            (row("night.wav,2,2"), "line 3: it ends at 2 s, but starts at 2 s"),
            (row("night.wav,2,3,high"), "line 3: score must be a number, but is \"high\""),
            (row("night.wav,2,3,0.5,-1"), "line 3: confirmed must be a time"),
            (row(" ,2,3"), "line 3: it names no file"),
            ("file,label\nnight.wav,cry\n".into(), "must name the columns file and start and end"),
            (
                row("b.wav,1,2\nb.wav,2,3\nc.wav,1,2\nday/b.wav,1,2\ne.wav,1,2"),
                "not given: b.wav (line 3), c.wav (line 5), day/b.wav (line 6) and 1 more; give these recordings as well, or the folder",
            ),
        ] {
            let error = read("e.csv", &text).unwrap_err();
            assert!(error.starts_with("DIR/e.csv: ") && error.contains(expected), "{error}");
        }
    }
}
