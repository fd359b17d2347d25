//! The configuration of a sweep: one TOML file, every key with a default, every problem reported with line and column.
//!
//! To add a key: add a field with its default here, check it in `Config::problems`, and read it where it is used.

mod axis;
pub mod built_in;
mod corpora;
mod data;
pub(crate) mod differences;
mod encoder_input;
mod evaluation;
mod head;
mod key_axes;
pub mod reference;
mod settings;
mod sweep;
mod swept;
mod swept_keys;
mod train;

use features::FeatureConfig;
use model::{Arch, FrozenOutput, Pooling, Trainable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Source;
pub use axis::{Axis, Range};
pub use corpora::{CorpusConfig, CorpusSource};
pub use data::{DataConfig, SplitConfig, WhenMissing};
pub use encoder_input::{EncoderInput, InputKind, NO_INPUT, NormaliseKind};
pub use evaluation::EvaluationConfig;
pub use head::HeadChoice;
pub use settings::{PLAIN_NAME, Problem, Settings, is_plain_name};
pub use sweep::{Strategy, SweepConfig};
pub(crate) use swept_keys::decides_embeddings;
pub use train::{ClassWeights, Sampler, Schedule, TrainConfig};

/// Configuration of a sweep. The resolved configuration is saved with the results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// First part of the run folder's name: letters, digits, `-` and `_`.
    pub name: String,
    /// Seed of every random draw of the run.
    pub seed: u64,
    /// Forbids both fallbacks: the synthetic corpus for missing recordings, another backbone for missing weights.
    pub strict: bool,
    /// Where the recordings are and how they are split.
    pub data: DataConfig,
    /// The front end, from audio to image. Its defaults depend on the backbone's architecture.
    pub features: FeatureConfig,
    /// The backbone, from image to embedding.
    pub backbone: BackboneConfig,
    /// The head, from embedding to logits.
    pub head: HeadChoice,
    /// Training of a trial.
    pub train: TrainConfig,
    /// The search.
    pub sweep: SweepConfig,
    /// The gate that distinguishes cries from other sounds.
    pub gate: GateConfig,
    /// What the report measures besides the scores.
    pub evaluation: EvaluationConfig,
}

/// The backbone, from image to embedding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackboneConfig {
    /// The architecture.
    pub arch: Arch,
    /// Weights: a name in `models/weights.toml`, the path of an `.onnx`, `.tflite`, `.safetensors`, `.pt` or `.pth` file, or `random`. With
    /// `arch = "onnx"`, the path of an `.onnx` file.
    pub weights: String,
    /// Weights of YAMNet if it is combined with a ResNet, whose weights are then `weights`.
    pub yamnet_weights: String,
    /// Pooling of YAMNet's patch embeddings: `mean`, or `cry`, the default with YAMNet: mean and standard deviation, weighted
    /// by YAMNet's own score for crying in each patch.
    pub pooling: Pooling,
    /// What to do if the weights can neither be found nor downloaded. With YAMNet and with an ONNX file the default is `fail`, since the
    /// compact backbone takes other inputs.
    pub when_missing: WeightsFallback,
    /// Part of the backbone that each trial trains with its head: `none`, `layer4` or `all`. With `none`, each recording passes
    /// through the backbone once for the whole sweep; otherwise trials are much slower. With YAMNet and with an ONNX file it must be `none`.
    pub train: Trainable,
    /// Initial learning rate of the trained part, above 0 and at most 10; it is reduced together with the head's.
    pub learning_rate: f64,
    /// What the graph of an ONNX file takes and gives; only with `arch = "onnx"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<EncoderInput>,
}

/// What a run does if the weights are not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightsFallback {
    /// Use the compact backbone that is built into the program; the report says so.
    Compact,
    /// Use seeded random weights; the report says so.
    Random,
    /// Fail with exit code 4.
    Fail,
}

/// The gate that distinguishes cries from other sounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// Whether the model gets a gate. Without one, every sound is answered with a class.
    pub enabled: bool,
    /// Number of synthetic sounds of each kind that it is trained on, 2 to 10000.
    pub sounds_per_kind: usize,
    /// Whether it is also trained on a decoy of each training recording: the recording with its cry removed. With YAMNet's own score
    /// for crying there are none.
    pub decoys: bool,
    /// L2 of its logistic regression on standardised embeddings, above 0 and at most 1.
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
            head: HeadChoice::default(),
            train: TrainConfig::default(),
            sweep: SweepConfig::default(),
            gate: GateConfig::default(),
            evaluation: EvaluationConfig::default(),
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
            input: None,
        }
    }
}

impl Default for GateConfig {
    fn default() -> Self {
        Self { enabled: true, sounds_per_kind: 16, decoys: true, ridge: 1e-3 }
    }
}

impl Config {
    /// What the frozen layers of the backbone give, which trials are trained on.
    pub(crate) fn frozen_output(&self) -> FrozenOutput {
        match self.head.kind.takes_frames() {
            true => FrozenOutput::Frames,
            false => FrozenOutput::Before(self.backbone.train),
        }
    }
}

impl Settings for Config {
    const COMMAND: &str = "wail --config FILE";

    /// The defaults for the kind of head, and those for an encoder in an ONNX file or for YAMNet, alone or combined with a ResNet.
    fn special_defaults(&self) -> Result<toml::Table, Source> {
        let kind = self.head.kind;
        let (mut tables, mut train) = (vec!["train", "sweep"], TrainConfig::of_head(kind));
        let (mut features, mut backbone) = (FeatureConfig::default(), BackboneConfig::default());
        let arch = self.backbone.arch;
        if arch == Arch::ONNX {
            (features, backbone) = self.onnx_defaults();
            train.augmented_views = 0;
            tables.extend(["features", "backbone"]);
        }
        if let Some(front_ends) = FeatureConfig::for_inputs(&arch.input_names()).filter(|_| arch.has_yamnet()) {
            let (weights, when_missing) = match arch == Arch::YAMNET {
                true => ("yamnet", WeightsFallback::Fail),
                false => ("resnet18", WeightsFallback::Compact),
            };
            features = front_ends;
            backbone =
                BackboneConfig { arch, weights: weights.into(), pooling: Pooling::Cry, when_missing, ..backbone };
            train.augmented_views = 0;
            tables.extend(["features", "backbone"]);
        }
        let defaults = Self { features, backbone, train, sweep: SweepConfig::of_head(kind), ..Self::default() };
        let mut defaults = toml::Table::try_from(defaults)?;
        defaults.retain(|table, _| tables.contains(&table));
        Ok(defaults)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut found = self.problems_of_values();
        found.extend(self.sweep.problems(self.head.kind));
        let of_keys = self.problems_of_keys(&found);
        found.extend(of_keys);
        found
    }
}

impl Config {
    /// Every invalid value outside `[sweep]`.
    fn problems_of_values(&self) -> Vec<Problem> {
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
        let is_onnx = self.backbone.arch == Arch::ONNX;
        check(
            !(has_yamnet || is_onnx) || self.backbone.train == Trainable::None,
            "backbone.train",
            "must be none: with YAMNet and with an ONNX file the backbone stays frozen",
        );
        check(is_onnx || self.backbone.input.is_none(), "backbone.input", "applies only to backbone.arch = \"onnx\"");
        check(
            has_yamnet || self.backbone.pooling == Pooling::Mean,
            "backbone.pooling",
            "must be mean: only YAMNet has patches",
        );
        check(
            !is_yamnet || self.backbone.when_missing != WeightsFallback::Compact,
            "backbone.when_missing",
            "must be random or fail: the compact backbone cannot replace YAMNet",
        );
        let taken = self.backbone.arch.input_names();
        let front_ends = &self.features.front_ends;
        check(
            is_onnx
                || front_ends.len() == taken.len()
                    && front_ends.iter().all(|front_end| taken.contains(&front_end.input_name())),
            "features.front_end",
            "must be yamnet or yamnet_tflite for YAMNet, image for a ResNet, image+yamnet for both; leave it out to use the one that fits",
        );
        check((2..=10_000).contains(&self.gate.sounds_per_kind), "gate.sounds_per_kind", "must be 2 to 10000");
        check(self.gate.ridge > 0.0 && self.gate.ridge <= 1.0, "gate.ridge", "must be above 0 and at most 1");
        let kind = self.head.kind;
        if !kind.has_epochs() {
            check(
                self.backbone.train == Trainable::None,
                "backbone.train",
                &format!("must be none: a head of the kind {kind} is fitted on a frozen backbone"),
            );
        }
        if kind.takes_frames() {
            check(
                self.backbone.train == Trainable::None,
                "backbone.train",
                &format!("must be none: a head of the kind {kind} takes the frames of a frozen backbone"),
            );
            check(
                self.backbone.arch.only_network().is_some(),
                "backbone.arch",
                &format!(
                    "must be one network: a head of the kind {kind} takes frames, and those of several differ in length"
                ),
            );
        }
        check(
            kind.is_recurrent() || !self.head.bidirectional,
            "head.bidirectional",
            &format!("must be left out: a head of the kind {kind} has no direction"),
        );
        found.extend(self.train.problems(kind));
        found.extend(self.data.problems());
        match is_onnx {
            true => found.extend(self.onnx_problems()),
            false => found.extend(Problem::of_table("features", self.features.validate())),
        }
        found
    }

    /// The defaults for an encoder in an ONNX file: its front end is that of `[backbone.input]`.
    fn onnx_defaults(&self) -> (FeatureConfig, BackboneConfig) {
        let input = self.backbone.input.as_ref().map(EncoderInput::resolved);
        let features = input.as_ref().map(|input| input.front_end().into()).unwrap_or_default();
        let backbone = BackboneConfig {
            arch: Arch::ONNX,
            weights: String::new(),
            when_missing: WeightsFallback::Fail,
            input,
            ..BackboneConfig::default()
        };
        (features, backbone)
    }

    /// Every invalid value of a configuration for an encoder in an ONNX file.
    fn onnx_problems(&self) -> Vec<Problem> {
        let problem = |key: &str, message: &str| Problem { key: key.into(), message: message.into() };
        let BackboneConfig { weights, when_missing, input, .. } = &self.backbone;
        let mut found = Vec::new();
        if weights.is_empty() {
            found.push(problem("backbone.weights", "must be the path of an .onnx file"));
        }
        if *when_missing != WeightsFallback::Fail {
            found.push(problem("backbone.when_missing", "must be fail: nothing can replace the encoder in a file"));
        }
        match input {
            None => found.push(problem("backbone.input", NO_INPUT)),
            Some(input) => found.extend(input.problems(&self.features, self.train.augmented_views)),
        }
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use experiment::{Setting, TrialSettings};
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
    fn keys_are_swept_in_quotes_or_in_a_table_and_an_override_replaces_the_axis() {
        let quoted = load("[sweep]\nseed = [1, 2]\n\"train.weight_decay\" = [1e-4, 1e-2]\n", &[]).unwrap();
        let table = load("[sweep]\nseed = [1, 2]\n[sweep.train]\nweight_decay = [1e-4, 1e-2]\n", &[]).unwrap();
        assert_eq!(quoted, table);
        let names: Vec<String> = quoted.sweep.axes().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["learning_rate", "inner", "dropout", "seed", "train.weight_decay"]);
        assert_eq!(load(&quoted.to_toml().unwrap(), &[]).unwrap(), quoted);
        let text =
            "[sweep]\nstrategy = \"random\"\ntrials = 9\nlearning_rate = { min = 1e-5, max = 0.1, log = true }\n";
        let keys = "inner = { min = 8, max = 64 }\n\"features.spec_augment.probability\" = { min = 0, max = 1.0 }\n";
        let random = load(&format!("{text}{keys}"), &["sweep.train.weight_decay={ min = 0.0, max = 1.0 }"]).unwrap();
        assert_eq!(load(&random.to_toml().unwrap(), &[]).unwrap(), random);
        let replaced = load("[sweep]\n\"train.weight_decay\" = [1e-4]\n", &["sweep.train.weight_decay=[0.5]"]).unwrap();
        let set = replaced.sweep.keys["train.weight_decay"]
            .ends()
            .into_iter()
            .map(|value| value.number())
            .collect::<Vec<_>>();
        assert_eq!(set, [Some(0.5)]);
    }

    #[test]
    fn a_trial_has_the_configuration_of_the_run_with_its_own_values() {
        let config = load("[backbone]\narch = \"yamnet\"\n", &[]).unwrap();
        let settings = |key: &str, value| TrialSettings::from([(key.to_owned(), value)]);
        let clip = config.with(&settings("features.clip_seconds", Setting::Integer(5))).unwrap();
        assert_eq!(clip, load("[backbone]\narch = \"yamnet\"\n", &["features.clip_seconds=5"]).unwrap());
        let both =
            [("train.schedule", Setting::Text("cosine".into())), ("train.plateau_patience", Setting::Integer(3))];
        let both = TrialSettings::from(both.map(|(key, value)| (key.to_owned(), value)));
        let message = config.with(&both).unwrap_err().to_string();
        assert!(message.contains("a trial with train.plateau_patience = 3, train.schedule = cosine: "), "{message}");
        assert!(message.contains("train.plateau_patience: must be left out"), "{message}");
    }

    #[test]
    fn overrides_reach_nested_keys_and_bare_words_are_strings() {
        let config = load("", &["train.epochs=3", "name=mine", "features.spec_augment.probability=0"]).unwrap();
        assert_eq!((config.train.epochs, config.name.as_str()), (3, "mine"));
        assert_eq!(config.features.front_ends[0].spec_augment().unwrap().probability, 0.0);
    }

    #[test]
    fn yamnet_brings_its_front_end_and_the_file_may_override_it() {
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
    fn yamnet_combined_with_a_resnet_brings_both_front_ends() {
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
    fn bad_files_are_refused_with_line_and_column() {
        for (text, overrides, expected) in [
            ("[train]\nepoch = 3\n", vec![], vec!["line 2, column 1", "unknown field `epoch`"]),
            ("seed = \n", vec![], vec!["line 1"]),
            ("seed = -1\n", vec![], vec!["line 1, column 1: seed: invalid value: integer `-1`"]),
            (
                "nmae = 1\n[train]\nepochs = \"five\"\n  batch_size = 0\nepoch = 3\n[data.split]\nkind = \"csv\"\n",
                vec!["train", "sweep.inner=[0]", "gate=7", "train.whiten=maybe"],
                vec![
                    "--set train: there is no '='",
                    "line 1, column 1: nmae: unknown field `nmae`",
                    "line 3, column 1: train.epochs: invalid type: string \"five\"",
                    "line 4, column 3: train.batch_size: must be 1 to 65536",
                    "line 5, column 1: train.epoch: unknown field `epoch`",
                    "line 6, column 7: data.split: missing field `dir`",
                    "--set sweep.inner=[0]: sweep.inner: one or more sizes",
                    "--set gate=7: gate: invalid type: integer `7`",
                    "--set train.whiten=maybe: train.whiten: invalid type: string \"maybe\"",
                ],
            ),
            (
                "name = \"a\"\n[train]\n  epochs = 0\nbatch_size = 0\n",
                vec![],
                vec!["line 3, column 3: train.epochs", "line 4, column 1: train.batch_size"],
            ),
            ("", vec!["train.epochs=0"], vec!["--set train.epochs=0: train.epochs: must be 1 to 10000"]),
            (
                "[train]\nschedule = \"cosine\"\nplateau_factor = 0.1\nlabel_smoothing = 1.0\n",
                vec!["train.patience=20000"],
                vec![
                    "line 3, column 1: train.plateau_factor: must be left out: it belongs to train.schedule = \"plateau\"",
                    "line 4, column 1: train.label_smoothing: must be 0 to below 1",
                    "train.patience: must be at most 10000",
                ],
            ),
            (
                "[head]\nkind = \"logistic\"\n[train]\npatience = 3\n",
                vec!["train.schedule=cosine"],
                vec!["line 4, column 1: train.patience: must be left out", "train.schedule: must be left out"],
            ),
            (
                "[sweep]\nstrategy = \"random\"\ninner = { min = 8, max = 8 }\n\"train.weight_decay\" = [0.1, 2.0]\n",
                vec![
                    "sweep.data.seed=[1]",
                    "sweep.features.n_fft=[\"wide\"]",
                    "sweep.head.kind=[\"mlp\"]",
                    "sweep.train.epoch=[1]",
                ],
                vec![
                    "sweep.trials: must be 1 to 10000 where trials are drawn",
                    "line 3, column 1: sweep.inner: min must be below max",
                    "line 4, column 1: sweep.train.weight_decay: the value 2: train.weight_decay: must be 0 to 1",
                    "--set sweep.data.seed=[1]: sweep.data.seed: cannot be swept: it decides which recordings",
                    "sweep.features.n_fft: the value wide: features.n_fft: invalid type: string",
                    "sweep.head.kind: cannot be swept",
                    "sweep.train.epoch: the value 1: train.epoch: unknown field",
                ],
            ),
            (
                "[sweep]\ninner = { min = 8, max = 64 }\ntrials = 3\nlerning_rate = [1.0]\n[sweep.train]\nwhiten = true\n",
                vec!["sweep.dropout=0.5"],
                vec![
                    "line 2, column 1: sweep.inner: a grid takes a list of values",
                    "line 3, column 1: sweep.trials: must be left out",
                    "line 4, column 1: sweep.lerning_rate: unknown field",
                    "sweep.train: whiten: must be a list of values, or a range",
                    "--set sweep.dropout=0.5: sweep.dropout: invalid type: floating point `0.5`, expected a list of values, or a range",
                ],
            ),
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
