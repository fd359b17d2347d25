//! The configuration of a pretraining: one TOML file, every key with a default.

use features::{FeatureConfig, WaveformAugment};
use model::Arch;
use serde::{Deserialize, Serialize};

use crate::config::{DataConfig, PLAIN_NAME, Problem, Settings, is_plain_name};

/// Everything that decides what a pretraining computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainConfig {
    /// First part of the run folder's name: letters, digits, `-` and `_`.
    pub name: String,
    /// Every random draw derives from it.
    pub seed: u64,
    /// The network.
    pub arch: Arch,
    /// Synthetic cries to hear besides the recordings: 0, or 40 to 100000.
    pub synthetic_recordings: usize,
    /// Made sounds of each of the 36 kinds that are no cries to hear besides: 0 to 1000.
    pub sounds_per_kind: usize,
    /// Whether to hear a decoy of each recording besides: what is no cry, but sounds recorded as it is.
    pub decoys: bool,
    /// The recordings. Only the training part of their split is heard.
    pub data: DataConfig,
    /// From audio to image.
    pub features: FeatureConfig,
    /// What is done to a waveform before that.
    pub augment: WaveformAugment,
    /// What the network learns.
    pub objective: Objective,
    /// How.
    pub train: PretrainTrainConfig,
}

/// What the network learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub enum Objective {
    /// To tell the classes of the recordings and the kinds of sounds; a reason of the real recordings and the same reason of the synthetic
    /// ones are two classes.
    Supervised,
    /// To give two views of a recording alike embeddings, and all embeddings spread: VICReg (Bardes, Ponce, LeCun 2022).
    Contrastive {
        /// Units of the projector behind the embedding, 8 to 4096.
        #[serde(default = "projector")]
        projector: usize,
        /// To tell a cry and each kind of made sound apart besides, with a linear layer on the embedding: weight of its cross-entropy beside
        /// VICReg's loss, 0 (not at all) to 1000. A gate needs it: views alone keep a cry and a laugh as near as two cries.
        #[serde(default)]
        kinds: f64,
    },
    /// To say what YAMNet, the teacher, makes of the same recording unchanged.
    Distil {
        /// Its weights: a name in models/weights.toml, or the path of an ONNX, TFLite or safetensors file.
        #[serde(default = "yamnet")]
        teacher: String,
    },
}

fn yamnet() -> String {
    Arch::YAMNET.to_string()
}

fn projector() -> usize {
    256
}

/// How it learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PretrainTrainConfig {
    /// Passes over the recordings.
    pub epochs: usize,
    /// Recordings a step.
    pub batch_size: usize,
    /// AdamW's learning rate at its highest. It rises for the first twentieth of the steps, then falls along a cosine to 0.
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
    /// The learning rate of a step, from 1, of `total`.
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
    /// Height and width of the images, in pixels.
    pub fn image_size(&self) -> usize {
        self.features.spectrogram().image_size
    }

    /// What was done, for reports.
    pub fn in_words(&self) -> String {
        let how = match &self.objective {
            Objective::Supervised => "to tell classes",
            Objective::Contrastive { kinds, .. } if *kinds > 0.0 => {
                "to know two views of a recording again and tell cries from kinds of sounds"
            }
            Objective::Contrastive { .. } => "to know two views of a recording again",
            Objective::Distil { .. } => "to say what YAMNet makes of the recording",
        };
        format!("pretrained {how}, {} epochs, {} px, seed {}", self.train.epochs, self.image_size(), self.seed)
    }
}

impl Settings for PretrainConfig {
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
        check(!self.arch.has_yamnet(), "arch", "must be a ResNet: YAMNet is not trained from scratch");
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
    fn the_rate_rises_then_falls_to_nothing() {
        let train = PretrainTrainConfig { learning_rate: 1.0, ..PretrainTrainConfig::default() };
        assert_eq!(train.learning_rate_at(1, 40), 0.5);
        assert_eq!(train.learning_rate_at(2, 40), 1.0);
        assert!((train.learning_rate_at(21, 40) - 0.5).abs() < 1e-12);
        assert!(train.learning_rate_at(40, 40).abs() < 1e-12);
        assert!(train.learning_rate_at(1, 1) > 0.0);
    }

    #[test]
    fn every_problem_is_told_with_its_key() {
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
