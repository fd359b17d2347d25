//! What a run has to say: one value, saved as `report.json`, shown as HTML and Markdown.

mod html;
pub(crate) mod markdown;
mod svg;

use std::path::Path;

use metrics::{Calibration, CalibrationCheck, Estimate, Evaluation};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::trial::{Epoch, TrialConfig};

/// Version of `report.json`.
pub const REPORT_VERSION: u32 = 2;

/// Everything that the report shows. No time, host or path that differs between reruns is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// What validation teaches about the probabilities of the saved model, which `infer` applies.
    pub calibration: Calibration,
    /// How such calibration does on test; in a cross-validation the mean over folds, weighted by recordings.
    pub calibration_check: CalibrationCheck,
}

/// One search of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// What the scores were measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Recordings of validation and test whose bytes are also in training.
    pub copies_of_training: usize,
    /// Recordings of validation and test whose recorder is also in training, as far as file names tell.
    pub recorder_in_training: usize,
}

/// Which backbone made the embeddings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether `used` is the random stand-in for weights that could not be had.
    pub stand_in: bool,
    /// SHA-256 over the tensors as used.
    pub fingerprint: String,
}

/// A line of the leaderboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
            Some(version) if version == u64::from(REPORT_VERSION) => {}
            version => {
                let version = version.map_or("none".into(), |v| v.to_string());
                return Err(fail(format!("has format version {version}, this program reads {REPORT_VERSION}")));
            }
        }
        serde_json::from_value(value).map_err(|e| fail(format!("is damaged: {e}")))
    }

    /// Writes `report.json`, `report.html` and `report.md` into `run`.
    ///
    /// # Errors
    /// [`Error::Failed`] if a file cannot be written.
    pub fn write(&self, run: &Path) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(self).map_err(|e| Error::Failed(format!("report.json: {e}")))?;
        for (name, text) in [("report.json", json + "\n"), ("report.html", self.html()), ("report.md", self.markdown())]
        {
            crate::run_folder::write(&run.join(name), text.as_bytes())?;
        }
        Ok(())
    }

    /// The report as one HTML page that needs no network.
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        markdown::document(self)
    }
}

/// What a reader should know before believing the scores, one sentence each.
pub(crate) fn findings(report: &Report) -> Vec<String> {
    let data = &report.data;
    let held_out: usize = data.counts[1..].iter().flatten().sum();
    let mut found = Vec::new();
    let baseline = report.test.majority.macro_f1;
    match report.test.scores.macro_f1.interval {
        Some([low, high]) if low <= baseline => found.push(format!(
            "On test the interval {low:.3} to {high:.3} reaches down to what always saying the largest class scores \
             ({baseline:.3}): better than that is not shown."
        )),
        Some(_) => {}
        None => found.push("The test recordings come from one recorder, so no interval can be given.".into()),
    }
    let rare: Vec<&str> = report.test.classes.iter().filter(|c| c.support < 10).map(|c| c.label.as_str()).collect();
    if !rare.is_empty() {
        found.push(format!(
            "Fewer than 10 test recordings: {}. Their scores are little more than chance.",
            rare.join(", ")
        ));
    }
    if data.copies_of_training > 0 {
        found.push(format!(
            "{} of {held_out} validation and test recordings are byte for byte in training, too.",
            data.copies_of_training
        ));
    }
    if data.recorder_in_training > 0 {
        found.push(format!(
            "{} of {held_out} validation and test recordings come from a recorder that training has heard: the scores \
             may know the phone or the baby rather than the reason.",
            data.recorder_in_training
        ));
    }
    if report.test.n_groups == report.test.n_examples {
        found.push(
            "No recorder is known from the file names, so the intervals take recordings as independent; those of one baby \
             are not, so they are too narrow."
                .into(),
        );
    }
    found.push(format!(
        "Validation chose the best of {} trials and their epochs, so its score is too high.",
        report.leaderboard.len()
    ));
    found
}

/// A score as people read it, `–` if it is undefined.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.3}"))
}

/// An interval as people read it, `–` if there is none.
pub(crate) fn interval(estimate: &Estimate) -> String {
    estimate.interval.map_or("–".into(), |[low, high]| format!("{low:.3} to {high:.3}"))
}

/// A small report for the tests of its renderings.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
fn example() -> Report {
    use metrics::Predictions;
    use model::{Arch, HeadConfig, Trainable};

    let labels = ["hungry", "tired"].map(String::from).to_vec();
    let predictions = |pairs: &[(usize, f32)]| {
        let truths: Vec<usize> = pairs.iter().map(|(truth, _)| *truth).collect();
        let rows: Vec<Vec<f32>> = pairs.iter().map(|(_, p)| vec![*p, 1.0 - p]).collect();
        let alone: Vec<usize> = (0..pairs.len()).collect();
        Predictions::new(2, &truths, &rows, &alone).unwrap()
    };
    let evaluate = |pairs: &[(usize, f32)]| Evaluation::new(&predictions(pairs), &labels, &[6, 4], 42).unwrap();
    let calibration = Calibration::fit(&predictions(&[(0, 0.8), (0, 0.3), (1, 0.2), (1, 0.4)]));
    let trial = |learning_rate: f64, val_macro_f1: f64| {
        let config = TrialConfig { learning_rate, head: HeadConfig { inner: 16, dropout: 0.5 } };
        TrialSummary { id: config.id(), config, epoch: 2, val_macro_f1, val_loss: 0.7 }
    };
    let epoch = |epoch: usize, loss: f64| Epoch {
        epoch,
        learning_rate: 0.01,
        train_loss: loss,
        val_loss: loss + 0.1,
        val_macro_f1: 0.5 - loss / 4.0,
    };
    Report {
        format_version: REPORT_VERSION,
        run: "example-0123456789ab".into(),
        seed: 42,
        device: "rten on cpu".into(),
        warnings: vec!["The recordings are synthetic.".into()],
        validation: evaluate(&[(0, 0.75), (0, 0.25), (1, 0.125), (1, 0.0)]),
        test: evaluate(&[(0, 0.75), (0, 1.0), (0, 0.375), (1, 0.5)]),
        data: DataSummary {
            root: "data/raw".into(),
            synthetic: true,
            licence: None,
            fingerprint: "ab".repeat(32),
            split: "stratified 60/20/20 by class, seed 42".into(),
            labels: labels.clone(),
            n_groups: 9,
            counts: [vec![6, 4], vec![2, 2], vec![3, 1]],
            unreadable: vec![],
            copies_of_training: 1,
            recorder_in_training: 2,
        },
        backbone: BackboneSummary {
            arch: Arch::ResNet18,
            trained: Trainable::None,
            requested: "resnet18".into(),
            used: "random weights, seed 42".into(),
            stand_in: false,
            fingerprint: "cd".repeat(32),
        },
        leaderboard: vec![trial(0.01, 0.73), trial(0.001, 0.4)],
        folds: vec![],
        calibration_check: calibration.check(&predictions(&[(0, 0.9), (1, 0.6)])),
        calibration,
        best_epochs: vec![epoch(1, 0.9), epoch(2, 0.6), epoch(3, 0.5)],
    }
}
