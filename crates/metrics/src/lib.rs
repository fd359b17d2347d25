//! Scores of a classifier, and how far to trust them.
//!
//! [`Predictions`] hold what was predicted, what was true, and which recordings belong together. [`Evaluation`] is all
//! that is said of one split: scores with intervals beside baselines, a test against chance, per-class scores, the
//! confusion matrix, reliability and precision-recall curves. [`PairedComparison`] compares two classifiers on the same
//! recordings. [`Calibration`] mends probabilities and gives prediction sets. [`Detection`] says how well a score tells what is to be
//! found from all else.
//!
//! Recordings of one group, such as one recorder, are not independent: whatever resamples or permutes here moves whole
//! groups. Probabilities come as `f32`, all arithmetic is in `f64`. Everything is decided by its inputs and a seed.

mod average_precision;
mod baseline;
mod bootstrap;
mod calibration;
mod confusion;
mod detection;
mod error;
mod evaluation;
mod paired;
mod permutation;
mod predictions;
mod random;
mod reliability;
mod scores;
mod temperature;

pub use average_precision::CurvePoint;
pub use baseline::{ChanceScores, majority_class, majority_scores, stratified_random};
pub use bootstrap::{Estimate, RESAMPLES};
pub use calibration::{COVERAGES, Calibration, CalibrationCheck, SetCheck, SetThreshold};
pub use confusion::ConfusionMatrix;
pub use detection::{Detection, Family, FamilyDetection, RECALL, threshold_at_recall};
pub use error::Error;
pub use evaluation::{ClassEvaluation, Evaluation};
pub use paired::PairedComparison;
pub use permutation::{PERMUTATIONS, PermutationTest};
pub use predictions::{Predictions, argmax, group_ids};
pub use reliability::{N_BINS, ReliabilityBin};
pub use scores::Scores;
