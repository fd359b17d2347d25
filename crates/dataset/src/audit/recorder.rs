//! Which device, and so nearly which baby, a recording comes from.

use std::collections::HashMap;
use std::path::Path;

use regex::Regex;
use serde::Deserialize;

use crate::{Corpus, Error, Recording};

/// How to tell the recorder of a recording.
#[derive(Debug, Clone, Default)]
pub enum RecorderRule {
    /// [`Recording::recorder`]: the app instance in a Donate-a-Cry file name.
    #[default]
    FileName,
    /// The first group of this expression in the path below the corpus' root.
    Pattern(Regex),
    /// A table from the path below the corpus' root to the recorder.
    Table(HashMap<String, String>),
}

/// A line of a recorder file; other columns may stand beside these.
#[derive(Deserialize)]
struct Line {
    path: String,
    recorder: String,
}

impl RecorderRule {
    /// The rule of a `pattern` if there is one, else of a `file`, else of file names.
    ///
    /// # Errors
    /// As [`RecorderRule::pattern`] and [`RecorderRule::csv`].
    pub fn new(pattern: Option<&str>, file: Option<&Path>, corpus: &Corpus) -> Result<Self, Error> {
        match (pattern, file) {
            (Some(pattern), _) => Self::pattern(pattern),
            (None, Some(file)) => Self::csv(file, corpus),
            (None, None) => Ok(Self::FileName),
        }
    }

    /// The first group of a regular expression.
    ///
    /// # Errors
    /// [`Error::Recorder`] if it is no expression or has no group.
    pub fn pattern(expression: &str) -> Result<Self, Error> {
        let fail = |reason: String| Error::Recorder(format!("recorder pattern {expression:?}: {reason}"));
        let pattern = Regex::new(expression).map_err(|e| fail(e.to_string()))?;
        if pattern.captures_len() < 2 {
            return Err(fail("it needs a group in parentheses around what names the recorder".into()));
        }
        Ok(Self::Pattern(pattern))
    }

    /// A CSV file with columns `path` (below the corpus' root, with `/`) and `recorder`; an empty recorder is unknown.
    ///
    /// # Errors
    /// [`Error::Recorder`] if it cannot be read or a line names no recording of `corpus` or one that another line names.
    pub fn csv(file: &Path, corpus: &Corpus) -> Result<Self, Error> {
        let fail = |reason: String| Error::Recorder(format!("{}: {reason}", file.display()));
        let known: std::collections::HashSet<&str> = corpus.recordings.iter().map(|r| r.path.as_str()).collect();
        let mut table = HashMap::new();
        let mut reader = csv::Reader::from_path(file).map_err(|e| fail(e.to_string()))?;
        for line in reader.deserialize() {
            let Line { path, recorder } = line.map_err(|e| fail(e.to_string()))?;
            if !known.contains(path.as_str()) {
                return Err(fail(format!("{path}: there is no such recording in {}", corpus.root.display())));
            }
            if table.insert(path.clone(), recorder).is_some() {
                return Err(fail(format!("{path} is named twice")));
            }
        }
        Ok(Self::Table(table))
    }

    /// The recorder, if the rule tells.
    pub fn recorder<'a>(&'a self, recording: &'a Recording) -> Option<&'a str> {
        let found = match self {
            Self::FileName => recording.recorder(),
            Self::Pattern(pattern) => {
                pattern.captures(&recording.path).and_then(|groups| groups.get(1)).map(|group| group.as_str())
            }
            Self::Table(table) => table.get(&recording.path).map(String::as_str),
        };
        found.filter(|name| !name.is_empty())
    }

    /// What the rule is, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::FileName => "the app instance in a Donate-a-Cry file name".into(),
            Self::Pattern(pattern) => format!("the first group of {pattern}"),
            Self::Table(table) => format!("a table of {} recordings", table.len()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_table_names_each_path_of_the_corpus_once_and_nothing_outside() {
        let folder = tempfile::tempdir().unwrap();
        let recording = Recording { path: "tired/a.wav".into(), label: 0, sha256: String::new(), bytes: 0 };
        let root = folder.path().to_owned();
        let corpus = Corpus { root: root.clone(), labels: vec!["tired".into()], recordings: vec![recording] };
        let table = root.join("recorders.csv");
        let absolute = root.join("tired/a.wav").display().to_string();
        for (lines, expected) in [
            ("tired/a.wav,anna", None),
            ("tired/a.wav,anna\ntired/a.wav,anna", Some("named twice")),
            ("tired/../tired/a.wav,anna", Some("no such recording")),
            ("../a.wav,anna", Some("no such recording")),
            (&format!("{absolute},anna"), Some("no such recording")),
        ] {
            std::fs::write(&table, format!("path,recorder\n{lines}\n")).unwrap();
            match (RecorderRule::csv(&table, &corpus), expected) {
                (Ok(rule), None) => assert_eq!(rule.recorder(&corpus.recordings[0]), Some("anna")),
                (Err(error), Some(text)) => assert!(error.to_string().contains(text), "{error}"),
                (found, _) => panic!("{lines}: {found:?}"),
            }
        }
    }
}
