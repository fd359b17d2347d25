//! Two or more runs side by side, as `wail report RUN RUN` writes them.

use std::collections::HashMap;
use std::path::Path;

use experiment::{REPORT_VERSION, Report, folder, seed};
use metrics::{Estimate, PairedComparison, Predictions, Scores, group_ids};
use minijinja::context;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, templates};

/// Runs compared with the first of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// [`REPORT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// The runs, as named on the command line.
    pub runs: Vec<ComparedRun>,
}

/// One run of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparedRun {
    /// Name of the run's folder.
    pub run: String,
    /// Its best trial, which is compared.
    pub trial: String,
    /// Its seed.
    pub seed: u64,
    /// Engine and device.
    pub device: String,
    /// The weights used, in words.
    pub backbone: String,
    /// How its recordings were split, in words.
    pub split: String,
    /// SHA-256 over labels, paths and contents of its recordings.
    pub data_fingerprint: String,
    /// What a reader must know before any score.
    pub warnings: Vec<String>,
    /// Number of its test recordings.
    pub n_test: usize,
    /// Its scores on test.
    pub test: Scores<Estimate>,
    /// Macro-F1 of always predicting the largest class.
    pub majority_macro_f1: f64,
    /// Macro-F1 on validation.
    pub validation_macro_f1: f64,
    /// Difference from the first run; `None` for the first run itself, and if the two share no test recording or have different
    /// classes.
    pub versus_first: Option<Versus>,
}

/// A paired comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Versus {
    /// Number of test recordings that both runs share.
    pub n_examples: usize,
    /// Number of recorders of these.
    pub n_groups: usize,
    /// This run, its `first`, against the first run, its `second`.
    pub paired: PairedComparison,
}

impl Comparison {
    /// Compares the runs in `folders`, at least one, with the first of them.
    ///
    /// # Errors
    /// [`Error::Run`] if a folder holds no finished run, [`Error::Table`] if its tables are damaged.
    pub fn new(folders: &[&Path]) -> Result<Self, Error> {
        let mut runs = Vec::new();
        let mut first: Option<TestAnswers> = None;
        for folder in folders {
            let report = Report::read(folder)?;
            let answers = TestAnswers::read(folder, &report)?;
            let versus_first = match &first {
                Some(first) => versus(&answers, first)?,
                None => None,
            };
            first.get_or_insert(answers);
            runs.push(ComparedRun {
                trial: report.leaderboard[0].id.clone(),
                run: report.run,
                seed: report.seed,
                device: report.device,
                backbone: report.backbone.used,
                split: report.data.split,
                data_fingerprint: report.data.fingerprint,
                warnings: report.warnings,
                n_test: report.test.n_examples,
                test: report.test.scores,
                majority_macro_f1: report.test.majority.macro_f1,
                validation_macro_f1: report.validation.scores.macro_f1.value,
                versus_first,
            });
        }
        Ok(Self { format_version: REPORT_VERSION, runs })
    }

    /// Writes `comparison.json`, `comparison.html` and `comparison.md` into `folder`.
    ///
    /// # Errors
    /// [`Error::Run`] if a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let scores: Vec<_> = self.runs.iter().map(|run| run.test.named()).collect();
        let rows = (0..scores.first().map_or(0, |named| named.len())).map(|i| {
            let (name, higher_is_better, _) = scores[0][i];
            context! { name, higher_is_better, scores => scores.iter().map(|named| named[i].2).collect::<Vec<_>>() }
        });
        let context = context! { comparison => self, rows => rows.collect::<Vec<_>>() };
        let json = serde_json::to_string_pretty(self)?;
        for (name, text) in [
            ("comparison.json", json + "\n"),
            ("comparison.html", templates::render("comparison.html", &context)?),
            ("comparison.md", templates::render("comparison.md", &context)?),
        ] {
            folder::write(&folder.join(name), text.as_bytes())?;
        }
        Ok(())
    }
}

/// Answers of a run's best trial for its test recordings.
struct TestAnswers {
    labels: Vec<String>,
    seed: u64,
    answers: Vec<Answer>,
}

struct Answer {
    path: String,
    sha256: String,
    recorder: Option<String>,
    label: usize,
    probabilities: Vec<f32>,
}

impl TestAnswers {
    fn read(run: &Path, report: &Report) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct ManifestRow {
            path: String,
            sha256: String,
            recorder: Option<String>,
        }
        let manifest_path = run.join("manifest.csv");
        let manifest: HashMap<String, (String, Option<String>)> = rows(&manifest_path, |row, header| {
            let row: ManifestRow = row.deserialize(Some(header)).map_err(|e| e.to_string())?;
            Ok(Some((row.path, (row.sha256, row.recorder.filter(|recorder| !recorder.is_empty())))))
        })?
        .into_iter()
        .collect();
        let labels = &report.data.labels;
        let path = run.join("predictions.csv");
        let answers = rows(&path, |row, _| {
            let column = |i: usize| row.get(i).ok_or("a row is too short".to_owned());
            if column(0)? != "test" {
                return Ok(None);
            }
            let (path, label) = (column(1)?.to_owned(), column(2)?);
            let label = labels.iter().position(|known| known == label).ok_or(format!("there is no class {label:?}"))?;
            let (sha256, recorder) = manifest.get(&path).cloned().ok_or(format!("{path} is not in manifest.csv"))?;
            let probabilities = (4..4 + labels.len())
                .map(|i| column(i)?.parse().map_err(|e| format!("{path}: {e}")))
                .collect::<Result<_, _>>()?;
            Ok(Some(Answer { path, sha256, recorder, label, probabilities }))
        })?;
        Ok(Self { labels: labels.clone(), seed: report.seed, answers })
    }
}

/// Reads each row of a CSV file with a header.
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

/// The paired comparison on the recordings that both runs share; they are matched by path and content.
fn versus(this: &TestAnswers, first: &TestAnswers) -> Result<Option<Versus>, Error> {
    if this.labels != first.labels {
        return Ok(None);
    }
    let of_first: HashMap<(&str, &str), &Answer> =
        first.answers.iter().map(|answer| ((answer.path.as_str(), answer.sha256.as_str()), answer)).collect();
    let shared: Vec<(&Answer, &Answer)> = this
        .answers
        .iter()
        .filter_map(|answer| Some((answer, *of_first.get(&(answer.path.as_str(), answer.sha256.as_str()))?)))
        .filter(|(a, b)| a.label == b.label)
        .collect();
    if shared.is_empty() {
        return Ok(None);
    }
    let labels: Vec<usize> = shared.iter().map(|(answer, _)| answer.label).collect();
    let groups = group_ids(shared.iter().map(|(answer, _)| answer.recorder.as_deref()));
    let of = |which: fn(&(&Answer, &Answer)) -> Vec<f32>| {
        let rows: Vec<Vec<f32>> = shared.iter().map(which).collect();
        Predictions::new(this.labels.len(), &labels, &rows, &groups)
    };
    let (a, b) = (of(|pair| pair.0.probabilities.clone())?, of(|pair| pair.1.probabilities.clone())?);
    let paired = PairedComparison::new(&a, &b, seed::derive(first.seed, &["comparison"]))?;
    Ok(Some(Versus { n_examples: labels.len(), n_groups: a.groups().len(), paired }))
}
