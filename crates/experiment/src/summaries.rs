//! The parts of a report: data, backbone, trials, folds, calibration, gate and mistakes.

use features::OcclusionMap;
use metrics::{Calibration, CalibrationCheck, Detection, Estimate, PairedComparison, Scores};
use model::EpisodeSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Leaks, Recorders, TrialConfig};

/// What the scores were measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSummary {
    /// The folder of class folders, as the configuration names it.
    pub root: String,
    /// Whether the recordings are synthetic.
    pub synthetic: bool,
    /// Licence of the recordings, as the configuration states it.
    pub licence: Option<String>,
    /// SHA-256 over labels, paths and contents.
    pub fingerprint: String,
    /// How the recordings were split, in words.
    pub split: String,
    /// Class names, in the order of every list of classes.
    pub labels: Vec<String>,
    /// Groups of recordings that are not independent: recorders, joined where they share a family of copies.
    pub n_groups: usize,
    /// How far the recorders are known; both counts are 0 in reports before version 5.
    #[serde(default)]
    pub recorders: Recorders,
    /// How often each test recording was tested: the repeats of a cross-validation, otherwise 1.
    #[serde(default = "once")]
    pub repeats: usize,
    /// Recordings by class in training, validation and test, each counted once.
    pub counts: [Vec<usize>; 3],
    /// What else is in the folder, in words; empty if there is nothing else, and in reports before version 5.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub passed_over: String,
    /// Classes that were left out, because none of their recordings could be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused_classes: Vec<String>,
    /// Recordings that could not be read and were left out.
    pub unreadable: Vec<String>,
    /// Recordings that `data.drop_duplicates` and `data.drop_contradictions` left out.
    pub dropped: Vec<String>,
    /// Validation and test recordings that training contains in some form. Any of them makes the split leaky.
    pub leaks: Leaks,
}

fn once() -> usize {
    1
}

/// Which backbone made the embeddings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackboneSummary {
    /// The architecture.
    pub arch: model::Arch,
    /// Which part of it each trial trained.
    pub trained: model::Trainable,
    /// The weights that the configuration asked for.
    pub requested: String,
    /// The weights that were used, in words.
    pub used: String,
    /// Whether `used` is a fallback for weights that were not available.
    pub stand_in: bool,
    /// SHA-256 over the tensors as used.
    pub fingerprint: String,
}

impl BackboneSummary {
    /// Whether it is an encoder in an ONNX file.
    pub fn is_onnx(&self) -> bool {
        self.arch == model::Arch::ONNX
    }
}

/// A row of the leaderboard.
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
    /// Macro-F1 over the inner folds, by which the trial was ranked; absent if validation ranked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_macro_f1: Option<f64>,
}

/// A trial that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedTrial {
    /// Folder of its search below the run's folder; empty for the search of the saved model.
    pub search: String,
    /// Name of the trial.
    pub id: String,
    /// Why it failed.
    pub error: String,
}

/// One fold of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FoldSummary {
    /// Name of its folder below `folds/`: repeat and number, or the group that it tests.
    pub name: String,
    /// The trial that its validation split, or its inner folds, chose.
    pub trial: String,
    /// Validation macro-F1 of that trial.
    pub val_macro_f1: f64,
    /// Its macro-F1 over the inner folds; absent if validation chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_macro_f1: Option<f64>,
    /// Number of test recordings.
    pub n_test: usize,
}

/// What logistic regression gives in place of the trials: on the same embeddings (of the encoder before training) and folds, with
/// the inverse penalty C chosen on validation. It competes with no trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineSummary {
    /// The values of C among which validation chose.
    pub path: Vec<f64>,
    /// The C that each tested search chose: one for each fold, or one for a plain split.
    pub chosen: Vec<f64>,
    /// Its scores on test, with the resamples of the trials' scores.
    pub test: Scores<Estimate>,
    /// The chosen trials, `first`, against it, `second`, in macro-F1 on test.
    pub trials: PairedComparison,
}

/// A calibration and how well it works on test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrationSummary {
    /// Fitted on validation.
    pub fitted: Calibration,
    /// Measured on test; in a cross-validation the mean over folds, each with its own calibration, weighted by recordings.
    pub test: CalibrationCheck,
}

/// How well a gate distinguishes cries from other sounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateSummary {
    /// A recording that scores below this is "not a cry"; 95 % of the validation recordings reach it. 0 to 1.
    pub threshold: f64,
    /// Synthetic sounds that it was trained on, besides decoys.
    pub n_sounds: usize,
    /// Which recordings it was tested on: `test`, or `val` if the split has no test.
    pub tested_on: String,
    /// Share of those recordings that reach the threshold, 0 to 1.
    pub recall: f64,
    /// Share of sounds that reach it, mean over families. Each family is scored by a gate trained without that family, and
    /// without the cries that its sounds were mixed over.
    pub false_alarm_rate: f64,
    /// How well recordings are distinguished from sounds. Each family is scored by a gate trained without that family, and
    /// without the cries that its sounds were mixed over.
    pub detection: Detection,
    /// Whether the backbone was pretrained on sounds of all families. If so, they are unknown to the gate only, and the scores
    /// are too optimistic.
    #[serde(default)]
    pub known_to_backbone: bool,
    /// Whether the score is the encoder's own logit for cries, calibrated, as with YAMNet. Such a gate has learned no
    /// sound in training.
    #[serde(default)]
    pub is_encoders_own: bool,
}

/// How well the run's model detects cries in long recordings, as `wail evaluate --keep` measured it last. Intervals resample
/// recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSummary {
    /// File name of the table of the cries that are in the recordings.
    pub truth: String,
    /// How scores became episodes.
    pub settings: EpisodeSettings,
    /// Number of recordings.
    pub n_recordings: usize,
    /// Their length together, s.
    pub seconds: f64,
    /// Number of cries in them.
    pub n_cries: usize,
    /// Number of cries that no episode overlaps.
    pub n_missed: usize,
    /// Episodes that overlap no cry, per hour of recording; absent for 0 s.
    pub false_alarms_per_hour: Option<Estimate>,
    /// Median time from the onset of a cry until an episode that overlaps it was confirmed, s; absent if none was.
    pub median_latency_seconds: Option<Estimate>,
}

/// The scores on test under a condition, such as noise or a telephone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionSummary {
    /// What the condition is called. The first one leaves the recordings as they are.
    pub name: String,
    /// Scores on test of the models that were tested, with the resamples of the report's scores.
    pub test: Scores<Estimate>,
    /// Share of the recordings that the gate was tested on, see `gate.tested_on`, that still reach its threshold, 0 to 1; absent without a
    /// gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cries_kept: Option<f64>,
}

/// A test recording that was classified wrongly; with several repeats, the most confident of its wrong answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Path of the recording below the data folder.
    pub path: String,
    /// Its class.
    pub label: String,
    /// The class that was predicted.
    pub predicted: String,
    /// Probability of the predicted class, 0 to 1.
    pub probability: f32,
    /// Probability of its own class, 0 to 1.
    pub probability_of_label: f32,
    /// How much the odds of the predicted class depend on each part of the recording; absent if `evaluation.explain` is off, and in
    /// reports before version 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<OcclusionMap>,
}
