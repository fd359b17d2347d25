//! `[train]`: its keys, their defaults and their checks.

use model::HeadKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::Problem;

/// Training of a trial. A logistic head is fitted in one step and has only `augmented_views` and `class_weights`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training split, 1 to 10000.
    pub epochs: usize,
    /// Recordings per step, 1 to 65536.
    pub batch_size: usize,
    /// SpecAugment views of each training recording, at most 64; each epoch draws one of them. 0 trains without augmentation,
    /// the default with YAMNet and with an ONNX file.
    pub augmented_views: usize,
    /// Train on whitened embeddings. The saved head takes plain embeddings in any case.
    pub whiten: bool,
    /// The order of the recordings in an epoch.
    pub sampler: Sampler,
    /// Weight of a class in the cross-entropy.
    pub class_weights: ClassWeights,
    /// Decoupled weight decay of AdamW, 0 to 1.
    pub weight_decay: f32,
    /// Epsilon of AdamW.
    pub adam_epsilon: f32,
    /// The learning rate over the epochs. Default: `plateau`.
    #[serde(skip_serializing_if = "Schedule::is_default")]
    pub schedule: Schedule,
    /// Factor of ReduceLROnPlateau on the validation loss, above 0 and at most 1.
    pub plateau_factor: f64,
    /// Patience of ReduceLROnPlateau: epochs without a better validation loss before the rate is reduced.
    pub plateau_patience: usize,
    /// Early stopping: epochs without a better one before a trial stops, at most 10000. Default: 0, every trial has all epochs. An
    /// epoch is better by higher validation macro-F1, then by lower validation loss.
    #[serde(skip_serializing_if = "is_zero")]
    pub patience: usize,
    /// Share of a training label that is spread over all classes, 0 to below 1, as `label_smoothing` of PyTorch's
    /// `CrossEntropyLoss`. Default: 0. The validation loss is that of the labels themselves.
    #[serde(skip_serializing_if = "is_none")]
    pub label_smoothing: f64,
}

fn is_zero(epochs: &usize) -> bool {
    *epochs == 0
}

fn is_none(share: &f64) -> bool {
    *share == 0.0
}

/// The learning rate over the epochs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// PyTorch's `ReduceLROnPlateau` on the validation loss.
    #[default]
    Plateau,
    /// From the initial rate to 0 along half a cosine over `train.epochs`, as PyTorch's `CosineAnnealingLR`.
    Cosine,
}

impl Schedule {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The order of the recordings in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Each recording once, shuffled.
    Shuffle,
    /// The same number of draws with replacement; each class has equal probability.
    Weighted,
}

/// Weight of a class in the cross-entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// `n / (n_classes · n_c)`, as scikit-learn's `class_weight="balanced"`.
    Balanced,
    /// 1 for each class.
    None,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch_size: 32,
            augmented_views: 4,
            whiten: true,
            sampler: Sampler::Shuffle,
            class_weights: ClassWeights::Balanced,
            weight_decay: 1e-4,
            adam_epsilon: 1e-8,
            plateau_factor: 0.5,
            plateau_patience: 10,
            schedule: Schedule::default(),
            patience: 0,
            label_smoothing: 0.0,
        }
    }
}

impl TrainConfig {
    /// The defaults for a kind of head.
    pub(super) fn of_head(kind: HeadKind) -> Self {
        match kind.has_epochs() {
            true => Self::default(),
            false => Self { epochs: 1, whiten: false, ..Self::default() },
        }
    }

    /// The keys that only training epoch by epoch has, and whether each has its default for a kind of head.
    fn epoch_keys(&self, kind: HeadKind) -> [(&'static str, bool); 11] {
        let default = Self::of_head(kind);
        [
            ("train.epochs", self.epochs == default.epochs),
            ("train.batch_size", self.batch_size == default.batch_size),
            ("train.whiten", self.whiten == default.whiten),
            ("train.sampler", self.sampler == default.sampler),
            ("train.weight_decay", self.weight_decay == default.weight_decay),
            ("train.adam_epsilon", self.adam_epsilon == default.adam_epsilon),
            ("train.plateau_factor", self.plateau_factor == default.plateau_factor),
            ("train.plateau_patience", self.plateau_patience == default.plateau_patience),
            ("train.schedule", self.schedule == default.schedule),
            ("train.patience", self.patience == default.patience),
            ("train.label_smoothing", self.label_smoothing == default.label_smoothing),
        ]
    }

    /// Every invalid value, for heads of a kind.
    pub(super) fn problems(&self, kind: HeadKind) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut check = |ok: bool, key: &str, message: &str| {
            if !ok {
                found.push(Problem { key: key.into(), message: message.into() });
            }
        };
        check((1..=10_000).contains(&self.epochs), "train.epochs", "must be 1 to 10000");
        check((1..=65_536).contains(&self.batch_size), "train.batch_size", "must be 1 to 65536");
        check(self.augmented_views <= 64, "train.augmented_views", "must be at most 64");
        check((0.0..=1.0).contains(&self.weight_decay), "train.weight_decay", "must be 0 to 1");
        check(self.adam_epsilon > 0.0 && self.adam_epsilon < 1.0, "train.adam_epsilon", "must be above 0 and below 1");
        check(
            self.plateau_factor > 0.0 && self.plateau_factor <= 1.0,
            "train.plateau_factor",
            "must be above 0 and at most 1",
        );
        check(self.patience <= 10_000, "train.patience", "must be at most 10000");
        check((0.0..1.0).contains(&self.label_smoothing), "train.label_smoothing", "must be 0 to below 1");
        let default = Self::default();
        for (key, is_default) in [
            ("train.plateau_factor", self.plateau_factor == default.plateau_factor),
            ("train.plateau_patience", self.plateau_patience == default.plateau_patience),
        ] {
            check(
                self.schedule == Schedule::Plateau || is_default,
                key,
                "must be left out: it belongs to train.schedule = \"plateau\"",
            );
        }
        if !kind.has_epochs() {
            for (key, is_own) in self.epoch_keys(kind) {
                check(is_own, key, &format!("must be left out: a head of the kind {kind} is fitted in one step"));
            }
        }
        found
    }
}
