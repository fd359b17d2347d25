//! Scores of a classifier with intervals, baselines and tests.
//!
//! - [`Predictions`]: predicted probabilities, true classes and groups, validated once.
//! - [`Evaluation`]: everything about one split: scores with intervals, baselines, a test against chance, per-class
//!   scores, confusion matrix, reliability and precision-recall curves.
//! - [`PairedComparison`]: two classifiers on the same recordings.
//! - [`Calibration`]: temperature scaling and prediction sets.
//! - [`Detection`]: how well a score separates positives from negatives.
//! - [`EventScores`]: how well events are detected in recordings of any length.
//!
//! Recordings of one group, such as one recorder, are not independent, so every resampling and permutation moves whole
//! groups, and fewer than [`MIN_GROUPS`] groups give no interval. Probabilities are `f32`, all arithmetic is `f64`. The inputs and a seed determine every result.
//!
//! ```
//! use metrics::{Evaluation, Predictions};
//!
//! # fn main() -> Result<(), metrics::Error> {
//! // Six recordings of five recorders; probabilities of "hungry" and "tired".
//! let labels = [0, 0, 0, 1, 1, 1];
//! let probabilities: Vec<Vec<f32>> =
//!     [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8], [0.1, 0.9]].map(Vec::from).to_vec();
//! let recorders = [0, 0, 1, 2, 3, 4];
//! let predictions = Predictions::new(2, &labels, &probabilities, &recorders)?;
//!
//! let names = ["hungry", "tired"].map(String::from);
//! let training_counts = [30, 20];
//! let seed = 7;
//! let evaluation = Evaluation::new(&predictions, &names, &training_counts, seed)?;
//! let macro_f1 = evaluation.scores.macro_f1;
//! assert!((macro_f1.value - (0.8 + 6.0 / 7.0) / 2.0).abs() < 1e-12);
//! assert!(macro_f1.interval.is_some_and(|[low, high]| low <= macro_f1.value && macro_f1.value <= high));
//! assert!((evaluation.majority.macro_f1 - 1.0 / 3.0).abs() < 1e-12); // always "hungry"
//! # Ok(())
//! # }
//! ```

mod average_precision;
mod baseline;
mod bootstrap;
mod calibration;
mod confusion;
mod detection;
mod error;
mod evaluation;
mod events;
mod groups;
mod paired;
mod permutation;
mod predictions;
mod quantile;
mod random;
mod ranks;
mod reliability;
mod scores;
mod temperature;

pub use average_precision::CurvePoint;
pub use baseline::{ChanceScores, majority_scores, stratified_random};
pub use bootstrap::{Estimate, MIN_GROUPS, RESAMPLES};
pub use calibration::{COVERAGES, Calibration, CalibrationCheck, SetCheck, SetThreshold};
pub use confusion::ConfusionMatrix;
pub use detection::{Detection, Family, FamilyDetection, RECALL, threshold_at_recall};
pub use error::Error;
pub use evaluation::{ClassEvaluation, Evaluation};
pub use events::{Collar, DetectedEvent, EventCounts, EventScores, RecordingEvents, TradeoffPoint, TrueEvent};
pub use groups::{group_ids, group_members, n_groups};
pub use paired::PairedComparison;
pub use permutation::{PERMUTATIONS, PermutationTest};
pub use predictions::{Predictions, argmax};
pub use quantile::quantile;
pub use ranks::{mid_ranks, roc_auc};
pub use reliability::{N_BINS, ReliabilityBin};
pub use scores::{SCORES_VERSION, Scores};
