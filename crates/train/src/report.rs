//! What a run has to say: one value, saved as `report.json`, shown as HTML and Markdown.

mod chart;
pub mod comparison;
#[cfg(test)]
mod example;
mod figures;
mod findings;
mod heat_map;
pub(crate) mod markdown;
pub mod mistakes;
mod page;

use std::path::Path;

use metrics::{Calibration, CalibrationCheck, Evaluation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::gate::GateSummary;
use crate::plan::Leaks;
use crate::trial::{Epoch, TrialConfig};
pub(crate) use findings::findings;
pub use mistakes::Mistake;

/// Version of `report.json`. 4 says whether the backbone knew the gate's sounds.
pub const REPORT_VERSION: u32 = 4;

/// The oldest that is read.
const OLDEST_VERSION: u32 = 2;

/// Everything that the report shows. No time, host or path that differs between reruns is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`REPORT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// Name of the run's folder.
    pub run: String,
    /// Seed of the run.
    pub seed: u64,
    /// What embedded, and the device that trained, such as `rten on cpu`.
    pub device: String,
    /// What a reader must know before any score, such as stand-in data; empty in the best case.
    pub warnings: Vec<String>,
    /// What the scores were measured on.
    pub data: DataSummary,
    /// Which backbone made the embeddings.
    pub backbone: BackboneSummary,
    /// All trials, best first: by validation macro-F1, then lower validation loss, then the grid's order.
    pub leaderboard: Vec<TrialSummary>,
    /// Learning curves of the first of the leaderboard.
    pub best_epochs: Vec<Epoch>,
    /// Its scores on validation, which chose it.
    pub validation: Evaluation,
    /// Scores on test: its own, measured once; in a cross-validation, those of the searches of all folds together.
    pub test: Evaluation,
    /// The searches of a cross-validation; empty for a plain split.
    pub folds: Vec<FoldSummary>,
    /// Trials that failed; `--retry-failed` does them again.
    pub failed: Vec<FailedTrial>,
    /// What validation taught about its probabilities, and what that is worth on test.
    pub calibration: CalibrationSummary,
    /// Its most confident mistakes on test, the most confident first.
    pub mistakes: Vec<Mistake>,
    /// The gate before the classes; absent without one, and in reports before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateSummary>,
    /// The resolved configuration, TOML.
    pub config: String,
    /// The program that ran it.
    pub environment: Environment,
}

/// One search of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FoldSummary {
    /// Name of its folder below `folds/`.
    pub name: String,
    /// The trial that its validation chose.
    pub trial: String,
    /// Macro-F1 of that trial on its validation.
    pub val_macro_f1: f64,
    /// Recordings of its test.
    pub n_test: usize,
}

/// A trial that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedTrial {
    /// Folder of its search below the run's; empty for the run's own.
    pub search: String,
    /// Name of the trial.
    pub id: String,
    /// Why.
    pub error: String,
}

/// A calibration and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrationSummary {
    /// Fitted on validation.
    pub fitted: Calibration,
    /// Measured on test; in a cross-validation the mean over folds, each of its own calibration, weighted by recordings.
    pub test: CalibrationCheck,
}

/// The program that ran it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Version of Wail.
    pub wail: String,
    /// Version of the audio front end; another one may give other images.
    pub features_version: u32,
    /// Processor and operating system, such as `x86_64-linux`.
    pub target: String,
}

impl Environment {
    /// This program.
    pub fn here() -> Self {
        Self {
            wail: env!("CARGO_PKG_VERSION").into(),
            features_version: features::FEATURES_VERSION,
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        }
    }

    /// The beginning of `provenance.json`.
    pub fn provenance(&self, seed: u64, device: &str) -> serde_json::Value {
        serde_json::json!({
            "format_version": 1,
            "wail": self.wail,
            "features_version": self.features_version,
            "target": self.target,
            "seed": seed,
            "device": device,
        })
    }
}

/// What the scores were measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSummary {
    /// The folder of class folders, as the configuration names it.
    pub root: String,
    /// Whether it is the synthetic stand-in.
    pub synthetic: bool,
    /// Licence of the recordings, as the configuration states it.
    pub licence: Option<String>,
    /// SHA-256 over labels, paths and contents.
    pub fingerprint: String,
    /// How the recordings were split, in words.
    pub split: String,
    /// Class names, in the order of every list of classes.
    pub labels: Vec<String>,
    /// Groups that the recordings fall into: recorders, with the families of copies that join them.
    pub n_groups: usize,
    /// Recordings by class, in training, validation and test; in a cross-validation a recording is tested in each repeat.
    pub counts: [Vec<usize>; 3],
    /// Recordings that could not be read and were left out.
    pub unreadable: Vec<String>,
    /// Recordings that the configuration's remedies left out.
    pub dropped: Vec<String>,
    /// What training knows of validation and test. Any of it makes every score one of a leaky split.
    pub leaks: Leaks,
}

/// Which backbone made the embeddings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackboneSummary {
    /// The architecture.
    pub arch: model::Arch,
    /// Which part of it each trial trained.
    pub trained: model::Trainable,
    /// What the configuration asked for.
    pub requested: String,
    /// What was used, in words.
    pub used: String,
    /// Whether `used` is a stand-in for weights that could not be had.
    pub stand_in: bool,
    /// SHA-256 over the tensors as used.
    pub fingerprint: String,
}

/// A line of the leaderboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialSummary {
    /// Name of the trial's folder.
    pub id: String,
    /// Its settings.
    pub config: TrialConfig,
    /// The chosen epoch, from 1.
    pub epoch: usize,
    /// Validation macro-F1 at that epoch.
    pub val_macro_f1: f64,
    /// Validation loss at that epoch.
    pub val_loss: f64,
}

impl Report {
    /// Reads `report.json` of a run folder.
    ///
    /// # Errors
    /// [`Error::Data`] if it is missing, damaged or of another format version.
    pub fn read(run: &Path) -> Result<Self, Error> {
        let path = run.join("report.json");
        let fail = |why: String| Error::Data(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(&path)
            .map_err(|e| fail(format!("cannot be read: {e}; name the folder of a finished run")))?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| fail(format!("is damaged: {e}")))?;
        match value["format_version"].as_u64() {
            Some(version) if (OLDEST_VERSION.into()..=REPORT_VERSION.into()).contains(&version) => {}
            version => {
                let version = version.map_or("none".into(), |v| v.to_string());
                return Err(fail(format!(
                    "has format version {version}, this program reads {OLDEST_VERSION} to {REPORT_VERSION}"
                )));
            }
        }
        let report: Self = serde_json::from_value(value).map_err(|e| fail(format!("is damaged: {e}")))?;
        report.problem().map_or(Ok(report), |problem| Err(fail(format!("is damaged: {problem}"))))
    }

    /// Writes `report.json`, and the forms for people with it.
    ///
    /// # Errors
    /// As [`Report::render`].
    pub fn write(&self, run: &Path) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(self).map_err(|e| Error::Failed(format!("report.json: {e}")))?;
        crate::run_folder::write(&run.join("report.json"), (json + "\n").as_bytes())?;
        self.render(run)
    }

    /// Writes `report.html`, one page that needs no network, and `report.md` into `run`. Sound and pictures of the
    /// mistakes come from that folder, too.
    ///
    /// # Errors
    /// [`Error::Failed`] if a file cannot be written.
    pub fn render(&self, run: &Path) -> Result<(), Error> {
        crate::run_folder::write(&run.join("report.html"), page::html(self, run)?.as_bytes())?;
        crate::run_folder::write(&run.join("report.md"), page::markdown(self)?.as_bytes())
    }

    /// What keeps a report from being shown.
    fn problem(&self) -> Option<&'static str> {
        let n_classes = self.data.labels.len();
        let fits = |evaluation: &Evaluation| {
            let confusion = &evaluation.confusion.0;
            evaluation.classes.len() == n_classes
                && confusion.len() == n_classes
                && confusion.iter().all(|row| row.len() == n_classes)
        };
        if self.leaderboard.is_empty() {
            Some("the leaderboard is empty")
        } else if !fits(&self.validation) || !fits(&self.test) || self.data.counts.iter().any(|c| c.len() != n_classes)
        {
            Some("its lists of classes differ in length")
        } else {
            None
        }
    }
}

/// A score as people read it, `–` if it is undefined.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.3}"))
}

/// An interval as people read it, `–` if there is none.
pub(crate) fn interval(interval: Option<[f64; 2]>) -> String {
    interval.map_or("–".into(), |[low, high]| format!("{low:.3} to {high:.3}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::example::example;
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_what_cannot_be_shown_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let put = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut value = serde_json::to_value(example()).unwrap();
            change(&mut value);
            std::fs::write(folder.path().join("report.json"), value.to_string()).unwrap();
            Report::read(folder.path()).map(|report| report.run).map_err(|e| e.to_string())
        };
        assert_eq!(put(&|_| ()), Ok(example().run));
        for (change, expected) in [
            (
                &(|v: &mut serde_json::Value| v["format_version"] = 1.into()) as &dyn Fn(&mut serde_json::Value),
                "has format version 1",
            ),
            (&|v| v["leaderboard"] = serde_json::json!([]), "the leaderboard is empty"),
            (&|v| v["data"]["labels"] = serde_json::json!(["one"]), "differ in length"),
            (&|v| v["surprise"] = 1.into(), "unknown field `surprise`"),
            (&|v| v["test"]["scores"]["macro_f1"]["value"] = serde_json::Value::Null, "is damaged"),
        ] {
            let message = put(change).unwrap_err();
            assert!(message.contains(expected) && message.contains("report.json"), "{message}");
        }
    }

    #[test]
    fn the_committed_schema_is_that_of_the_types() {
        let found = serde_json::to_string_pretty(&schemars::schema_for!(Report)).unwrap() + "\n";
        let path = Path::new("../../docs/report.schema.json");
        if std::env::var_os("WAIL_UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &found).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(found == committed, "run this test with WAIL_UPDATE_SCHEMA=1 and raise REPORT_VERSION");
    }
}
