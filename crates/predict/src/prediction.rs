//! The result of classifying one recording.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Options of a prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Number of classes to rank, 1 to the number of classes; other values are clamped to that range.
    pub top_k: usize,
    /// Abstain if the most probable class has a lower probability than this, 0 to 1.
    pub min_confidence: Option<f32>,
    /// Return the prediction set that contains the true class with this probability, 0 to 1, and abstain unless it has exactly one
    /// class.
    pub coverage: Option<f64>,
}

/// Classification of one recording.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Prediction {
    /// The most probable class.
    pub label: String,
    /// Probability of that class, 0 to 1.
    pub probability: f32,
    /// The most probable classes, best first.
    pub top_k: Vec<Ranked>,
    /// Probability of every class; they sum to 1.
    pub all_probs: BTreeMap<String, f32>,
    /// True if the classifier is not sure enough to decide. Absent unless a minimum confidence or a coverage was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abstains: Option<bool>,
    /// Classes that cannot be ruled out at the requested coverage, in label order; may be empty. Absent unless a coverage was
    /// requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction_set: Option<Vec<String>>,
    /// How much the recording sounds like a cry, 0 to 1. Absent if the model has no gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cry_score: Option<f32>,
    /// True if the cry score is below the model's threshold: label and probabilities are then meaningless. Absent if the
    /// model has no gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_a_cry: Option<bool>,
    /// Quality warnings for the reader, such as a silent recording.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// A class and its probability.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Ranked {
    /// Name of the class.
    pub label: String,
    /// Its probability, 0 to 1.
    pub probability: f32,
}

impl Prediction {
    /// Ranks `probabilities`, one per label. `set` holds the indices of the prediction set if `options` request one.
    pub(crate) fn new(
        labels: &[String],
        probabilities: &[f32],
        set: Option<Vec<usize>>,
        options: &Options,
        warnings: Vec<String>,
    ) -> Self {
        let mut ranked: Vec<Ranked> = labels
            .iter()
            .zip(probabilities)
            .map(|(label, probability)| Ranked { label: label.clone(), probability: *probability })
            .collect();
        let all_probs = ranked.iter().map(|r| (r.label.clone(), r.probability)).collect();
        ranked.sort_by(|a, b| b.probability.total_cmp(&a.probability)); // stable: ties stay in label order
        ranked.truncate(options.top_k.max(1));
        let (label, probability) = ranked.first().map_or((String::new(), 0.0), |r| (r.label.clone(), r.probability));
        let unsure = options.min_confidence.map(|least| probability < least);
        let undecided = set.as_ref().map(|set| set.len() != 1);
        Self {
            label,
            probability,
            top_k: ranked,
            all_probs,
            abstains: unsure.or(undecided).map(|_| unsure == Some(true) || undecided == Some(true)),
            prediction_set: set.map(|set| set.into_iter().map(|class| labels[class].clone()).collect()),
            cry_score: None,
            not_a_cry: None,
            warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(top_k: usize) -> Options {
        Options { top_k, min_confidence: None, coverage: None }
    }

    #[test]
    fn classes_are_ranked_and_top_k_is_bounded() {
        let labels = ["a", "b", "c"].map(String::from);
        for (top_k, expected) in [(0, vec!["b"]), (2, vec!["b", "a"]), (9, vec!["b", "a", "c"])] {
            let prediction = Prediction::new(&labels, &[0.2, 0.6, 0.2], None, &options(top_k), vec![]);
            assert_eq!(prediction.top_k.iter().map(|r| r.label.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!((prediction.label.as_str(), prediction.probability), ("b", 0.6));
            assert_eq!(prediction.all_probs["c"], 0.2);
            assert_eq!((prediction.abstains, prediction.prediction_set), (None, None));
        }
    }

    #[test]
    fn it_abstains_if_the_confidence_is_low_or_the_set_has_not_exactly_one_class() {
        let labels = ["a", "b", "c"].map(String::from);
        for (min_confidence, set, expected) in [
            (Some(0.5), None, Some(false)),
            (Some(0.7), None, Some(true)),
            (None, Some(vec![1]), Some(false)),
            (None, Some(vec![0, 1]), Some(true)),
            (None, Some(vec![]), Some(true)),
            (Some(0.7), Some(vec![1]), Some(true)),
            (None, None, None),
        ] {
            let options = Options { min_confidence, ..options(3) };
            let prediction = Prediction::new(&labels, &[0.2, 0.6, 0.2], set.clone(), &options, vec![]);
            assert_eq!(prediction.abstains, expected, "{min_confidence:?} {set:?}");
        }
    }
}
