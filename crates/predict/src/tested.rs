//! How well a model did on test, according to its own file.

use metrics::Estimate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Scores of a model on recordings that it was not trained on. `wail export` writes them into the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tested {
    /// Number of test recordings.
    pub n_recordings: usize,
    /// Share of recordings with the correct class, 0 to 1, and its 95 % interval.
    pub accuracy: Estimate,
    /// Mean F1 over all classes, 0 to 1, and its 95 % interval.
    pub macro_f1: Estimate,
    /// Accuracy of always answering with the largest class of training, 0 to 1.
    pub majority_accuracy: f64,
    /// Macro-F1 of the same answers, 0 to 1.
    pub majority_macro_f1: f64,
    /// What a reader must know before the scores, such as synthetic recordings; often empty.
    pub warnings: Vec<String>,
}

impl Tested {
    /// Where the provenance of a model holds them.
    const KEY: &str = "tested";

    /// The scores in the provenance of a model; `None` if it has none, as in files exported by older versions.
    pub(crate) fn read(provenance: &Value) -> Option<Self> {
        Self::deserialize(provenance.get(Self::KEY)?).ok()
    }

    /// Adds the scores to the provenance of a model, an object.
    pub fn write(&self, provenance: &mut Value) {
        if let Some(provenance) = provenance.as_object_mut() {
            provenance.insert(Self::KEY.into(), serde_json::json!(self));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scores_are_read_as_written_and_other_files_have_none() {
        let estimate = |value| Estimate { value, interval: Some([0.1, 0.9]) };
        let tested = Tested {
            n_recordings: 104,
            accuracy: estimate(0.5),
            macro_f1: Estimate { value: 0.25, interval: None },
            majority_accuracy: 0.75,
            majority_macro_f1: 0.125,
            warnings: vec!["The recordings are synthetic.".into()],
        };
        let mut provenance = json!({"seed": 42});
        assert_eq!(Tested::read(&provenance), None);
        tested.write(&mut provenance);
        assert_eq!((Tested::read(&provenance), &provenance["seed"]), (Some(tested), &json!(42)));
        for other in [json!(null), json!("text"), json!({"tested": {"n_recordings": -1}})] {
            assert_eq!(Tested::read(&other), None, "{other}");
        }
    }
}
