//! The configuration of a run: one TOML file, every key with a default, every problem reported with its place.
//!
//! To add a key: add a field with its default here, check it in `Config::problems`, and read it where it is used.

mod settings;

use std::collections::HashSet;
use std::path::PathBuf;

use features::FeatureConfig;
use model::{Arch, Pooling, Trainable};
use serde::{Deserialize, Serialize};

pub use settings::{PLAIN_NAME, Problem, Settings, is_plain_name};

/// Everything that decides what a run computes. Its text, as resolved, is saved beside the results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// First part of the run folder's name: letters, digits, `-` and `_`.
    pub name: String,
    /// Every random draw of the run derives from it.
    pub seed: u64,
    /// Forbids both stand-ins: the synthetic corpus for missing data, another backbone for missing weights.
    pub strict: bool,
    /// Where the recordings are and how they are split.
    pub data: DataConfig,
    /// From audio to image. What the file leaves out is as the backbone's architecture has it.
    pub features: FeatureConfig,
    /// From image to embedding.
    pub backbone: BackboneConfig,
    /// How one head is trained.
    pub train: TrainConfig,
    /// The grid.
    pub sweep: SweepConfig,
    /// The gate that tells cries from all else.
    pub gate: GateConfig,
}

/// Where the recordings are and how they are split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Places to look for the folder of class folders; the first that exists is used. `${NAME}` stands for an
    /// environment variable; a place whose variable is not set is passed over.
    pub roots: Vec<String>,
    /// Licence of the recordings, for the model card.
    pub licence: Option<String>,
    /// What to do when none of `roots` exists.
    pub when_missing: WhenMissing,
    /// The stand-in corpus: how many recordings, over all classes.
    pub synthetic_recordings: usize,
    /// Spectrograms and embeddings are kept here. Safe to delete, safe to share between processes.
    pub cache: PathBuf,
    /// Where the stand-in corpus is written.
    pub synthetic: PathBuf,
    /// Go on without recordings that cannot be read. They are listed either way.
    pub skip_unreadable: bool,
    /// How to tell the recorder of a recording from its path below the root: the first group of this regular expression.
    /// Without it and `recorder_csv`, the app instance in a Donate-a-Cry file name.
    pub recorder_pattern: Option<String>,
    /// Or a CSV file with columns `path` and `recorder`.
    pub recorder_csv: Option<PathBuf>,
    /// Of several files with the same bytes use the first only.
    pub drop_duplicates: bool,
    /// Use no recording of a family (the same bytes, the same sound, or one made from the other) that has several labels.
    pub drop_contradictions: bool,
    /// Which recording is in which split.
    pub split: SplitConfig,
}

/// What a run does without data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenMissing {
    /// Make the seeded synthetic corpus, and say so.
    Synthesize,
    /// End with exit code 3.
    Fail,
}

/// Which recording is in which split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub enum SplitConfig {
    /// 60/20/20 within each class, drawn from the seed. Recordings of one baby stand on both sides, and scores flatter.
    Stratified,
    /// 60/20/20 of every class as far as groups allow: a recorder, or a family of copies, is on one side only.
    Grouped,
    /// Cross-validation: each fold is the test of a search of its own, with another fold as its validation.
    /// Their tests are scored together; the saved model comes from one more search, on everything.
    CrossValidation {
        /// 3 to 20.
        #[serde(default = "five")]
        folds: usize,
        /// How many times to deal the folds anew, 1 to 100.
        #[serde(default = "one")]
        repeats: usize,
        /// Whether a recorder, or a family of copies, is in one fold only; without that, scores flatter.
        #[serde(default = "yes")]
        grouped: bool,
    },
    /// As cross-validation, with each group as a test of its own.
    LeaveOneGroupOut,
    /// `train.csv`, `val.csv` and `test.csv` (columns `class,path,label`) in `dir`.
    Csv {
        /// `{root}` stands for the data folder in use.
        dir: String,
    },
}

fn five() -> usize {
    5
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// From image to embedding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackboneConfig {
    /// The architecture.
    pub arch: Arch,
    /// A name of `models/weights.toml`, the path of an `.onnx`, `.tflite` or `.safetensors` file, or `random`.
    pub weights: String,
    /// The same of YAMNet where it stands beside a ResNet, whose weights are `weights`.
    pub yamnet_weights: String,
    /// How YAMNet's embeddings of patches become one: `mean`, or `cry`, the default for it, mean and standard deviation of the patches,
    /// weighted by how much of a cry YAMNet itself hears in each.
    pub pooling: Pooling,
    /// What to do when the weights can neither be found nor downloaded. For YAMNet it is to fail if nothing else is said: the compact
    /// backbone hears other images.
    pub when_missing: WeightsFallback,
    /// What of the backbone each trial trains along with its head: `none`, `layer4` or `all`. The more, the slower a trial:
    /// with `none` each recording passes the backbone once for the whole sweep. With YAMNet only `none`.
    pub train: Trainable,
    /// Learning rate of the trained part at the start; it falls along with the head's.
    pub learning_rate: f64,
}

/// What a run does without pretrained weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightsFallback {
    /// The compact backbone that comes with the program, and say so.
    Compact,
    /// A backbone with seeded random weights, and say so.
    Random,
    /// End with exit code 4.
    Fail,
}

/// How one head is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training split.
    pub epochs: usize,
    /// Recordings a step.
    pub batch_size: usize,
    /// SpecAugment views of each training recording; each epoch draws one of them. 0 trains on the plain images, the default with YAMNet.
    pub augmented_views: usize,
    /// Train on whitened embeddings; the saved head takes plain ones either way. See `whitening.rs`.
    pub whiten: bool,
    /// The order of the recordings in an epoch.
    pub sampler: Sampler,
    /// Weight of a class in the cross-entropy.
    pub class_weights: ClassWeights,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f32,
    /// AdamW's epsilon.
    pub adam_epsilon: f32,
    /// ReduceLROnPlateau on the validation loss: the factor by which the learning rate falls.
    pub plateau_factor: f64,
    /// ReduceLROnPlateau: epochs without a better validation loss that are borne before the rate falls.
    pub plateau_patience: usize,
}

/// The order of the recordings in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Each recording once, shuffled.
    Shuffle,
    /// As many draws with replacement, each class equally likely.
    Weighted,
}

/// Weight of a class in the cross-entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// `n / (C n_c)`, as scikit-learn's `class_weight="balanced"`.
    Balanced,
    /// 1 for each class.
    None,
}

/// The grid: each combination is a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SweepConfig {
    /// Learning rates of the head.
    pub learning_rate: Vec<f64>,
    /// Sizes of the head's inner layer.
    pub inner: Vec<usize>,
    /// Dropout before the first linear layer, 0 to below 1.
    pub dropout: Vec<f64>,
}

/// The gate before the classes: see `gate.rs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// Whether the model gets a gate. Without one every sound is answered with a class.
    pub enabled: bool,
    /// Sounds of each kind that are no cries, made for training it. Each passes the backbone once.
    pub sounds_per_kind: usize,
    /// Whether it also hears a decoy of each training recording: what is no cry, but sounds recorded as it is.
    pub decoys: bool,
    /// L2 of its logistic regression, on standardised embeddings.
    pub ridge: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "sweep".into(),
            seed: 42,
            strict: false,
            data: DataConfig::default(),
            features: FeatureConfig::default(),
            backbone: BackboneConfig::default(),
            train: TrainConfig::default(),
            sweep: SweepConfig::default(),
            gate: GateConfig::default(),
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            roots: vec!["data/raw".into()],
            licence: None,
            when_missing: WhenMissing::Synthesize,
            synthetic_recordings: 512,
            cache: "data/cache".into(),
            synthetic: "data/synthetic".into(),
            skip_unreadable: false,
            recorder_pattern: None,
            recorder_csv: None,
            drop_duplicates: false,
            drop_contradictions: false,
            split: SplitConfig::Grouped,
        }
    }
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self {
            arch: Arch::RESNET18,
            weights: "resnet18".into(),
            yamnet_weights: "yamnet".into(),
            pooling: Pooling::Mean,
            when_missing: WeightsFallback::Compact,
            train: Trainable::None,
            learning_rate: 1e-5,
        }
    }
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
        }
    }
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self { learning_rate: vec![1e-4, 1e-3, 1e-2], inner: vec![64, 128, 256, 512], dropout: vec![0.0, 0.5, 0.8] }
    }
}

impl Default for GateConfig {
    fn default() -> Self {
        Self { enabled: true, sounds_per_kind: 16, decoys: true, ridge: 1e-3 }
    }
}

impl Settings for Config {
    /// Those for YAMNet, alone or beside a ResNet.
    fn special_defaults(&self) -> Option<Self> {
        let arch = self.backbone.arch;
        let (weights, when_missing) = match arch.has_yamnet() {
            false => return None,
            true if arch == Arch::YAMNET => ("yamnet", WeightsFallback::Fail),
            true => ("resnet18", WeightsFallback::Compact),
        };
        let features = FeatureConfig::for_inputs(&arch.input_names())?;
        let weights = weights.into();
        let backbone =
            BackboneConfig { arch, weights, pooling: Pooling::Cry, when_missing, ..BackboneConfig::default() };
        let train = TrainConfig { augmented_views: 0, ..TrainConfig::default() };
        Some(Self { features, backbone, train, ..Self::default() })
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut check = |ok: bool, key: &str, message: &str| {
            if !ok {
                found.push(Problem { key: key.into(), message: message.into() });
            }
        };
        check(is_plain_name(&self.name), "name", PLAIN_NAME);
        check(i64::try_from(self.seed).is_ok(), "seed", "must be below 2^63");
        check(
            self.backbone.learning_rate > 0.0 && self.backbone.learning_rate <= 10.0,
            "backbone.learning_rate",
            "must be above 0 and at most 10",
        );
        let (is_yamnet, has_yamnet) = (self.backbone.arch == Arch::YAMNET, self.backbone.arch.has_yamnet());
        check(
            !has_yamnet || self.backbone.train == Trainable::None,
            "backbone.train",
            "must be none: YAMNet, and what is beside it, stays frozen",
        );
        check(
            has_yamnet || self.backbone.pooling == Pooling::Mean,
            "backbone.pooling",
            "must be mean: only YAMNet has patches",
        );
        check(
            !is_yamnet || self.backbone.when_missing != WeightsFallback::Compact,
            "backbone.when_missing",
            "must be random or fail: the compact backbone cannot stand in for YAMNet",
        );
        let taken = self.backbone.arch.input_names();
        let front_ends = &self.features.front_ends;
        check(
            front_ends.len() == taken.len()
                && front_ends.iter().all(|front_end| taken.contains(&front_end.input_name())),
            "features.front_end",
            "must be yamnet or yamnet_tflite for YAMNet, image for a ResNet, image+yamnet for both; leave it out to have what fits",
        );
        check((1..=10_000).contains(&self.train.epochs), "train.epochs", "must be 1 to 10000");
        check((1..=65_536).contains(&self.train.batch_size), "train.batch_size", "must be 1 to 65536");
        check(self.train.augmented_views <= 64, "train.augmented_views", "must be at most 64");
        check((0.0..=1.0).contains(&self.train.weight_decay), "train.weight_decay", "must be 0 to 1");
        check(
            self.train.adam_epsilon > 0.0 && self.train.adam_epsilon < 1.0,
            "train.adam_epsilon",
            "must be above 0 and below 1",
        );
        check(
            self.train.plateau_factor > 0.0 && self.train.plateau_factor <= 1.0,
            "train.plateau_factor",
            "must be above 0 and at most 1",
        );
        let sweep = &self.sweep;
        check(
            !sweep.learning_rate.is_empty() && sweep.learning_rate.iter().all(|lr| *lr > 0.0 && *lr <= 10.0),
            "sweep.learning_rate",
            "one or more rates, each above 0 and at most 10",
        );
        check(
            !sweep.inner.is_empty() && sweep.inner.iter().all(|n| (1..=65_536).contains(n)),
            "sweep.inner",
            "one or more sizes, each 1 to 65536",
        );
        check(
            !sweep.dropout.is_empty() && sweep.dropout.iter().all(|p| (0.0..1.0).contains(p)),
            "sweep.dropout",
            "one or more probabilities, each 0 to below 1",
        );
        check((2..=10_000).contains(&self.gate.sounds_per_kind), "gate.sounds_per_kind", "must be 2 to 10000");
        check(self.gate.ridge > 0.0 && self.gate.ridge <= 1.0, "gate.ridge", "must be above 0 and at most 1");
        for (key, distinct) in [
            ("sweep.learning_rate", all_distinct(sweep.learning_rate.iter().map(|x| x.to_bits()))),
            ("sweep.inner", all_distinct(sweep.inner.iter().copied())),
            ("sweep.dropout", all_distinct(sweep.dropout.iter().map(|x| x.to_bits()))),
        ] {
            check(distinct, key, "names a value twice");
        }
        found.extend(self.data.problems());
        found.extend(Problem::of_table("features", self.features.validate()));
        found
    }
}

impl DataConfig {
    /// Every value that makes no sense.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut check = |ok: bool, key: &str, message: &str| {
            if !ok {
                found.push(Problem { key: format!("data.{key}"), message: message.into() });
            }
        };
        check((40..=100_000).contains(&self.synthetic_recordings), "synthetic_recordings", "must be 40 to 100000");
        check(
            self.recorder_pattern.is_none() || self.recorder_csv.is_none(),
            "recorder_csv",
            "recorder_pattern is set, too: give one of them",
        );
        if let SplitConfig::CrossValidation { folds, repeats, .. } = self.split {
            check((3..=20).contains(&folds), "split.folds", "must be 3 to 20");
            check((1..=100).contains(&repeats), "split.repeats", "must be 1 to 100");
        }
        found
    }
}

fn all_distinct<T: std::hash::Hash + Eq>(values: impl Iterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    values.into_iter().all(|value| seen.insert(value))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use features::{FrontEnd, ImageConfig, SpecAugment, YamnetConfig};

    fn load(text: &str, overrides: &[&str]) -> Result<Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let overrides: Vec<String> = overrides.iter().map(|s| (*s).to_owned()).collect();
        Config::load(file.path(), &overrides).map_err(|e| e.to_string())
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(load("", &[]).unwrap(), Config::default());
    }

    #[test]
    fn the_resolved_text_reads_back_as_the_same_configuration() {
        let config = load("[data.split]\nkind = \"csv\"\ndir = \"{root}/../splits\"\n", &["sweep.inner=[7]"]).unwrap();
        assert_eq!(load(&config.to_toml().unwrap(), &[]).unwrap(), config);
    }

    #[test]
    fn overrides_reach_nested_keys_and_bare_words_are_strings() {
        let config = load("", &["train.epochs=3", "name=mine", "features.spec_augment.probability=0"]).unwrap();
        assert_eq!((config.train.epochs, config.name.as_str()), (3, "mine"));
        assert_eq!(config.features.front_ends[0].spec_augment().probability, 0.0);
    }

    #[test]
    fn yamnet_brings_its_front_end_and_the_file_may_say_more() {
        let yamnet =
            "[backbone]\narch = \"yamnet\"\n[features]\nclip_seconds = 3.0\nspec_augment = { time_mask = 9 }\n";
        let config = load(yamnet, &["features.spec_augment.probability=0.5"]).unwrap();
        let spec_augment = SpecAugment { frequency_mask: 3, time_mask: 9, probability: 0.5 };
        let yamnet = FrontEnd::Yamnet(YamnetConfig { spec_augment, ..YamnetConfig::default() });
        assert_eq!(config.features, FeatureConfig { clip_seconds: 3.0, ..yamnet.into() });
        assert_eq!(load(&config.to_toml().unwrap(), &[]).unwrap(), config);
        let config = load("", &["backbone.arch=yamnet"]).unwrap();
        assert_eq!((config.features, config.backbone.weights.as_str()), (FeatureConfig::yamnet(), "yamnet"));
        assert_eq!((config.backbone.pooling, config.backbone.when_missing), (Pooling::Cry, WeightsFallback::Fail));
    }

    #[test]
    fn yamnet_beside_a_resnet_brings_both_front_ends() {
        let config = load("[features]\nimage_size = 112\n", &["backbone.arch=resnet18-w8+yamnet"]).unwrap();
        let mut expected = FeatureConfig::image_and_yamnet();
        expected.front_ends[0] = FrontEnd::Image(ImageConfig { image_size: 112, ..ImageConfig::default() });
        assert_eq!(config.features, expected);
        let BackboneConfig { weights, yamnet_weights, pooling, .. } = &config.backbone;
        assert_eq!((weights.as_str(), yamnet_weights.as_str(), *pooling), ("resnet18", "yamnet", Pooling::Cry));
        assert_eq!(load(&config.to_toml().unwrap(), &[]).unwrap(), config);
        let trained = load("", &["backbone.arch=resnet18+yamnet", "backbone.train=all"]).unwrap_err();
        assert!(trained.contains("backbone.train: must be none"), "{trained}");
    }

    #[test]
    fn bad_files_are_refused_with_their_place() {
        for (text, overrides, expected) in [
            ("[train]\nepoch = 3\n", vec![], vec!["line 2, column 1", "unknown field `epoch`"]),
            ("seed = \n", vec![], vec!["line 1"]),
            ("seed = -1\n", vec![], vec!["line 1, column 8"]),
            (
                "name = \"a\"\n[train]\n  epochs = 0\nbatch_size = 0\n",
                vec![],
                vec!["line 3, column 3: train.epochs", "line 4, column 1: train.batch_size"],
            ),
            ("", vec!["train.epochs=0"], vec!["train.epochs: must be 1 to 10000"]),
            ("", vec!["train.nothing=0"], vec!["--set train.nothing=0", "unknown field"]),
            ("", vec!["train.epochs"], vec!["there is no '='"]),
            ("", vec!["name.x=1", "name=2"], vec!["invalid type"]),
            ("[sweep]\ninner = [64, 64]\n", vec![], vec!["line 2, column 1: sweep.inner: names a value twice"]),
            (
                "[backbone]\narch = \"yamnet\"\ntrain = \"all\"\n[features]\nn_mels = 128\n",
                vec![],
                vec![
                    "line 3, column 1: backbone.train: must be none",
                    "line 5, column 1: features.n_mels: must be left out, not 128",
                ],
            ),
            (
                "[features]\nfront_end = \"yamnet\"\nn_mels = 65\n",
                vec!["backbone.arch=yamnet", "features.top_db=70.0"],
                vec![
                    "line 3, column 1: features.n_mels: must be left out, not 65",
                    "features.top_db: must be left out",
                ],
            ),
            (
                "[features]\nfront_end = \"image_and_yamnet\"\n",
                vec!["backbone.arch=resnet18+yamnet"],
                vec!["line 2, column 1: features.front_end: is `image_and_yamnet`", "use `image+yamnet`"],
            ),
            (
                "",
                vec!["backbone.arch=resnet18+yamnet", "features.image_size=0"],
                vec!["features.image_size: must be 32 to 1024"],
            ),
            (
                "[backbone]\narch = \"yamnet\"\nwhen_missing = \"compact\"\n",
                vec![],
                vec!["line 3, column 1: backbone.when_missing: must be random or fail"],
            ),
            ("", vec!["backbone.pooling=cry"], vec!["backbone.pooling: must be mean"]),
            (
                "[features]\nfront_end = \"yamnet\"\n",
                vec![],
                vec!["line 2, column 1: features.front_end: must be yamnet"],
            ),
            ("[features]\nhop_length = 0\n", vec![], vec!["line 2, column 1: features.hop_length: must be 1 to n_fft"]),
        ] {
            let message = load(text, &overrides).unwrap_err();
            for part in expected {
                assert!(message.contains(part), "{text:?} {overrides:?}: {message}");
            }
        }
    }
}
