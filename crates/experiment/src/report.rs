//! The data of a report: one value, saved as `report.json`.

use std::path::{Path, PathBuf};

use metrics::Evaluation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    BackboneSummary, BaselineSummary, CalibrationSummary, ConditionSummary, DataSummary, Environment, Epoch, Error,
    EventSummary, FailedTrial, FoldSummary, GateSummary, Mistake, SubgroupTable, TrialSummary, folder,
};

/// Version of `report.json` and of the tables beside it. Version 4 added `gate.known_to_backbone`; version 5 `data.recorders`,
/// `data.repeats`, `data.passed_over` and `data.unused_classes`, `repeat` and `fold` in `predictions.csv` and `group` in
/// `manifest.csv`; version 6 `baseline`, and kinds of heads, whose trials may have no learning rate; version 7 `settings`, the
/// other keys that a trial sets, `inner_macro_f1`, `explanation` of mistakes, `robustness`, `subgroups`, `events` and
/// `gate.is_encoders_own`.
pub const REPORT_VERSION: u32 = 7;

/// The oldest version that is read.
const OLDEST_VERSION: u32 = 2;

/// Everything that a report shows. It holds no time, host or path that differs between reruns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`REPORT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// Name of the run's folder.
    pub run: String,
    /// Seed of the run.
    pub seed: u64,
    /// Engine and device, such as `rten on cpu`.
    pub device: String,
    /// What a reader must know before any score, such as synthetic data; often empty.
    pub warnings: Vec<String>,
    /// What the scores were measured on.
    pub data: DataSummary,
    /// Which backbone made the embeddings.
    pub backbone: BackboneSummary,
    /// All trials, best first: by macro-F1 over inner folds, if there are any, then by validation macro-F1, then by lower validation
    /// loss, then in the order of the grid.
    pub leaderboard: Vec<TrialSummary>,
    /// Learning curves of the best trial.
    pub best_epochs: Vec<Epoch>,
    /// Scores of the best trial on validation, which chose it.
    pub validation: Evaluation,
    /// Scores on test: of the best trial, measured once; in a cross-validation, those of the searches of all folds, scored
    /// together.
    pub test: Evaluation,
    /// What logistic regression gives on test; absent if the head is one, and in reports before version 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineSummary>,
    /// Scores on test by corpus, recorder, age and what else is known about recordings; empty if nothing divides them, and in
    /// reports before version 7.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subgroups: Vec<SubgroupTable>,
    /// The folds of a cross-validation; empty for a plain split.
    pub folds: Vec<FoldSummary>,
    /// Trials that failed; `--retry-failed` trains them again.
    pub failed: Vec<FailedTrial>,
    /// Calibration of the probabilities, fitted on validation and measured on test.
    pub calibration: CalibrationSummary,
    /// The most confident mistakes on test, the most confident first.
    pub mistakes: Vec<Mistake>,
    /// The gate that distinguishes cries from other sounds; absent without one and in older reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateSummary>,
    /// How well cries are detected in long recordings; absent until `wail evaluate --keep` has measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventSummary>,
    /// The scores under each condition, from the recordings as they are to noise, rooms, telephones and codecs; empty if
    /// `evaluation.robustness` is off, and in reports before version 7.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub robustness: Vec<ConditionSummary>,
    /// The resolved configuration, TOML.
    pub config: String,
    /// The program that made the run.
    pub environment: Environment,
}

impl Report {
    /// Path of the report inside the folder `run`.
    fn path(run: &Path) -> PathBuf {
        run.join("report.json")
    }

    /// Reads `report.json` of the folder `run`.
    ///
    /// # Errors
    /// [`Error::NoReport`] if it cannot be read, [`Error::Format`] if it has another format version, [`Error::Damaged`] if it is
    /// not a report.
    pub fn read(run: &Path) -> Result<Self, Error> {
        let path = Self::path(run);
        let text = std::fs::read_to_string(&path).map_err(|source| Error::NoReport { path: path.clone(), source })?;
        let damaged = |problem: String| Error::Damaged { path: path.clone(), problem };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        match value["format_version"].as_u64() {
            Some(version) if (OLDEST_VERSION.into()..=REPORT_VERSION.into()).contains(&version) => {}
            version => {
                let version = version.map_or("none".into(), |v| v.to_string());
                let problem =
                    format!("has format version {version}, this program reads {OLDEST_VERSION} to {REPORT_VERSION}");
                return Err(Error::Format { path, problem });
            }
        }
        let report: Self = serde_json::from_value(value).map_err(|e| damaged(e.to_string()))?;
        report.problem().map_or(Ok(report), |problem| Err(damaged(problem.into())))
    }

    /// Writes `report.json` into the folder `run`.
    ///
    /// # Errors
    /// [`Error::Write`] or [`Error::Encode`].
    pub fn write(&self, run: &Path) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(self).map_err(Error::encode)?;
        folder::write(&Self::path(run), (json + "\n").as_bytes())
    }

    /// The reason why the report cannot be rendered, if there is one.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_matches_the_types() {
        let found = serde_json::to_string_pretty(&schemars::schema_for!(Report)).unwrap() + "\n";
        let path = Path::new("../../docs/report.schema.json");
        if std::env::var_os("WAIL_UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &found).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(
            found == committed,
            "run this test with WAIL_UPDATE_SCHEMA=1, and raise REPORT_VERSION if fields changed"
        );
    }
}
