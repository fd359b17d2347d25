//! All that is said of a classifier on one split.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bootstrap::{Estimate, estimates};
use crate::scores::{Scorer, Scores};
use crate::{
    ChanceScores, ConfusionMatrix, CurvePoint, Error, PermutationTest, Predictions, ReliabilityBin, majority_scores,
    stratified_random,
};

/// Points kept of a precision-recall curve.
const MAX_CURVE_POINTS: usize = 200;

/// The evaluation of one split. What is undefined is `None`, and `null` in JSON; nothing is NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Recordings scored.
    pub n_examples: usize,
    /// Groups they come from; every interval resamples these.
    pub n_groups: usize,
    /// The scores with their intervals.
    pub scores: Scores<Estimate>,
    /// What always giving training's class shares scores; see [`majority_scores`].
    pub majority: Scores<f64>,
    /// What answers drawn at random score on average; see [`stratified_random`].
    pub stratified_random: ChanceScores,
    /// Macro-F1 against permuted labels.
    pub permutation: PermutationTest,
    /// Scores of each class.
    pub classes: Vec<ClassEvaluation>,
    /// Counts `[true][predicted]`.
    pub confusion: ConfusionMatrix,
    /// The reliability diagram.
    pub reliability: Vec<ReliabilityBin>,
}

/// One class on one split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassEvaluation {
    /// The class.
    pub label: String,
    /// Examples of the class.
    pub support: usize,
    /// Of those predicted as the class, the share that is; `None` if none was predicted.
    pub precision: Option<Estimate>,
    /// Of those in the class, the share that was found; `None` if there is none.
    pub recall: Option<Estimate>,
    /// `2 hits / (support + predicted)`; 0 if both counts are 0.
    pub f1: Estimate,
    /// Average precision; `None` if there is no example.
    pub average_precision: Option<Estimate>,
    /// The precision-recall curve, highest threshold first; of more than 200 points, an even choice with both ends.
    pub curve: Vec<CurvePoint>,
}

impl Evaluation {
    /// Evaluates. `labels` names the classes, `training_counts` counts their training examples, both `[n_classes]`.
    ///
    /// # Errors
    /// [`Error::Length`] if one of these has another length.
    pub fn new(
        predictions: &Predictions,
        labels: &[String],
        training_counts: &[usize],
        seed: u64,
    ) -> Result<Self, Error> {
        let expected = predictions.n_classes();
        for (what, found) in [("names of classes", labels.len()), ("training counts", training_counts.len())] {
            if found != expected {
                return Err(Error::Length { what, found, expected });
            }
        }
        let scorer = Scorer::new(predictions);
        let (scores, class_estimates) = estimates(predictions, &scorer, seed);
        let confusion = scorer.confusion(&vec![1; predictions.labels().len()]);
        let classes = class_estimates.into_iter().enumerate().map(|(class, estimates)| ClassEvaluation {
            label: labels[class].clone(),
            support: confusion.support(class),
            precision: estimates.precision,
            recall: estimates.recall,
            f1: estimates.f1,
            average_precision: estimates.average_precision,
            curve: thinned(scorer.rankings()[class].curve()),
        });
        Ok(Self {
            n_examples: predictions.labels().len(),
            n_groups: predictions.groups().len(),
            scores,
            majority: majority_scores(predictions, training_counts),
            stratified_random: stratified_random(predictions, training_counts),
            permutation: PermutationTest::new(predictions, seed),
            classes: classes.collect(),
            confusion,
            reliability: scorer.reliability().bins(),
        })
    }
}

fn thinned(points: Vec<CurvePoint>) -> Vec<CurvePoint> {
    if points.len() <= MAX_CURVE_POINTS {
        return points;
    }
    (0..MAX_CURVE_POINTS).map(|i| points[i * (points.len() - 1) / (MAX_CURVE_POINTS - 1)]).collect()
}
