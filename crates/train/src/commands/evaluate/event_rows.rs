//! Which rows of a table are cries, and whether they can be of the recordings that are given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::{EventRow, count};

use crate::Error;
use crate::terminal::stderr;

/// The rows that are cries: those with a label of `only`, or all if it is empty.
pub(super) fn cries(table: &Path, only: &[String], mut rows: Vec<Vec<EventRow>>) -> Result<Vec<Vec<EventRow>>, Error> {
    let mut n_rows: BTreeMap<String, usize> = BTreeMap::new();
    rows.iter().flatten().for_each(|row| *n_rows.entry(row.label.clone()).or_default() += 1);
    let labels: Vec<String> = n_rows.iter().map(|(label, n)| format!("{label:?} ({n})")).collect();
    if let Some(unknown) = only.iter().find(|label| !n_rows.contains_key(*label)) {
        let labels = labels.join(", ");
        return Err(Error::Config(format!("{}: no row has the label {unknown:?}, only {labels}", table.display())));
    }
    if only.is_empty() && labels.len() > 1 {
        let labels = labels.join(", ");
        stderr::line(format_args!("labels     {labels}; each row counts as a cry, unless --only chooses labels"));
    }
    rows.iter_mut().for_each(|rows| rows.retain(|row| only.is_empty() || only.contains(&row.label)));
    let n_events: usize = rows.iter().map(Vec::len).sum();
    let n_files = rows.iter().filter(|rows| !rows.is_empty()).count();
    let (events, files) = (count(n_events, "event"), count(rows.len(), "recording"));
    stderr::line(format_args!("truth      {}: {events}, in {n_files} of {files}", table.display()));
    Ok(rows)
}

/// Fails if a row starts after the end of its recording, which is then another one than the table means.
pub(super) fn check_onsets(
    table: &Path,
    rows: &[Vec<EventRow>],
    files: &[PathBuf],
    lengths_seconds: &[f64],
) -> Result<(), Error> {
    for ((rows, file), seconds) in rows.iter().zip(files).zip(lengths_seconds) {
        if let Some(EventRow { line, onset_seconds, .. }) = rows.iter().find(|row| row.onset_seconds >= *seconds) {
            return Err(Error::Data(format!(
                "{}: line {line}: it starts at {onset_seconds} s, but {} is {seconds:.1} s long: it must be of another recording",
                table.display(),
                file.display()
            )));
        }
    }
    Ok(())
}
