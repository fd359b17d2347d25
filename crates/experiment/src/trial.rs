//! A trial: its settings, its epochs and its result.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use metrics::Calibration;
use model::{HeadConfig, HeadKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Scored, Setting, TrialSettings, hash};

/// Name of the learning rate among the axes of a search.
const LEARNING_RATE: &str = "learning_rate";

/// Longest name of a trial that consists of its settings, bytes: names of files have at most 255.
const LONGEST_ID: usize = 200;

/// One point of the search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialConfig {
    /// Initial learning rate of the head; absent for a head that is fitted in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// The head's hyperparameters.
    pub head: HeadConfig,
    /// Other keys of the configuration that the search sets, with their dotted names; all else is as in the run's configuration.
    #[serde(default, skip_serializing_if = "TrialSettings::is_empty")]
    pub settings: TrialSettings,
}

impl TrialConfig {
    /// A trial that sets no other keys.
    pub fn new(learning_rate: Option<f64>, head: HeadConfig) -> Self {
        Self { learning_rate, head, settings: TrialSettings::new() }
    }

    /// Name and value of each axis of its search: the learning rate, if the head has one, its hyperparameters, and other keys.
    pub fn axes(&self) -> Vec<(&str, Setting)> {
        let of_head = self.of_head().into_iter().map(|(name, value)| (name, Setting::Number(value)));
        let of_keys = self.settings.iter().map(|(key, value)| (key.as_str(), value.clone()));
        of_head.chain(of_keys).collect()
    }

    /// Its value on the axis called `name`, if it has one.
    pub fn axis(&self, name: &str) -> Option<Setting> {
        self.axes().into_iter().find(|(axis, _)| *axis == name).map(|(_, value)| value)
    }

    fn of_head(&self) -> Vec<(&'static str, f64)> {
        let learning_rate = self.learning_rate.map(|rate| (LEARNING_RATE, rate));
        learning_rate.into_iter().chain(self.head.values()).collect()
    }

    /// Name of the trial, and of its folder. It consists of the settings, so that a larger search reuses the trials of a smaller
    /// one.
    pub fn id(&self) -> String {
        let short = |name| if name == LEARNING_RATE { "lr" } else { name };
        let of_head = self.of_head().into_iter().map(|(name, value)| format!("{}{value}", short(name)));
        let of_keys = self.settings.iter().map(|(key, value)| format!("{key}={}", in_a_name(&value.to_string())));
        let kind = Some(self.head.kind()).filter(|kind| *kind != HeadKind::Mlp);
        let parts = kind.map(|kind| kind.to_string()).into_iter().chain(of_head).chain(of_keys);
        let id = parts.collect::<Vec<_>>().join("-");
        match id.char_indices().nth(LONGEST_ID) {
            Some((end, _)) => format!("{}-{}", &id[..end], hash::short(&id)),
            None => id,
        }
    }

    /// Orders trials by kind of head, then by each axis of the head, then by other keys.
    pub fn order(&self, other: &Self) -> Ordering {
        let (axes, others) = (self.of_head(), other.of_head());
        let by_axes = axes.iter().zip(&others).map(|((_, one), (_, other))| one.total_cmp(other));
        let of_head = self.head.kind().cmp(&other.head.kind()).then(by_axes.fold(Ordering::Equal, Ordering::then));
        let keys = self.settings.iter().zip(&other.settings);
        let by_keys = keys.map(|((one, value), (other, other_value))| one.cmp(other).then(value.order(other_value)));
        let of_keys = by_keys.fold(Ordering::Equal, Ordering::then);
        of_head.then(of_keys).then(self.settings.len().cmp(&other.settings.len()))
    }
}

/// The names of all axes of `trials`: those of heads, then other keys by alphabet.
pub fn axis_names<'a>(trials: impl Iterator<Item = &'a TrialConfig> + Clone) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in trials.clone().flat_map(TrialConfig::of_head) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    let keys: BTreeSet<&String> = trials.flat_map(|trial| trial.settings.keys()).collect();
    names.into_iter().chain(keys.into_iter().cloned()).collect()
}

/// `text` as a part of a file's name: what such a name may not hold becomes `_`, and a hash keeps it distinct.
fn in_a_name(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    match text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("{}_{}", text.replace(|c| !is_plain(c), "_"), hash::short(text)),
    }
}

/// A row of `epochs.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Learning rate of the epoch; 0 for a head that is fitted in one step.
    pub learning_rate: f64,
    /// Mean weighted cross-entropy per training example.
    pub train_loss: f64,
    /// Weighted cross-entropy on validation.
    pub val_loss: f64,
    /// Macro-F1 on validation.
    pub val_macro_f1: f64,
}

impl Epoch {
    /// Orders epochs, best first: by higher validation macro-F1, then by lower validation loss.
    pub fn rank(&self, other: &Self) -> Ordering {
        other.val_macro_f1.total_cmp(&self.val_macro_f1).then(self.val_loss.total_cmp(&other.val_loss))
    }
}

/// The result of a trained trial. Its checkpoint is in the trial's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// Every epoch.
    pub epochs: Vec<Epoch>,
    /// Index of the chosen epoch.
    pub best: usize,
    /// Validation recordings with the probabilities of the chosen epoch. Shared, since they are the largest part of a result.
    pub val: Arc<Scored>,
    /// Calibration fitted on `val`.
    pub calibration: Calibration,
}

impl TrialResult {
    /// The chosen epoch.
    pub fn chosen(&self) -> &Epoch {
        &self.epochs[self.best]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_and_axes_follow_the_kind_of_head() {
        let mlp = TrialConfig::new(Some(1e-3), HeadConfig::mlp(16, 0.5));
        assert_eq!(mlp.id(), "lr0.001-inner16-dropout0.5");
        let number = Setting::Number;
        assert_eq!(mlp.axes(), [("learning_rate", number(0.001)), ("inner", number(16.0)), ("dropout", number(0.5))]);
        let logistic = TrialConfig::new(None, HeadConfig::logistic(0.01));
        assert_eq!((logistic.id().as_str(), logistic.axes()), ("logistic-c0.01", vec![("c", number(0.01))]));
        let settings = [("train.patience", Setting::Integer(3)), ("train.schedule", Setting::Text("cosine".into()))];
        let settings = TrialSettings::from(settings.map(|(key, value)| (key.to_owned(), value)));
        let with_keys = TrialConfig { settings, ..logistic.clone() };
        assert_eq!(with_keys.id(), "logistic-c0.01-train.patience=3-train.schedule=cosine");
        assert_eq!(with_keys.axis("train.patience"), Some(Setting::Integer(3)));
        assert_eq!(axis_names([&logistic, &with_keys].into_iter()), ["c", "train.patience", "train.schedule"]);
        for (trial, text) in [
            (
                with_keys,
                r#"{"head":{"kind":"logistic","c":0.01},"settings":{"train.patience":3,"train.schedule":"cosine"}}"#,
            ),
            (mlp, r#"{"learning_rate":0.001,"head":{"inner":16,"dropout":0.5}}"#),
            (logistic, r#"{"head":{"kind":"logistic","c":0.01}}"#),
        ] {
            assert_eq!(serde_json::to_string(&trial).unwrap(), text);
            assert_eq!(serde_json::from_str::<TrialConfig>(text).unwrap(), trial);
        }
    }

    #[test]
    fn names_are_distinct_and_fit_a_file_system() {
        let with = |key: &str, value: Setting| {
            let settings = TrialSettings::from([(key.to_owned(), value)]);
            TrialConfig { settings, ..TrialConfig::new(None, HeadConfig::logistic(1.0)) }.id()
        };
        let text = |value: &str| with("features.front_end", Setting::Text(value.into()));
        let long = "x".repeat(300);
        let ids = [text("a/b"), text("a_b"), text("a b"), text(&long), text(&format!("{long}x")), text("../..")];
        for (index, id) in ids.iter().enumerate() {
            assert!(id.len() <= 255 && !id.contains(['/', ' ']), "{id}");
            assert!(!ids[..index].contains(id), "{id}");
        }
    }

    #[test]
    fn trials_are_ordered_by_each_axis_in_turn() {
        let trial = |rate, inner, dropout| TrialConfig::new(Some(rate), HeadConfig::mlp(inner, dropout));
        let with = |key: &str, value| {
            let settings = TrialSettings::from([(key.to_owned(), Setting::Integer(value))]);
            TrialConfig { settings, ..trial(1.0, 8, 0.0) }
        };
        let ordered = [
            trial(0.1, 8, 0.0),
            trial(0.1, 8, 0.5),
            trial(0.1, 16, 0.0),
            trial(1.0, 8, 0.0),
            with("seed", 2),
            with("seed", 10),
            with("train.patience", 1),
        ];
        for (index, one) in ordered.iter().enumerate() {
            for (other_index, other) in ordered.iter().enumerate() {
                assert_eq!(one.order(other), index.cmp(&other_index));
            }
        }
    }
}
