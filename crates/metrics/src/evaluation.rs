//! The full evaluation of a classifier on one split.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bootstrap::{Estimate, estimates};
use crate::scores::{Scorer, Scores};
use crate::{
    ChanceScores, ConfusionMatrix, CurvePoint, Error, PermutationTest, Predictions, ReliabilityBin, majority_scores,
    stratified_random,
};

/// Largest number of points of a precision-recall curve.
const MAX_CURVE_POINTS: usize = 200;

/// The evaluation of one split. Undefined values are `None`, `null` in JSON; nothing is NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Number of recordings.
    pub n_examples: usize,
    /// Number of groups they come from; every interval resamples the groups.
    pub n_groups: usize,
    /// The scores with their intervals.
    pub scores: Scores<Estimate>,
    /// Scores of always predicting the class shares in training; see [`majority_scores`].
    pub majority: Scores<f64>,
    /// Expected scores of random answers; see [`stratified_random`].
    pub stratified_random: ChanceScores,
    /// Test of macro-F1 against permuted labels.
    pub permutation: PermutationTest,
    /// Scores of each class, `[n_classes]`.
    pub classes: Vec<ClassEvaluation>,
    /// Counts `[true class][predicted class]`.
    pub confusion: ConfusionMatrix,
    /// The reliability diagram, lowest bin first.
    pub reliability: Vec<ReliabilityBin>,
}

/// One class on one split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassEvaluation {
    /// Name of the class.
    pub label: String,
    /// Number of examples of the class.
    pub support: usize,
    /// Share of the examples predicted as the class that belong to it, 0 to 1; `None` if none was predicted.
    pub precision: Option<Estimate>,
    /// Share of the examples of the class that were predicted as it, 0 to 1; `None` without an example.
    pub recall: Option<Estimate>,
    /// `2 hits / (support + predicted)`, 0 to 1; 0 if both counts are 0.
    pub f1: Estimate,
    /// Average precision, 0 to 1; `None` without an example.
    pub average_precision: Option<Estimate>,
    /// The precision-recall curve, highest threshold first; thinned evenly to 200 points, with both ends.
    pub curve: Vec<CurvePoint>,
}

impl Evaluation {
    /// Evaluates `predictions`. `labels` are the class names and `training_counts` the numbers of training examples per
    /// class, both `[n_classes]`. `seed` determines the resamples and permutations.
    ///
    /// # Errors
    /// [`Error::Length`] if `labels` or `training_counts` has a different length.
    pub fn new(
        predictions: &Predictions,
        labels: &[String],
        training_counts: &[usize],
        seed: u64,
    ) -> Result<Self, Error> {
        let expected = predictions.n_classes();
        for (what, found) in [("class names", labels.len()), ("training counts", training_counts.len())] {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_are_thinned_evenly_with_both_ends() {
        let points = |n: usize| -> Vec<CurvePoint> {
            (0..n).map(|i| CurvePoint { recall: i as f64, precision: 0.0, threshold: 0.0 }).collect()
        };
        for n in [0, 1, MAX_CURVE_POINTS] {
            assert_eq!(thinned(points(n)), points(n), "{n}");
        }
        let recalls: Vec<f64> = thinned(points(399)).iter().map(|point| point.recall).collect();
        assert_eq!(recalls, (0..200).map(|i| f64::from(2 * i)).collect::<Vec<_>>());
        let few_more = thinned(points(201));
        assert_eq!((few_more.len(), few_more[199].recall), (200, 200.0));
    }

    #[test]
    fn names_and_training_counts_are_needed_for_each_class() {
        let predictions = Predictions::new(2, &[0], &[vec![0.5, 0.5]], &[0]).unwrap();
        let evaluate = |n_names: usize, counts: &[usize]| {
            Evaluation::new(&predictions, &vec![String::new(); n_names], counts, 1).map(|found| found.majority.macro_f1)
        };
        // Without a training recording every class is equally likely, and the first is predicted.
        assert_eq!(evaluate(2, &[0, 0]), Ok(0.5));
        assert_eq!(evaluate(2, &[0, 9]), Ok(0.0));
        let error = |what, found| Err(Error::Length { what, found, expected: 2 });
        assert_eq!(evaluate(3, &[1, 1]), error("class names", 3));
        assert_eq!(evaluate(2, &[1]), error("training counts", 1));
    }
}
