//! `[sweep]`: what is searched, and how.

use std::collections::BTreeMap;

use experiment::Setting;
use model::HeadKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::axis::Axis;
use super::key_axes::KeyAxes;
use super::settings::Problem;

/// Most trials that are drawn.
const MAX_TRIALS: usize = 10_000;

/// The search. An axis is a list of values; if trials are drawn also a range such as `{ min = 1e-5, max = 1e-1, log = true }`,
/// where `log` draws the logarithm uniformly and whole numbers stay whole. A kind of head has the keys that name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Fields", into = "Fields")]
pub struct SweepConfig {
    /// How trials are made from the axes.
    pub strategy: Strategy,
    /// Number of trials, if they are drawn.
    pub trials: Option<usize>,
    /// Number of inner folds that choose the trial; 0 if validation does.
    pub inner_folds: usize,
    /// Initial learning rates of the head.
    pub learning_rate: Axis<f64>,
    /// Sizes of the inner layer of an mlp.
    pub inner: Axis<usize>,
    /// Units of a head over frames.
    pub hidden: Axis<usize>,
    /// Dropout probabilities.
    pub dropout: Axis<f64>,
    /// Inverse strengths of the penalty of a logistic regression.
    pub c: Axis<f64>,
    /// Axes of other keys, by their dotted name such as `train.weight_decay`.
    pub keys: BTreeMap<String, Axis<Setting>>,
}

/// How trials are made from the axes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Every combination of the values.
    #[default]
    Grid,
    /// `sweep.trials` independent draws, which follow from the seed. More trials begin with the same ones.
    Random,
    /// Successive halving of as many draws: all with few epochs, the best third with three times as many, and so on up to
    /// `train.epochs`.
    Halving,
    /// A tree-structured Parzen estimator: ten random draws, then rounds of five trials where the better tenth of those before are
    /// dense and the others are not, up to `sweep.trials`. More trials begin with the same ones.
    Tpe,
}

impl Strategy {
    /// Whether later trials follow from the results of earlier ones.
    pub fn has_rounds(self) -> bool {
        matches!(self, Self::Halving | Self::Tpe)
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// The form in files: the axes of keys are tables of their own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "SweepConfig")]
struct Fields {
    /// How trials are made from the axes. Default: `grid`.
    #[serde(skip_serializing_if = "Strategy::is_default")]
    strategy: Strategy,
    /// random, halving, tpe: number of trials that are drawn, 1 to 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    trials: Option<usize>,
    /// Inner cross-validation: the trial is chosen by its macro-F1 over this many grouped folds of training and validation, 2 to 20.
    /// Default: 0, by its macro-F1 on validation.
    #[serde(skip_serializing_if = "is_zero")]
    inner_folds: usize,
    /// All but logistic: initial learning rates of the head, each above 0 and at most 10.
    #[serde(skip_serializing_if = "Axis::is_empty")]
    learning_rate: Axis<f64>,
    /// mlp: sizes of the head's inner layer, each 1 to 65536.
    #[serde(skip_serializing_if = "Axis::is_empty")]
    inner: Axis<usize>,
    /// attention, gru, lstm: units of the layer on each frame or sizes of the hidden state, each 1 to 4096. Default with them:
    /// `[32, 128]`.
    #[serde(skip_serializing_if = "Axis::is_empty")]
    hidden: Axis<usize>,
    /// All but logistic: dropout before the first layer, each 0 to below 1. Heads over frames drop a feature of a recording from all
    /// of its frames.
    #[serde(skip_serializing_if = "Axis::is_empty")]
    dropout: Axis<f64>,
    /// logistic: inverse strengths of the L2 penalty on standardised embeddings, as scikit-learn's `C`, each 1e-8 to 1e6; smaller
    /// values mean a stronger penalty. Default with a logistic head: `[0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0]`.
    #[serde(skip_serializing_if = "Axis::is_empty")]
    c: Axis<f64>,
    /// All but logistic: seeds of a trial's random draws. The split and the augmented views stay those of the run's seed.
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    seed: KeyAxes,
    /// Any other key of `[train]`, `[features]`, `[head]` and `[backbone]`, such as `"train.weight_decay" = [1e-4, 1e-2]`. Those that
    /// name the encoder, `head.kind`, and all keys of other tables cannot be swept.
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    #[schemars(rename = "\"TABLE.KEY\"")]
    train: KeyAxes,
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    #[schemars(skip)]
    features: KeyAxes,
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    #[schemars(skip)]
    head: KeyAxes,
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    #[schemars(skip)]
    backbone: KeyAxes,
    // Refused, with the reason.
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    #[schemars(skip)]
    name: KeyAxes,
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    #[schemars(skip)]
    strict: KeyAxes,
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    #[schemars(skip)]
    data: KeyAxes,
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    #[schemars(skip)]
    sweep: KeyAxes,
    #[serde(skip_serializing_if = "KeyAxes::is_empty")]
    #[schemars(skip)]
    gate: KeyAxes,
}

impl Fields {
    /// The tables of key axes, each with its name.
    fn tables(&mut self) -> [(&'static str, &mut KeyAxes); 10] {
        [
            ("seed", &mut self.seed),
            ("train", &mut self.train),
            ("features", &mut self.features),
            ("head", &mut self.head),
            ("backbone", &mut self.backbone),
            ("name", &mut self.name),
            ("strict", &mut self.strict),
            ("data", &mut self.data),
            ("sweep", &mut self.sweep),
            ("gate", &mut self.gate),
        ]
    }
}

impl From<Fields> for SweepConfig {
    fn from(mut fields: Fields) -> Self {
        let mut keys = BTreeMap::new();
        for (table, axes) in fields.tables() {
            for (key, axis) in std::mem::take(&mut axes.0) {
                keys.insert(if key.is_empty() { table.to_owned() } else { format!("{table}.{key}") }, axis);
            }
        }
        let Fields { strategy, trials, inner_folds, learning_rate, inner, hidden, dropout, c, .. } = fields;
        Self { strategy, trials, inner_folds, learning_rate, inner, hidden, dropout, c, keys }
    }
}

impl From<SweepConfig> for Fields {
    fn from(config: SweepConfig) -> Self {
        let SweepConfig { strategy, trials, inner_folds, learning_rate, inner, hidden, dropout, c, keys } = config;
        let mut fields =
            Self { strategy, trials, inner_folds, learning_rate, inner, hidden, dropout, c, ..Self::default() };
        for (key, axis) in keys {
            let (name, rest) = key.split_once('.').unwrap_or((&key, ""));
            for (table, axes) in fields.tables() {
                if table == name {
                    axes.0.insert(rest.to_owned(), axis.clone());
                }
            }
        }
        fields
    }
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self::of_head(HeadKind::default())
    }
}

impl SweepConfig {
    /// The default grid of a kind of head.
    pub fn of_head(kind: HeadKind) -> Self {
        let none = Self::from(Fields::default());
        match kind {
            HeadKind::Mlp => Self {
                learning_rate: vec![1e-4, 1e-3, 1e-2].into(),
                inner: vec![64, 128, 256, 512].into(),
                dropout: vec![0.0, 0.5, 0.8].into(),
                ..none
            },
            HeadKind::Logistic => Self { c: Self::path_of_c().into(), ..none },
            HeadKind::Attention | HeadKind::Gru | HeadKind::Lstm => Self {
                learning_rate: vec![1e-4, 1e-3, 1e-2].into(),
                hidden: vec![32, 128].into(),
                dropout: vec![0.0, 0.5, 0.8].into(),
                ..none
            },
        }
    }

    /// The default values of C, from the strongest penalty to the weakest.
    pub fn path_of_c() -> Vec<f64> {
        vec![1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0]
    }

    /// The axes that the search has, each with its name: the head's, then those of keys.
    pub fn axes(&self) -> Vec<(String, Axis<Setting>)> {
        let of_head = self.head_axes().into_iter().map(|axis| (axis.key.to_owned(), axis.axis));
        let of_keys = self.keys.iter().map(|(key, axis)| (key.clone(), axis.clone()));
        of_head.chain(of_keys).filter(|(_, axis)| !axis.is_empty()).collect()
    }

    /// Whether the trials of this search are those of `before`, or begin with them.
    pub fn continues(&self, before: &Self) -> bool {
        let grows = matches!(self.strategy, Strategy::Random | Strategy::Tpe);
        *self == Self { trials: self.trials, ..before.clone() } && (grows || self.trials == before.trials)
    }

    /// Every invalid value, for heads of a kind. Axes of keys are checked by [`super::Config`], which knows the keys.
    pub(super) fn problems(&self, kind: HeadKind) -> Vec<Problem> {
        let own = Self::of_head(kind);
        let axes = self.head_axes().into_iter().zip(own.head_axes());
        let problem = |(axis, own): (HeadAxis, HeadAxis)| {
            let message = match own.axis.is_empty() {
                true if axis.axis.is_empty() => return None,
                true => format!("must be left out: a head of the kind {kind} has no such axis"),
                false => axis.problem()?,
            };
            Some(Problem { key: format!("sweep.{}", axis.key), message })
        };
        let mut found: Vec<Problem> = axes.filter_map(problem).collect();
        let mut check = |ok: bool, key: &str, message: &str| {
            if !ok {
                found.push(Problem { key: key.into(), message: message.into() });
            }
        };
        check(
            self.inner_folds == 0 || (2..=20).contains(&self.inner_folds),
            "sweep.inner_folds",
            "must be 2 to 20, or left out",
        );
        match self.strategy {
            Strategy::Grid => {
                check(self.trials.is_none(), "sweep.trials", "must be left out: a grid has every combination");
                let n = self.axes().iter().fold(1, |n: usize, (_, axis)| n.saturating_mul(axis.ends().len()));
                let message =
                    format!("must have at most {MAX_TRIALS} combinations, not {n}; random search takes some of them");
                check(n <= MAX_TRIALS, "sweep", &message);
                for (name, axis) in self.axes() {
                    let message = "a grid takes a list of values; a range needs sweep.strategy = \"random\"";
                    check(matches!(axis, Axis::Values(_)), &format!("sweep.{name}"), message);
                }
            }
            Strategy::Random | Strategy::Halving | Strategy::Tpe => check(
                self.trials.is_some_and(|trials| (1..=MAX_TRIALS).contains(&trials)),
                "sweep.trials",
                "must be 1 to 10000 where trials are drawn",
            ),
        }
        let halves = self.strategy == Strategy::Halving;
        check(
            !halves || kind.has_epochs(),
            "sweep.strategy",
            &format!("must not be halving: a head of the kind {kind} has no epochs"),
        );
        check(
            !halves || !self.keys.contains_key("train.epochs"),
            "sweep.train.epochs",
            "must be left out: halving sets the epochs of each round",
        );
        found
    }

    fn head_axes(&self) -> [HeadAxis; 5] {
        let numbers = |axis: &Axis<f64>| axis.map(|value| Setting::Number(*value));
        let sizes = |axis: &Axis<usize>| axis.map(|value| Setting::Integer(*value as i64));
        let axis = |key, axis, is_valid, wanted| HeadAxis { key, axis, is_valid, wanted };
        [
            axis(
                "learning_rate",
                numbers(&self.learning_rate),
                |rate| rate > 0.0 && rate <= 10.0,
                "one or more rates, each above 0 and at most 10",
            ),
            axis(
                "inner",
                sizes(&self.inner),
                |size| (1.0..=65_536.0).contains(&size),
                "one or more sizes, each 1 to 65536",
            ),
            axis(
                "hidden",
                sizes(&self.hidden),
                |size| (1.0..=4096.0).contains(&size),
                "one or more sizes, each 1 to 4096",
            ),
            axis(
                "dropout",
                numbers(&self.dropout),
                |p| (0.0..1.0).contains(&p),
                "one or more probabilities, each 0 to below 1",
            ),
            axis("c", numbers(&self.c), |c| (1e-8..=1e6).contains(&c), "one or more values, each 1e-8 to 1e6"),
        ]
    }
}

/// One axis of the head.
struct HeadAxis {
    key: &'static str,
    axis: Axis<Setting>,
    is_valid: fn(f64) -> bool,
    /// What its values must be.
    wanted: &'static str,
}

impl HeadAxis {
    /// What is wrong with the values of an axis that the search has.
    fn problem(&self) -> Option<String> {
        let is_valid = |value: &&Setting| value.number().is_some_and(self.is_valid);
        if self.axis.is_empty() || !self.axis.ends().iter().all(is_valid) {
            return Some(self.wanted.to_owned());
        }
        self.axis.problem().map(String::from)
    }
}
