//! The YAML at the top of a model card, which the Hugging Face Hub reads
//! (<https://huggingface.co/docs/hub/model-cards#model-card-metadata>).

use experiment::Report;
use serde_json::json;

/// What the Hub is told of a model that its run does not know.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HubMetadata {
    /// Licence of the model, an identifier of the Hub such as `cc-by-4.0`; absent: `other`.
    pub licence: Option<String>,
    /// Name of a licence that is `other`.
    pub licence_name: Option<String>,
    /// Address of its text.
    pub licence_link: Option<String>,
    /// Data sets of the Hub that the model was trained on, such as `user/name`.
    pub datasets: Vec<String>,
}

impl HubMetadata {
    /// The YAML of the model `name`, between its lines of dashes; with scores if they are those of `tested`, the report's best trial.
    pub(super) fn yaml(&self, name: &str, tested: Option<&Report>) -> String {
        let line = |key: &str, value: &Option<String>| match value {
            Some(value) => format!("{key}: {}\n", quoted(value)),
            None => String::new(),
        };
        let mut text = format!("---\nlicense: {}\n", self.licence.as_deref().map_or("other".into(), quoted));
        text += &line("license_name", &self.licence_name);
        text += &line("license_link", &self.licence_link);
        text += "library_name: wail\npipeline_tag: audio-classification\ntags:\n- baby-cry\n- audio-classification\n- onnx\n";
        text += "metrics:\n- f1\n- accuracy\n";
        if !self.datasets.is_empty() {
            text += "datasets:\n";
            self.datasets.iter().for_each(|id| text += &format!("- {}\n", quoted(id)));
        }
        if let Some(report) = tested {
            text += &self.model_index(name, report);
        }
        text + "---\n\n"
    }

    /// The tested scores.
    fn model_index(&self, name: &str, report: &Report) -> String {
        let folder = report.data.root.rsplit('/').find(|part| !part.is_empty()).unwrap_or("recordings");
        let dataset = self.datasets.first().map_or(folder, String::as_str);
        let scores = &report.test.scores;
        let metric = |kind: &str, name: &str, value: f64| {
            format!("    - type: {kind}\n      name: {}\n      value: {value:.4}\n", quoted(name))
        };
        format!(
            "model-index:\n- name: {}\n  results:\n  - task:\n      type: audio-classification\n    dataset:\n      type: {}\n      name: {}\n      \
             split: test\n    metrics:\n{}{}",
            quoted(name),
            quoted(dataset),
            quoted(&format!("{folder}, {}", report.data.split)),
            metric("f1", "macro-F1", scores.macro_f1.value),
            metric("accuracy", "accuracy", scores.accuracy.value),
        )
    }
}

/// A text as a YAML scalar: JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::example;

    #[test]
    fn scores_licence_and_data_sets_are_in_the_form_of_the_hub() {
        let metadata = HubMetadata {
            licence: None,
            licence_name: Some("odbl \"1.0\"".into()),
            licence_link: Some("https://example.org/odbl".into()),
            datasets: vec!["someone/cries".into()],
        };
        insta::assert_snapshot!(metadata.yaml("tiny", Some(&example())));
    }

    #[test]
    fn a_model_that_was_not_tested_has_no_scores() {
        let text = HubMetadata { licence: Some("mit".into()), ..HubMetadata::default() }.yaml("tiny", None);
        assert!(text.starts_with("---\nlicense: \"mit\"\nlibrary_name") && !text.contains("model-index"), "{text}");
    }
}
