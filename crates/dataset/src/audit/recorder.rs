//! The recorder of a recording: the device, and so usually the baby.

use std::collections::HashMap;
use std::path::Path;

use regex::Regex;

use super::finding::{Finding, Kind, Severity};
use crate::csv_table::{Line, read_table};
use crate::text_encoding::composed;
use crate::{Corpus, Error, Recording, count};

/// How the recorder of a recording is identified.
#[derive(Debug, Clone, Default)]
pub enum RecorderRule {
    /// [`Recording::recorder`]: the app instance in a Donate-a-Cry file name.
    #[default]
    FileName,
    /// The first group of this expression in the path relative to the root of the corpus.
    Pattern(Regex),
    /// A table from the path relative to the root of the corpus to the recorder.
    Table(HashMap<String, String>),
}

impl RecorderRule {
    /// The rule for a `pattern` if given, else for a table in `file` if given, else for file names.
    ///
    /// # Errors
    /// As [`RecorderRule::pattern`] and [`RecorderRule::csv`]; [`Error::RecorderCoverage`] if the pattern identifies the
    /// recorder of no recording, or the table of fewer than half.
    pub fn new(pattern: Option<&str>, file: Option<&Path>, corpus: &Corpus) -> Result<Self, Error> {
        let rule = match (pattern, file) {
            (Some(pattern), _) => Self::pattern(pattern)?,
            (None, Some(file)) => Self::csv(file, corpus)?,
            (None, None) => return Ok(Self::FileName),
        };
        let unknown = |recording: &&Recording| rule.recorder(recording).is_none();
        let all = corpus.recordings.len();
        let known = all - corpus.recordings.iter().filter(unknown).count();
        let Some(example) = corpus.recordings.iter().find(unknown).map(|recording| &recording.path) else {
            return Ok(rule);
        };
        match (&rule, file) {
            (Self::Pattern(pattern), _) if known == 0 => Err(Error::RecorderCoverage {
                rule: format!("recorder pattern {:?}", pattern.as_str()),
                reason: format!(
                    "its first group matches no part of the path of any of the {all} recordings, such as {example}; correct \
                     it, or name the recorders in a table"
                ),
            }),
            (Self::Table(_), Some(file)) if 2 * known < all => Err(Error::RecorderCoverage {
                rule: file.display().to_string(),
                reason: format!(
                    "it names the recorder of {known} of {all} recordings, fewer than half; add a line for each of the \
                     others, such as {example}, or go without a table"
                ),
            }),
            _ => Ok(rule),
        }
    }

    /// The first group of a regular expression.
    ///
    /// # Errors
    /// [`Error::RecorderPattern`] if it is not a regular expression, [`Error::RecorderGroup`] if it has no group.
    pub fn pattern(expression: &str) -> Result<Self, Error> {
        let pattern = Regex::new(expression)
            .map_err(|source| Error::RecorderPattern { pattern: expression.to_owned(), source })?;
        if pattern.captures_len() < 2 {
            return Err(Error::RecorderGroup { pattern: expression.to_owned() });
        }
        Ok(Self::Pattern(pattern))
    }

    /// A CSV file with the columns `path` (relative to the root of the corpus, with `/` or `\`, accents composed or
    /// decomposed) and `recorder`; it may be that of any spreadsheet program. An empty recorder means unknown.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be read, [`Error::Csv`] if it is malformed, [`Error::RecorderTable`] if a line
    /// names no recording of `corpus` or if two lines name the same one.
    pub fn csv(file: &Path, corpus: &Corpus) -> Result<Self, Error> {
        let known: HashMap<&str, &str> = corpus.recordings.iter().map(|r| (r.path.trim(), r.path.as_str())).collect();
        let known_composed: HashMap<String, &str> =
            corpus.recordings.iter().map(|r| (composed(r.path.trim()), r.path.as_str())).collect();
        let find = |path: &str| known.get(path).or_else(|| known_composed.get(&composed(path)));
        let mut table = HashMap::new();
        for Line { number, values: [path, recorder] } in read_table(file, ["path", "recorder"])? {
            let fail = |reason: String| {
                Err(Error::RecorderTable { path: file.into(), reason: format!("line {number}: {reason}") })
            };
            let Some(recording) = find(&path).or_else(|| find(path.replace('\\', "/").trim_start_matches("./"))) else {
                return fail(format!("{path}: there is no such recording in {}", corpus.root.display()));
            };
            if table.insert((*recording).to_owned(), recorder).is_some() {
                return fail(format!("{path} is named twice"));
            }
        }
        Ok(Self::Table(table))
    }

    /// The recorder; `None` if the rule does not identify it.
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

    /// The recorder of each recording, `[n_recordings]`; `None` where the rule does not identify it.
    pub fn recorders<'a>(&'a self, corpus: &'a Corpus) -> Vec<Option<&'a str>> {
        corpus.recordings.iter().map(|recording| self.recorder(recording)).collect()
    }

    /// Description of the rule.
    pub fn describe(&self) -> String {
        match self {
            Self::FileName => "the app instance in a Donate-a-Cry file name".into(),
            Self::Pattern(pattern) => format!("the first group of {pattern}"),
            Self::Table(table) => format!("a table of {}", count(table.len(), "recording")),
        }
    }
}

/// The finding about recordings whose recorder is unknown.
pub(super) fn unknown_recorders(corpus: &Corpus, recorders: &[Option<&str>]) -> Option<Finding> {
    let unknown: Vec<&str> = corpus
        .recordings
        .iter()
        .zip(recorders)
        .filter(|(_, recorder)| recorder.is_none())
        .map(|(recording, _)| recording.path.as_str())
        .collect();
    let first = unknown.first()?;
    Some(Finding {
        kind: Kind::UnknownRecorder,
        severity: if unknown.len() == recorders.len() { Severity::Warning } else { Severity::Note },
        message: format!(
            "The recorder of {} of {} is unknown, for example {first}. Each counts as its own recorder.",
            unknown.len(),
            count(recorders.len(), "recording")
        ),
        advice: "Use --recorder-pattern or --recorder-csv; otherwise leaks between splits stay hidden.".into(),
        files: unknown.into_iter().map(|path| vec![path.to_owned()]).collect(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_never_matches_and_a_table_of_fewer_than_half_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let recording = |i: usize| Recording { path: format!("tired/{i}.wav"), label: 0, ..Recording::default() };
        let recordings = (0..5).map(recording).collect();
        let corpus =
            Corpus { root: folder.path().into(), labels: vec!["tired".into()], recordings, ..Corpus::default() };
        let message = |rule: Result<RecorderRule, Error>| rule.map(|rule| rule.describe()).map_err(|e| e.to_string());

        let never = message(RecorderRule::new(Some("baby(.)"), None, &corpus)).unwrap_err();
        assert!(never.starts_with("recorder pattern \"baby(.)\": ") && never.contains("5 recordings"), "{never}");
        assert!(RecorderRule::new(Some("tired/()"), None, &corpus).is_err(), "an empty group is no recorder");
        assert!(RecorderRule::new(Some("tired/([0])"), None, &corpus).is_ok(), "one match is enough");

        let table = folder.path().join("recorders.csv");
        let with = |lines: &str| {
            std::fs::write(&table, format!("path,recorder\n{lines}")).unwrap();
            message(RecorderRule::new(None, Some(&table), &corpus))
        };
        let few = with("tired/0.wav,anna\ntired/1.wav,anna\ntired/2.wav,\n").unwrap_err();
        assert!(
            few.contains("recorders.csv: it names the recorder of 2 of 5 recordings") && few.contains("tired/2.wav")
        );
        assert!(with("tired/0.wav,anna\ntired/1.wav,anna\ntired/2.wav,ben\n").is_ok());
        assert!(RecorderRule::new(None, None, &corpus).is_ok(), "file names need no recorder");
    }

    #[test]
    fn a_table_names_each_path_of_the_corpus_at_most_once_and_no_other_path() {
        let folder = tempfile::tempdir().unwrap();
        let recording = |path: &str| Recording { path: path.into(), ..Recording::default() };
        let root = folder.path().to_owned();
        let recordings = ["tired/a.wav", "tired/b\u{e9}b\u{e9}.wav"].map(recording).to_vec();
        let corpus = Corpus { root: root.clone(), labels: vec!["tired".into()], recordings, ..Corpus::default() };
        let table = root.join("recorders.csv");
        let absolute = root.join("tired/a.wav").display().to_string();
        for (lines, expected) in [
            ("tired/a.wav,anna", None),
            (".\\tired\\a.wav, anna ", None),
            ("tired/a.wav,anna\ntired/a.wav,anna", Some("named twice")),
            ("tired/../tired/a.wav,anna", Some("no such recording")),
            ("../a.wav,anna", Some("no such recording")),
            (&format!("{absolute},anna"), Some("no such recording")),
            ("tired/be\u{301}be\u{301}.wav,ben\ntired/a.wav,anna", None),
            ("tired/be\u{301}b\u{e9}.wav,ben\ntired/b\u{e9}b\u{e9}.wav,ben", Some("named twice")),
        ] {
            std::fs::write(&table, format!("path,recorder\n{lines}\n")).unwrap();
            match (RecorderRule::csv(&table, &corpus), expected) {
                (Ok(rule), None) => {
                    assert_eq!(rule.recorder(&corpus.recordings[0]), Some("anna"));
                    let ben = lines.contains("ben").then_some("ben");
                    assert_eq!(rule.recorder(&corpus.recordings[1]), ben, "{lines}");
                }
                (Err(error), Some(text)) => assert!(error.to_string().contains(text), "{error}"),
                (found, _) => panic!("{lines}: {found:?}"),
            }
        }
    }
}
