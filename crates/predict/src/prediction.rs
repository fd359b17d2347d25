//! What a classifier says of one recording.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a classifier says of one recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The most probable class.
    pub label: String,
    /// Its probability, 0 to 1.
    pub probability: f32,
    /// The most probable classes, best first.
    pub top_k: Vec<Ranked>,
    /// Every class and its probability; they sum to 1.
    pub all_probs: BTreeMap<String, f32>,
    /// What to know about the sound, such as that it is silent.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// A class and its probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// The class.
    pub label: String,
    /// Its probability, 0 to 1.
    pub probability: f32,
}

impl Prediction {
    /// Ranks `probabilities`, one for each of `labels`; `top_k` is brought to 1 up to the number of classes.
    pub fn new(labels: &[String], probabilities: &[f32], top_k: usize, warnings: Vec<String>) -> Self {
        let mut ranked: Vec<Ranked> = labels
            .iter()
            .zip(probabilities)
            .map(|(label, probability)| Ranked { label: label.clone(), probability: *probability })
            .collect();
        let all_probs = ranked.iter().map(|r| (r.label.clone(), r.probability)).collect();
        ranked.sort_by(|a, b| b.probability.total_cmp(&a.probability)); // stable: equals stay in label order
        ranked.truncate(top_k.max(1));
        let (label, probability) = ranked.first().map_or((String::new(), 0.0), |r| (r.label.clone(), r.probability));
        Self { label, probability, top_k: ranked, all_probs, warnings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ranked_and_top_k_is_bounded() {
        let labels = ["a", "b", "c"].map(String::from);
        for (top_k, expected) in [(0, vec!["b"]), (2, vec!["b", "a"]), (9, vec!["b", "a", "c"])] {
            let prediction = Prediction::new(&labels, &[0.2, 0.6, 0.2], top_k, vec![]);
            assert_eq!(prediction.top_k.iter().map(|r| r.label.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!((prediction.label.as_str(), prediction.probability), ("b", 0.6));
            assert_eq!(prediction.all_probs["c"], 0.2);
        }
    }
}
