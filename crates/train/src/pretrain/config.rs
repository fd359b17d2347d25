//! The configuration of a pretraining: one TOML file, every key with a default.

use std::path::PathBuf;

use dataset::count;
use features::{FeatureConfig, WaveformAugment};
use model::{Arch, NetworkArch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{DataConfig, PLAIN_NAME, Problem, Settings, is_plain_name};

/// Configuration of a pretraining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainConfig {
    /// First part of the run folder's name: letters, digits, `-` and `_`.
    pub name: String,
    /// Seed of every random draw.
    pub seed: u64,
    /// Architecture of the network.
    pub arch: Arch,
    /// Synthetic cries to add to the recordings: 0, or 40 to 100000.
    pub synthetic_recordings: usize,
    /// Synthetic sounds to add of each of the 36 kinds that are not cries: 0 to 1000.
    pub sounds_per_kind: usize,
    /// Whether to add a decoy of each recording: the recording with its cry removed.
    pub decoys: bool,
    /// Folders of real sounds that are not cries, in a sub-folder for each kind. At most the length of a clip is used of each.
    pub other_sounds: Vec<PathBuf>,
    /// The recordings. Only the training part of their split is used.
    pub data: DataConfig,
    /// Front end, from audio to image.
    pub features: FeatureConfig,
    /// Augmentation of the waveform before the front end.
    pub augment: WaveformAugment,
    /// Objective of the training.
    pub objective: Objective,
    /// Optimisation.
    pub train: PretrainTrainConfig,
}

/// Objective of a pretraining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub enum Objective {
    /// Classifies the recordings and the kinds of sounds. A class of the real recordings and the same class of the synthetic
    /// ones are two classes.
    Supervised,
    /// Gives two views of a recording similar embeddings, and all embeddings variance: VICReg (Bardes, Ponce, LeCun 2022).
    Contrastive {
        /// Units of the projector behind the embedding, 8 to 4096.
        #[serde(default = "projector")]
        projector: usize,
        /// Weight of an additional cross-entropy that classifies cries and kinds of synthetic sounds with a linear layer on the
        /// embedding, 0 (off) to 1000. A gate needs it: views alone leave a cry and a laugh as close as two cries.
        #[serde(default)]
        kinds: f64,
    },
    /// Predicts the embedding that YAMNet, the teacher, gives the recording without augmentation, and whether its highest score for
    /// crying in any patch is that of a cry.
    Distil {
        /// Weights of the teacher: a name in models/weights.toml, or the path of an ONNX, TFLite or safetensors file.
        #[serde(default = "yamnet")]
        teacher: String,
        /// Weight of the binary cross-entropy for crying beside the mean squared error of the standardised embedding, 0 to 1000.
        #[serde(default = "cry")]
        cry: f64,
    },
}

fn yamnet() -> String {
    Arch::YAMNET.to_string()
}

fn projector() -> usize {
    256
}

fn cry() -> f64 {
    1.0
}

/// Optimisation of a pretraining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainTrainConfig {
    /// Passes over the recordings.
    pub epochs: usize,
    /// Recordings per step.
    pub batch_size: usize,
    /// Peak learning rate of AdamW: linear warm-up over the first twentieth of the steps, then cosine decay to 0.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f32,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        Self {
            name: "pretrain".into(),
            seed: 42,
            arch: Arch::RESNET18_W16,
            synthetic_recordings: 1024,
            sounds_per_kind: 0,
            decoys: false,
            other_sounds: vec![],
            data: DataConfig::default(),
            features: FeatureConfig::default(),
            augment: WaveformAugment::default(),
            objective: Objective::Supervised,
            train: PretrainTrainConfig::default(),
        }
    }
}

impl Default for PretrainTrainConfig {
    fn default() -> Self {
        Self { epochs: 40, batch_size: 64, learning_rate: 2e-3, weight_decay: 1e-2 }
    }
}

impl PretrainTrainConfig {
    /// The learning rate of `step`, from 1, of `total` steps.
    pub fn learning_rate_at(&self, step: usize, total: usize) -> f64 {
        let rise = (total / 20).max(1);
        if step <= rise {
            return self.learning_rate * step as f64 / rise as f64;
        }
        let gone = (step - rise) as f64 / (total - rise).max(1) as f64;
        self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * gone).cos())
    }
}

impl PretrainConfig {
    /// The configuration without the paths of recordings, sounds and teacher, whose contents are known otherwise.
    pub fn without_paths(&self) -> Self {
        let objective = match &self.objective {
            Objective::Distil { cry, .. } => Objective::Distil { teacher: yamnet(), cry: *cry },
            other => other.clone(),
        };
        Self { data: self.data.without_paths(), other_sounds: vec![], objective, ..self.clone() }
    }

    /// Height and width of the images, in pixels.
    pub fn image_size(&self) -> usize {
        self.features.spectrogram().image_size
    }

    /// Description for reports.
    pub fn in_words(&self) -> String {
        let how = match &self.objective {
            Objective::Supervised => "to classify",
            Objective::Contrastive { kinds, .. } if *kinds > 0.0 => {
                "to recognise two views of a recording and tell cries from kinds of sounds"
            }
            Objective::Contrastive { .. } => "to recognise two views of a recording",
            Objective::Distil { .. } => "to predict YAMNet's embedding and score for crying",
        };
        format!("pretrained {how}, {}, {} px, seed {}", count(self.train.epochs, "epoch"), self.image_size(), self.seed)
    }
}

impl Settings for PretrainConfig {
    const COMMAND: &str = "wail pretrain --config FILE";

    fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut check = |ok: bool, key: &str, message: &str| {
            if !ok {
                found.push(Problem { key: key.into(), message: message.into() });
            }
        };
        let train = &self.train;
        check(is_plain_name(&self.name), "name", PLAIN_NAME);
        check(i64::try_from(self.seed).is_ok(), "seed", "must be below 2^63");
        let is_resnet = self.arch.networks().all(|network| matches!(network, NetworkArch::ResNet(_)));
        check(is_resnet, "arch", "must be a ResNet: other networks are not trained from scratch");
        check(
            self.features.image().is_some() && self.features.front_ends.len() == 1,
            "features.front_end",
            "must be image, the input of a ResNet",
        );
        check(
            self.synthetic_recordings == 0 || (40..=100_000).contains(&self.synthetic_recordings),
            "synthetic_recordings",
            "must be 0, or 40 to 100000",
        );
        check(self.sounds_per_kind <= 1000, "sounds_per_kind", "must be at most 1000");
        if let Objective::Contrastive { projector, kinds } = self.objective {
            check((8..=4096).contains(&projector), "objective.projector", "must be 8 to 4096");
            check((0.0..=1000.0).contains(&kinds), "objective.kinds", "must be 0 to 1000");
            check(
                kinds == 0.0 || self.sounds_per_kind > 0 || self.decoys,
                "objective.kinds",
                "needs sounds_per_kind or decoys",
            );
        }
        if let Objective::Distil { cry, .. } = self.objective {
            check((0.0..=1000.0).contains(&cry), "objective.cry", "must be 0 to 1000");
        }
        check((1..=10_000).contains(&train.epochs), "train.epochs", "must be 1 to 10000");
        check((2..=4096).contains(&train.batch_size), "train.batch_size", "must be 2 to 4096");
        check(
            train.learning_rate > 0.0 && train.learning_rate <= 10.0,
            "train.learning_rate",
            "must be above 0 and at most 10",
        );
        check((0.0..=1.0).contains(&train.weight_decay), "train.weight_decay", "must be 0 to 1");
        found.extend(self.data.problems());
        found.extend(Problem::of_table("features", self.features.validate()));
        found.extend(Problem::of_table("augment", self.augment.validate()));
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_zero() {
        let train = PretrainTrainConfig { learning_rate: 1.0, ..PretrainTrainConfig::default() };
        assert_eq!(train.learning_rate_at(1, 40), 0.5);
        assert_eq!(train.learning_rate_at(2, 40), 1.0);
        assert!((train.learning_rate_at(21, 40) - 0.5).abs() < 1e-12);
        assert!(train.learning_rate_at(40, 40).abs() < 1e-12);
        assert!(train.learning_rate_at(1, 1) > 0.0);
    }

    #[test]
    fn every_problem_is_reported_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pretrain.toml");
        let text = "synthetic_recordings = 7\n[objective]\nkind = \"contrastive\"\nprojector = 1\n[augment]\nprobability = 2\n";
        std::fs::write(&path, text).unwrap();
        let message = PretrainConfig::load(&path, &["train.batch_size=1".into()]).unwrap_err().to_string();
        for part in ["line 1", "line 4, column 1: objective.projector", "augment.probability", "train.batch_size"] {
            assert!(message.contains(part), "{message}");
        }
        std::fs::write(&path, "").unwrap();
        let default = PretrainConfig::load(&path, &[]).unwrap();
        assert_eq!(default, PretrainConfig::default());
        std::fs::write(&path, default.to_toml().unwrap()).unwrap();
        assert_eq!(PretrainConfig::load(&path, &[]).unwrap(), default);
    }
}
