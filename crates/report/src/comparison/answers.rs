//! Answers of a run for its test recordings, from `predictions.csv` and `manifest.csv`.

use std::collections::HashMap;
use std::path::Path;

use experiment::Report;
use serde::Deserialize;

use crate::Error;

/// The oldest version of a run's files whose `predictions.csv` names repeats and whose `manifest.csv` names groups.
const OLDEST_VERSION: u32 = 5;

/// Answers of a run for its test recordings.
pub(super) struct TestAnswers {
    pub labels: Vec<String>,
    pub seed: u64,
    pub answers: HashMap<Question, Answer>,
}

/// What was asked: one recording in one repeat. The fold is not part of it, because folds of runs with other seeds hold other
/// recordings; each recording is in one fold of a repeat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Question {
    pub repeat: usize,
    pub path: String,
    pub sha256: String,
}

pub(super) struct Answer {
    pub group: usize,
    pub label: usize,
    pub probabilities: Vec<f32>,
}

impl TestAnswers {
    /// Reads the tables of the run in the folder `run`.
    ///
    /// # Errors
    /// [`Error::Run`] for a run of a version before 5, [`Error::Table`] if a table is damaged.
    pub fn read(run: &Path, report: &Report) -> Result<Self, Error> {
        if report.format_version < OLDEST_VERSION {
            let problem = format!(
                "has format version {}, which names neither the repeat of an answer nor the groups of recordings; only runs \
                 of version {OLDEST_VERSION} on are compared, so train it again",
                report.format_version
            );
            return Err(experiment::Error::Format { path: run.join("report.json"), problem }.into());
        }
        #[derive(Deserialize)]
        struct ManifestRow {
            path: String,
            sha256: String,
            group: usize,
        }
        let manifest: HashMap<String, (String, usize)> = rows(&run.join("manifest.csv"), |row, header| {
            let row: ManifestRow = row.deserialize(Some(header)).map_err(|e| e.to_string())?;
            Ok(Some((row.path, (row.sha256, row.group))))
        })?
        .into_iter()
        .collect();
        let labels = &report.data.labels;
        let path = run.join("predictions.csv");
        let answers = rows(&path, |row, header| {
            let column = |name: &str| {
                let index =
                    header.iter().position(|found| found == name).ok_or(format!("there is no column {name}"))?;
                row.get(index).ok_or("a row is too short".to_owned())
            };
            if column("split")? != "test" {
                return Ok(None);
            }
            let (path, label) = (column("path")?.to_owned(), column("label")?);
            let repeat = column("repeat")?.parse().map_err(|e| format!("{path}: repeat: {e}"))?;
            let label = labels.iter().position(|known| known == label).ok_or(format!("there is no class {label:?}"))?;
            let (sha256, group) = manifest.get(&path).cloned().ok_or(format!("{path} is not in manifest.csv"))?;
            let probability =
                |label: &String| column(&format!("p_{label}"))?.parse().map_err(|e| format!("{path}: {e}"));
            let probabilities = labels.iter().map(probability).collect::<Result<_, _>>()?;
            Ok(Some((Question { repeat, path, sha256 }, Answer { group, label, probabilities })))
        })?;
        let n_rows = answers.len();
        let answers: HashMap<Question, Answer> = answers.into_iter().collect();
        if answers.len() < n_rows {
            return Err(Error::Table { path, problem: "it answers for a recording twice in one repeat".into() });
        }
        Ok(Self { labels: labels.clone(), seed: report.seed, answers })
    }
}

/// Reads each row of a CSV file with a header; `read` gets the row and the header.
fn rows<T>(
    path: &Path,
    mut read: impl FnMut(&csv::StringRecord, &csv::StringRecord) -> Result<Option<T>, String>,
) -> Result<Vec<T>, Error> {
    let bad = |problem: String| Error::Table { path: path.into(), problem };
    let mut reader = csv::Reader::from_path(path).map_err(|e| bad(e.to_string()))?;
    let header = reader.headers().map_err(|e| bad(e.to_string()))?.clone();
    let mut found = Vec::new();
    for row in reader.records() {
        found.extend(read(&row.map_err(|e| bad(e.to_string()))?, &header).map_err(bad)?);
    }
    Ok(found)
}
